"""A circuit breaker: leaves a failing server alone, then lets one request see how it is."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Circuit"]


class Circuit:
    """Counts failures in a row. Knows nothing of requests.

    Args:
        failures: In a row, after which it opens.
        rest: Seconds that it stays open; then one request at a time is let through until one
            comes back.
        clock: Monotonic seconds.
    """

    def __init__(
        self, *, failures: int, rest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._rest, self._clock = failures, rest, clock
        self._in_a_row = 0
        self._closed_again: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing new should be sent right now."""
        return self._closed_again is not None and self._clock() < self._closed_again

    def admit(self) -> bool:
        """Whether a new request may be sent; the first one after the rest is the trial."""
        if self._closed_again is None:
            return True
        if self._clock() < self._closed_again:
            return False
        self._closed_again = self._clock() + self._rest  # until the trial is back
        return True

    def failed(self) -> None:
        """A request met a server that is not well."""
        self._in_a_row += 1
        if self._in_a_row >= self._most:
            self._closed_again = self._clock() + self._rest

    def succeeded(self) -> None:
        """A request came back."""
        self._in_a_row = 0
        self._closed_again = None
