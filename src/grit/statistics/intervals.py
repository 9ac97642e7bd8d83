"""Intervals for rates and means, and the spread of a figure over repeated runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

__all__ = [
    "Interval",
    "Spread",
    "bootstrap_interval",
    "mean_and_spread",
    "percentile_interval",
    "resampled_means",
    "wilson_interval",
]

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

_DRAWS_AT_ONCE = 4_000_000
"""Resampled values held in memory at a time; 8 bytes each."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval, in units of the figure that it belongs to.

    Args:
        low: Lower end.
        high: Upper end.
        level: Share of repetitions in which such an interval holds the true value.
    """

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over repeated runs.

    Args:
        mean: Their mean.
        deviation: Unbiased standard deviation; None for a single run, which shows no spread.
        low: The smallest.
        high: The largest.
        num_runs: How many there are.
    """

    mean: float
    deviation: float | None
    low: float
    high: float
    num_runs: int


def wilson_interval(num_hits: int, num_trials: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval for a rate, without continuity correction.

    Unlike the normal interval it stays inside [0, 1] and does not collapse at rates of 0 and 1.

    Args:
        num_hits: Trials that went well.
        num_trials: All trials; 0 gives [0, 1], for nothing is known.
        level: Confidence, between 0 and 1, both excluded.

    Raises:
        ValueError: If the counts cannot be a rate, or the level is no level.

    Source: Wilson, JASA 22 (1927), 209-212.
    """
    _require_level(level)
    if not 0 <= num_hits <= num_trials:
        raise ValueError(f"{num_hits} hits in {num_trials} trials is no rate")
    if num_trials == 0:
        return Interval(0.0, 1.0, level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = num_hits / num_trials
    shrink = 1 + z * z / num_trials
    centre = (rate + z * z / (2 * num_trials)) / shrink
    half = (z / shrink) * math.sqrt(
        rate * (1 - rate) / num_trials + z * z / (4 * num_trials * num_trials)
    )
    # The ends are exactly 0 and 1 at the extremes; rounding would leave them a hair off.
    low = 0.0 if num_hits == 0 else max(0.0, centre - half)
    high = 1.0 if num_hits == num_trials else min(1.0, centre + half)
    return Interval(low, high, level)


def bootstrap_interval(
    values: Sequence[float], *, seed: int, level: float = 0.95, num_resamples: int = 2000
) -> Interval:
    """Percentile bootstrap interval for the mean of values.

    Args:
        values: One figure per sample, finite.
        seed: Makes the interval the same on every machine and in every call.
        level: Confidence, between 0 and 1, both excluded.
        num_resamples: Means drawn; 2000 give the ends of a 95% interval to within a tenth of a
            standard error.

    Raises:
        ValueError: If there are no values or one is not finite, or the level is no level.

    Source: Efron, Annals of Statistics 7 (1979), 1-26.
    """
    return percentile_interval(resampled_means(values, seed, num_resamples), level)


def resampled_means(values: Sequence[float], seed: int, num_resamples: int) -> Floats:
    """Means of as many values as there are, drawn with replacement; one a resample.

    Raises:
        ValueError: If there are no values or one is not finite, or nothing is to be drawn.
    """
    if num_resamples < 1:
        raise ValueError(f"num_resamples must be at least 1, not {num_resamples}")
    figures = _finite(values)
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // len(figures))
    means = np.empty(num_resamples)
    for start in range(0, num_resamples, rows):
        stop = min(start + rows, num_resamples)
        picks = rng.integers(len(figures), size=(stop - start, len(figures)))
        means[start:stop] = figures[picks].mean(axis=1)
    return means


def percentile_interval(means: Floats, level: float) -> Interval:
    """What is left of resampled means when as much is cut off at both ends.

    Raises:
        ValueError: If the level is no level.
    """
    _require_level(level)
    tail = (1 - level) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Interval(float(low), float(high), level)


def mean_and_spread(values: Sequence[float]) -> Spread:
    """Mean and spread of one figure over runs with several seeds.

    Raises:
        ValueError: If there are no values or one is not finite.
    """
    figures = _finite(values)
    return Spread(
        mean=float(figures.mean()),
        deviation=float(figures.std(ddof=1)) if len(figures) > 1 else None,
        low=float(figures.min()),
        high=float(figures.max()),
        num_runs=len(figures),
    )


def _require_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}; 0.95 means 95%")


def _finite(values: Sequence[float]) -> Floats:
    """The values as float64, refused when none are there or one is not finite."""
    if len(values) == 0:
        raise ValueError("there is no mean of no values; leave the figure out")
    figures = np.array(values, dtype=np.float64)
    if not np.isfinite(figures).all():
        worst = next(value for value in values if not math.isfinite(value))
        raise ValueError(f"cannot average {worst}; leave unscored samples out first")
    return figures
