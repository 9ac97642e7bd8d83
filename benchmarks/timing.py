"""Timing side by side: ways to do one thing take turns, so that all see the same machine."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

__all__ = [
    "Spent",
    "median_spent",
    "peak_bytes",
    "reset_peak",
    "resident_bytes",
    "spent_by",
    "take_turns",
]

NameT = TypeVar("NameT", bound=Hashable)
FoundT = TypeVar("FoundT")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of a call.

    Args:
        wall: By the clock on the wall.
        processor: Of all processors together; other work on the machine does not move it.
    """

    wall: float
    processor: float


def spent_by(call: Callable[[], object], *, device: str = "cpu") -> Spent:
    """What a call takes; work of a GPU is waited for."""
    _finish(device)
    wall, processor = time.perf_counter(), time.process_time()
    call()
    _finish(device)
    return Spent(time.perf_counter() - wall, time.process_time() - processor)


def take_turns(ways: Mapping[str, Callable[[], FoundT]], *, rounds: int) -> dict[str, list[FoundT]]:
    """What each way says, A B A B …; the first turn of each is thrown away."""
    found: dict[NameT, list[FoundT]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def median_spent(turns: Sequence[Spent]) -> Spent:
    """The median of each clock."""
    return Spent(
        statistics.median(turn.wall for turn in turns),
        statistics.median(turn.processor for turn in turns),
    )


def resident_bytes() -> int:
    """Memory of this process now; Linux only."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The most memory that this process has had since ``reset_peak``; Linux only."""
    return _status("VmHWM")


def reset_peak() -> int:
    """Let the peak start from what is held now, which is given back in bytes; Linux only."""
    # What was freed and kept for later would hide what the next call takes; only glibc has this.
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return resident_bytes()


def _finish(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"/proc/self/status has no {name}")
