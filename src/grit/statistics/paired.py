"""Two models on the same samples: McNemar's exact test, and the paired bootstrap.

Knows nothing of models, rows or tasks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grit.statistics.intervals import Interval, percentile_interval, resampled_means

__all__ = ["PairedDifference", "mcnemar_exact", "paired_bootstrap"]


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
    differences = np.subtract(second, first, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise ValueError("cannot compare figures that are not finite; leave those samples out")
    means = resampled_means(differences.tolist(), seed, num_resamples)
    smaller = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return PairedDifference(
        mean=float(differences.mean()),
        interval=percentile_interval(means, level),
        p_value=min(1.0, 2 * (smaller + 1) / (num_resamples + 1)),
    )
