"""Asks a chat model what the cache does not know: concurrently, patiently, each thing once.

Everything here runs in one event loop. What a request can end in: a reply; ``RefusedError`` (this
question will never be answered); ``JudgeOutageError`` (the server cannot be had, after all tries);
another ``JudgeError`` (nobody will be answered with this key, or the budget is spent).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from grit.config.judge import ChatJudgeConfig
from grit.errors import JudgeError, JudgeOutageError
from grit.judges.cache import CachedReply, ReplyCache
from grit.judges.circuit import Circuit
from grit.judges.connection import Connection
from grit.judges.failure import Backoff, Kind, RequestError
from grit.judges.key import Key
from grit.judges.question import ChatQuestion, Reply
from grit.judges.reading import Reading, read_score
from grit.judges.spending import Spending

__all__ = ["ChatClient", "RefusedError", "reading_of", "score_in"]


class RefusedError(Exception):
    """The server will not answer this question; the next one is another matter."""


def reading_of(reply: Reply) -> Reading:
    """The score in a reply; none in one that met its length limit: 0.9 may end after its 0."""
    if reply.finish == "length":
        return Reading(None, fault="the reply was cut off at judge.max_reply_tokens")
    return read_score(reply.text)


def score_in(reply: Reply) -> float | None:
    """The score alone."""
    return reading_of(reply).score


class ChatClient:
    """One server, one model.

    Args:
        config: All about them.
        key: Of the server.
        cache: Replies that were paid for; None keeps nothing.
        spending: Counts, and refuses when the budget is spent.
    """

    def __init__(
        self, config: ChatJudgeConfig, key: Key, cache: ReplyCache | None, spending: Spending
    ) -> None:
        self.config, self.spending = config, spending
        self.num_answered = 0
        """Requests that came back with a reply."""
        self._cache = cache
        self._connection = Connection(config, key)
        self._circuit = Circuit(failures=config.circuit_failures, rest=config.circuit_wait)
        # Its own generator: judging must not move the streams that a checkpoint holds.
        self._backoff = Backoff(
            first=config.retry_wait, longest=config.longest_wait, rng=random.Random()
        )
        self._slots = asyncio.Semaphore(config.concurrency)
        self._flying: dict[str, asyncio.Task[Reply]] = {}
        self._barred: JudgeError | None = None
        self._first_way = 0
        self._parameters = json.dumps(
            {
                "temperature": config.temperature,
                "max_reply_tokens": config.max_reply_tokens,
                "reply_format": config.reply_format,
            }
        )

    @property
    def address(self) -> str:
        """Where the server is."""
        return self._connection.address

    def key_of(self, question: ChatQuestion) -> str:
        """What the question's reply is found by."""
        return question.key(
            server=self.address, model=self.config.model, parameters=self._parameters
        )

    def known(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that the cache has, by key; asks nobody."""
        if self._cache is None:
            return {}
        return {
            key: Reply(row.reply, row.way, row.finish, row.input_tokens, row.output_tokens)
            for key, row in self._cache.get(keys).items()
        }

    async def knows_key(self) -> bool:
        """See ``Connection.knows_key``."""
        return await self._connection.knows_key()

    async def ask(
        self,
        question: ChatQuestion,
        *,
        is_trial: bool = False,
        score_of: Callable[[Reply], float | None] = score_in,
    ) -> Reply:
        """The model's reply: the cache's, that of the same question on its way, or a new one.

        Args:
            question: What to ask.
            is_trial: Whether to ask though the circuit is open.
            score_of: Reads the reply, for the cache's table.

        Raises:
            RefusedError: If the server will not answer this question.
            JudgeOutageError: If it cannot be had.
            JudgeError: If nothing will be answered any more.
        """
        key = self.key_of(question)
        task = self._flying.get(key)
        if task is None:
            task = asyncio.create_task(self._found_or_asked(key, question, is_trial, score_of))
            self._flying[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        # Whoever stops waiting does not stop the request: its reply is paid for, and kept.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let the connections go."""
        await self._connection.close()

    def _landed(self, key: str, task: asyncio.Task[Reply]) -> None:
        del self._flying[key]
        if not task.cancelled():
            task.exception()  # seen, whether anybody still waits or not

    async def _found_or_asked(
        self,
        key: str,
        question: ChatQuestion,
        is_trial: bool,
        score_of: Callable[[Reply], float | None],
    ) -> Reply:
        found = self.known([key]).get(key)
        if found is not None:
            return found
        reply = await self._asked(question, is_trial)
        self.spending.received(reply.input_tokens, reply.output_tokens)
        if self._cache is not None:
            self._cache.put(self._row(key, question, reply, score_of(reply)))
        return reply

    async def _asked(self, question: ChatQuestion, is_trial: bool) -> Reply:
        """Try, wait and try again, as often as the recipe has it."""
        if not is_trial and not self._circuit.admit():
            raise JudgeOutageError(
                f"the judge at {self.address} has failed {self.config.circuit_failures} times in a "
                f"row and is left alone for {self.config.circuit_wait:g} s"
            )
        tries = self.config.max_retries + 1
        error = RequestError(Kind.DOWN, "it was not asked")
        for number in range(tries):
            try:
                async with self._slots:
                    reply = await self._in_some_way(question)
            except RequestError as met:
                error = met
                self._take_note(met)
            else:
                self._circuit.succeeded()
                self.num_answered += 1
                return reply
            if number + 1 < tries:
                await asyncio.sleep(self._backoff.wait(number, error.wait))
        said = f"the judge at {self.address} cannot be had: {error}"
        if tries > 1:
            said += f" ({tries} tries)"
        raise JudgeOutageError(said, is_busy=error.kind is Kind.BUSY) from error

    def _take_note(self, error: RequestError) -> None:
        """Count a failure, or raise what another try cannot mend."""
        if error.kind is Kind.BUSY:
            return
        # A server that has answered and now knows nothing may be starting again, or be behind a
        # proxy that lost it.
        if error.kind is Kind.DOWN or (error.status in (403, 404) and self.num_answered):
            self._circuit.failed()
            return
        self._circuit.succeeded()
        if error.kind is Kind.REFUSED:
            raise RefusedError(str(error)) from error
        self._barred = self._explained(error)
        raise self._barred from error

    def _explained(self, error: RequestError) -> JudgeError:
        config = self.config
        if error.status == 404:
            return JudgeError(
                f"the judge at {self.address} has no model {config.model}, or is no "
                f"OpenAI-compatible server ({error}); correct judge.model or judge.base_url (which "
                "mostly ends in /v1)"
            )
        where = config.api_key_file or f"the environment variable {config.api_key_env}"
        return JudgeError(
            f"the judge at {self.address} refuses the key in {where} ({error}); put the right key "
            "there"
        )

    async def _in_some_way(self, question: ChatQuestion) -> Reply:
        """Ask for a schema, else for JSON mode, else for text, as far as the server takes it."""
        ways = self._ways(question)
        first = min(self._first_way, len(ways) - 1)
        for place in range(first, len(ways)):
            if self._barred is not None:
                raise self._barred
            self.spending.send()
            try:
                reply = await self._connection.send(question, ways[place])
            except RequestError as error:
                # Servers refuse what they do not have with a 400 or 422, or fail on it.
                if error.kind is Kind.REFUSED and place + 1 < len(ways):
                    continue
                raise
            if place > first:
                self._first_way = place
            return reply
        raise AssertionError("the last way returns or raises")

    def _ways(self, question: ChatQuestion) -> tuple[str, ...]:
        if self.config.reply_format != "auto":
            return (self.config.reply_format,)
        return ("text",) if question.schema is None else ("schema", "json", "text")

    def _row(
        self, key: str, question: ChatQuestion, reply: Reply, score: float | None
    ) -> CachedReply:
        return CachedReply(
            key=key,
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            server=self.address,
            model=self.config.model,
            prompt=question.prompt,
            question=question.question,
            reference=question.reference,
            prediction=question.prediction,
            parameters=self._parameters,
            pictures=json.dumps(question.picture_hashes()),
            reply=reply.text,
            way=reply.way,
            finish=reply.finish,
            score=score,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
        )
