"""Waiting out a server that cannot be had: one request tries, with growing waits; others rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from grit.errors import JudgeOutageError
from grit.judges.client import ChatClient, RefusedError

__all__ = ["Pause", "Say"]

AnswerT = TypeVar("AnswerT")

Say = Callable[[str], None]
"""Tells a person; called from the judge's own thread."""

_ALONE = 3
"""Rounds in which a server failed on one question and answered others: it is the question then."""


class Pause:
    """Keeps trying, says so, and lets others know.

    Args:
        client: Who asks.
        say: Told when a pause begins, at each further try, and when it is over.
    """

    def __init__(self, client: ChatClient, say: Say) -> None:
        self._client, self._say = client, say
        self._turn = asyncio.Lock()
        self._num_over = 0
        self.reason: str | None = None
        """Why nothing is being judged; None while all is well. Read by any thread."""

    async def until_answered(self, ask: Callable[[bool], Awaitable[AnswerT]]) -> AnswerT:
        """Ask until there is an answer, however long that takes.

        Args:
            ask: Asks once; told whether it is the one request that tries a failing server.

        Raises:
            RefusedError: If the server answers others and fails on this question, again and again.
            JudgeError: If asking is in vain.
        """
        while True:
            num_over = self._num_over
            try:
                return await ask(False)
            except JudgeOutageError as outage:
                async with self._turn:
                    if self._num_over == num_over:  # else somebody got through while we waited
                        return await self._tried_again(ask, outage)

    def note(self, reason: str) -> None:
        """Say that something takes long; trying goes on all the same."""
        self.reason = reason
        self._say(f"{reason}; still trying")

    def over(self) -> None:
        """Everything was answered."""
        self.reason = None

    async def _tried_again(
        self, ask: Callable[[bool], Awaitable[AnswerT]], outage: JudgeOutageError
    ) -> AnswerT:
        config = self._client.config
        wait, began, rounds_alone = config.pause_wait, time.monotonic(), 0
        try:
            while True:
                num_answered = self._client.num_answered
                self.reason = str(outage)
                self._say(f"{outage}; paused, next try in {wait:g} s")
                await asyncio.sleep(wait)
                wait = min(2 * wait, config.longest_pause)
                try:
                    answer = await ask(True)
                except JudgeOutageError as again:
                    outage = again
                    rounds_alone += self._client.num_answered > num_answered and not again.is_busy
                    if rounds_alone >= _ALONE:
                        raise RefusedError(f"{again}; others were answered meanwhile") from again
                else:
                    self._say(f"the judge is back after {time.monotonic() - began:.0f} s")
                    return answer
        finally:
            self._num_over += 1
            self.reason = None
