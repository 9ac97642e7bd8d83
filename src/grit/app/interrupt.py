"""Ctrl-C and SIGTERM: the first finishes the step, the second stops at once.

A signal to one process of several stops all of them after the same step.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from grit.processes.processes import ALONE, Processes

__all__ = ["StopRequest", "stop_on_signals"]


_SAID = b"\nfinishing the step, then stopping; again stops at once\n"


class StopRequest:
    """Whether someone has asked the run to stop. Call it to know, in every process.

    Args:
        processes: Who make the run together.
    """

    def __init__(self, processes: Processes = ALONE) -> None:
        self.signal: int | None = None
        self.agreed: int | None = None
        self._processes = processes

    @property
    def is_writer(self) -> bool:
        """Whether this process speaks for the run."""
        return self._processes.is_writer

    def __call__(self) -> bool:
        """Whether to stop after the present step; the same answer everywhere."""
        heard = [signal for signal in self._processes.gather(self.signal) if signal is not None]
        # Kept apart from our own signal: a launcher may still pass it on, and that is no second.
        self.agreed = heard[0] if heard else None
        return self.agreed is not None


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[StopRequest]:
    """Turn the first signal into a request, said on stderr, and let the second one interrupt.

    Args:
        request: Takes note; a signal to one process of a run asks all of them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if request.signal is not None:
            raise KeyboardInterrupt
        request.signal = number
        # A handler may stand in the middle of anything, a console's printing among it: it must
        # reach the file by itself.
        if request.is_writer:
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _SAID)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
