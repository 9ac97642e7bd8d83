"""Timing side by side: ways to do one thing take turns, so that all see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

__all__ = ["medians", "peak_bytes", "resident_bytes", "seconds", "take_turns"]

FoundT = TypeVar("FoundT")


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes, by the clock on the wall."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def take_turns(ways: Mapping[str, Callable[[], FoundT]], *, rounds: int) -> dict[str, list[FoundT]]:
    """What each way says, A B A B …; the first turn of each is thrown away."""
    found: dict[str, list[FoundT]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def medians(found: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each way's turns."""
    return {name: statistics.median(turns) for name, turns in found.items()}


def resident_bytes() -> int:
    """Memory of this process now; Linux only."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The most memory that this process has had, its parent's not counted; Linux only."""
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"/proc/self/status has no {name}")
