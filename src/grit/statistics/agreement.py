"""How far two raters agree beyond chance. Knows nothing of judges and answers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from grit.statistics.intervals import Interval

__all__ = ["Kappa", "cohens_kappa", "confusion"]


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa of two raters.

    Args:
        value: 1 for full agreement, 0 for what chance gives, below 0 for less.
        error: Its standard error for many subjects; 0 where the raters agree in full.
        interval: value ± z · error, cut to [-1, 1].
    """

    value: float
    error: float
    interval: Interval


def confusion(
    ours: Sequence[Hashable], theirs: Sequence[Hashable], words: Sequence[Hashable]
) -> tuple[tuple[int, ...], ...]:
    """How often which word met which: rows are ours, columns theirs, both in the order of words.

    Args:
        ours: One rater's word on each subject.
        theirs: The other's, in the same order.
        words: All words there are, each once.

    Raises:
        ValueError: If the raters rated unequal numbers, or used a word that is not listed.
    """
    place = {word: at for at, word in enumerate(words)}
    counts = [[0] * len(words) for _ in words]
    for our, their in zip(ours, theirs, strict=True):
        if our not in place or their not in place:
            unknown = our if our not in place else their
            raise ValueError(f"{unknown!r} is none of the words {list(words)}")
        counts[place[our]][place[their]] += 1
    return tuple(tuple(row) for row in counts)


def cohens_kappa(table: Sequence[Sequence[int]], *, level: float = 0.95) -> Kappa | None:
    """Cohen's kappa, unweighted, with its large-sample error.

    Args:
        table: Square counts of ``confusion``.
        level: Confidence of the interval, between 0 and 1, both excluded.

    Returns:
        None where kappa is not defined: nothing was rated, or both raters used one and the same
        word throughout, so that chance alone agrees in full.

    Raises:
        ValueError: If the table is not square, holds a negative count, or the level is no level.

    Source: Cohen, Educational and Psychological Measurement 20 (1960), 37-46; the error is that of
    Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969), 323-327.
    """
    size = len(table)
    if any(len(row) != size for row in table) or any(count < 0 for row in table for count in row):
        raise ValueError("kappa needs a square table of counts of zero or more")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}; 0.95 means 95%")
    total = sum(map(sum, table))
    if total == 0:
        return None
    share = [[count / total for count in row] for row in table]
    ours = [sum(row) for row in share]
    theirs = [sum(row[at] for row in share) for at in range(size)]
    by_chance = sum(our * their for our, their in zip(ours, theirs, strict=True))
    if sum(sum(table[at]) * sum(row[at] for row in table) for at in range(size)) == total * total:
        return None
    kappa = (sum(share[at][at] for at in range(size)) - by_chance) / (1 - by_chance)
    miss = 1 - kappa
    agreed = sum(share[at][at] * (1 - (ours[at] + theirs[at]) * miss) ** 2 for at in range(size))
    differed = miss**2 * sum(
        share[i][j] * (theirs[i] + ours[j]) ** 2 for i in range(size) for j in range(size) if i != j
    )
    spread = agreed + differed - (kappa - by_chance * miss) ** 2
    # Rounding can leave a hair below zero where the raters agree in full.
    error = math.sqrt(max(0.0, spread) / total) / (1 - by_chance)
    half = NormalDist().inv_cdf(0.5 + level / 2) * error
    return Kappa(kappa, error, Interval(max(-1.0, kappa - half), min(1.0, kappa + half), level))
