"""Numbers made ready to be drawn: ticks, moving means, fewer points, short figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["Point", "figure", "moving_mean", "nice_ticks", "shortened", "thin_out", "tick_label"]

Point = tuple[float, float]


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers 1, 2 or 5 times a power of ten apart that lie within a range."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def moving_mean(points: Sequence[Point], width: int) -> list[Point]:
    """Each y replaced by the mean of the points up to ``width // 2`` away, fewer at the ends."""
    half = max(0, width // 2)
    values = [y for _, y in points]
    means: list[Point] = []
    for place, (x, _) in enumerate(points):
        window = values[max(0, place - half) : place + half + 1]
        means.append((x, sum(window) / len(window)))
    return means


def thin_out(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many points: each the mean of a run of neighbours, the last one kept as it is."""
    if len(points) <= most:
        return list(points)
    size = math.ceil((len(points) - 1) / (most - 1))
    thinned: list[Point] = []
    for start in range(0, len(points) - 1, size):
        chunk = points[start : min(start + size, len(points) - 1)]
        thinned.append((chunk[len(chunk) // 2][0], sum(y for _, y in chunk) / len(chunk)))
    thinned.append(points[-1])
    return thinned


def tick_label(value: float) -> str:
    """A tick's number, as short as it goes."""
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:g}"


def shortened(value: float) -> float:
    """Four significant digits: as many as anybody reads off a chart."""
    return float(f"{value:.4g}")


def figure(value: float | None, digits: int = 2) -> str:
    """A figure for a table; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"
