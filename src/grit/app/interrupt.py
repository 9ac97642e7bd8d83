"""Ctrl-C and SIGTERM: the first finishes the step, the second stops at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopRequest", "stop_on_signals"]


_SAID = b"\nfinishing the step, then stopping; again stops at once\n"


class StopRequest:
    """Whether someone has asked the run to stop. Call it to know."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Whether to stop after the present step."""
        return self.signal is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first signal into a request, said on stderr, and let the second one interrupt."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if request.signal is not None:
            raise KeyboardInterrupt
        request.signal = number
        # A handler may stand in the middle of anything, a console's printing among it: it must
        # reach the file by itself.
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _SAID)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
