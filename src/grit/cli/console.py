"""Where the command line writes: results to stdout, progress and warnings to stderr.

rich is imported when something is written, so that a command's help does not wait for it.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Advance", "err", "out", "progress"]

_SECONDS_BETWEEN_LINES = 10.0


class Advance(Protocol):
    """Tells a progress display that work was done."""

    def __call__(self, amount: int = 1, *, note: str = "") -> None:
        """Count ``amount`` as done; ``note`` stands beside the bar."""
        ...


@functools.cache
def out() -> Console:
    """The console for results; numbers and paths keep the colours that we give them."""
    from rich.console import Console

    return Console(highlight=False)


@functools.cache
def err() -> Console:
    """The console for progress, warnings and anything that is not the result."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def warn(message: str) -> None:
    """Say something beside the result, to the letter: a server's words may look like markup."""
    err().print(message, style="yellow", markup=False, soft_wrap=True)


@contextmanager
def progress(title: str, total: int, *, start: int = 0) -> Iterator[Advance]:
    """Show how far a piece of work is, with the time that is left.

    Args:
        title: What is being done, in a word or two.
        total: Number of pieces.
        start: Pieces that were done before (a resumed run).

    Yields:
        A function that counts pieces. On a terminal it moves a bar; elsewhere it writes a plain
        line now and then, so that a log file stays readable.
    """
    if not err().is_terminal:
        yield _Lines(title, total, start)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=err()) as bar:
        task = bar.add_task(title, total=total, completed=start, note="")

        def advance(amount: int = 1, *, note: str = "") -> None:
            bar.update(task, advance=amount, note=note)

        yield advance


class _Lines:
    """Progress as plain lines: at most one in ten seconds, and the last one."""

    def __init__(self, title: str, total: int, start: int) -> None:
        self._title, self._total = title, total
        self._start = self._done = start
        self._begun = time.monotonic()
        self._written = self._begun

    def __call__(self, amount: int = 1, *, note: str = "") -> None:
        """Count, and write a line where one is due."""
        self._done += amount
        now = time.monotonic()
        if now - self._written < _SECONDS_BETWEEN_LINES and self._done < self._total:
            return
        self._written = now
        elapsed = now - self._begun
        fresh = max(1, self._done - self._start)
        left = elapsed / fresh * max(0, self._total - self._done)
        line = f"{self._title} {self._done}/{self._total}, {_clock(elapsed)}, left {_clock(left)}"
        print(f"{line}, {note}" if note else line, file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
