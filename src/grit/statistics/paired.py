"""Two models on the same samples: McNemar's exact test, and the paired bootstrap.

Knows nothing of models, rows or tasks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grit.statistics.intervals import Interval

__all__ = ["PairedDifference", "mcnemar_exact", "paired_bootstrap"]

_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The mean of differences, second minus first.

    Args:
        mean: Of the differences, in their units.
        interval: Percentile interval of the mean.
        p_value: Two-sided: twice the smaller share of resampled means on one side of zero, those
            on zero counted on both; never 0, for it cannot be told from one in so many resamples.
    """

    mean: float
    interval: Interval
    p_value: float


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided p-value that two paired shares are the same.

    Args:
        only_first: Samples that the first has right and the second wrong.
        only_second: Samples that the second has right and the first wrong.

    Returns:
        Twice the tail of the binomial with a chance of a half, at most 1; 1.0 where no pair
        differs.

    Raises:
        ValueError: If a count is negative.

    Source: McNemar, Psychometrika 12 (1947), 153-157, in its exact form.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"{only_first} and {only_second} are no counts")
    number = only_first + only_second
    # Whole numbers are exact; a sum of floats would lose the tail of large counts.
    tail = sum(math.comb(number, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << number))


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    level: float = 0.95,
    num_resamples: int = 10_000,
) -> PairedDifference:
    """Resample pairs, and see where the mean difference lies.

    Args:
        first: Figures of one model, one a sample, finite.
        second: Figures of the other on the same samples in the same order.
        seed: Makes the result the same on every machine and in every call.
        level: Confidence, between 0 and 1, both excluded.
        num_resamples: Means drawn.

    Raises:
        ValueError: If the lengths differ, nothing is paired, or a figure is not finite.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 16.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} figures are no pairs")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}; 0.95 means 95%")
    differences = np.subtract(second, first, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise ValueError("cannot compare figures that are not finite; leave those samples out")
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // len(differences))
    means = np.empty(num_resamples)
    for start in range(0, num_resamples, rows):
        stop = min(start + rows, num_resamples)
        picks = rng.integers(len(differences), size=(stop - start, len(differences)))
        means[start:stop] = differences[picks].mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    smaller = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return PairedDifference(
        mean=float(differences.mean()),
        interval=Interval(float(low), float(high), level),
        p_value=min(1.0, 2 * (smaller + 1) / (num_resamples + 1)),
    )
