"""How a request to a judge can fail, and how long to wait before the next one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto

__all__ = ["Backoff", "Kind", "RequestError", "retry_after"]


class Kind(Enum):
    """What a failure means for what is asked next."""

    DOWN = auto()
    """The server is not well: a timeout, a 5xx, a broken reply. Another try may do."""
    BUSY = auto()
    """It is well and wants to be asked later: 408, 409, 429."""
    REFUSED = auto()
    """It will not answer this question, ever; other questions are another matter."""
    BARRED = auto()
    """It will not answer anybody with this key, model or address."""


class RequestError(Exception):
    """One request failed.

    Args:
        kind: What it means.
        message: What happened, without the key.
        status: HTTP status; None where none came.
        wait: Seconds that the server asks to be left alone; None where it does not say.
    """

    def __init__(
        self, kind: Kind, message: str, *, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.wait = wait


class Backoff:
    """Growing waits with jitter; a server's own word goes before them.

    Args:
        first: Seconds before the second try.
        longest: Upper bound of any wait, in seconds.
        rng: Of the jitter; apart from every stream that training draws from.
    """

    def __init__(self, *, first: float, longest: float, rng: random.Random) -> None:
        self._first, self._longest, self._rng = first, longest, rng

    def wait(self, number: int, asked: float | None = None) -> float:
        """Seconds to wait after failure ``number`` (from 0).

        Args:
            number: How many tries have failed before this one.
            asked: What Retry-After says, in seconds; jitter then only adds to it.
        """
        grown = self._first * 2.0 ** min(number, 30)
        if asked is None:
            return min(grown, self._longest) * self._rng.uniform(0.5, 1.0)
        return min(asked + self._first * self._rng.uniform(0.0, 0.5), self._longest)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: ``retry-after-ms``, or seconds or a date in Retry-After.

    Source: RFC 9110, section 10.2.3.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if milliseconds.isdecimal():
        return int(milliseconds) / 1000
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
