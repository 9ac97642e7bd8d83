"""Which samples of a prepared set are taken: the paper's mixes, by a seed.

Each sample has a place in a shuffled order of its own, a hash of seed and id. So what is taken does
not depend on the order of the file, and a smaller draw is part of a larger one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grit.data.sample import Sample
from grit.errors import DataError

__all__ = [
    "PAPER_CATEGORIES",
    "PAPER_SIZES",
    "TEST_COUNTS",
    "TRAINING_COUNTS",
    "Draw",
    "drawn",
    "even_counts",
    "simple",
    "training_mix",
]

TEST_COUNTS = range(10)
"""True counts of the paper's TallyQA test part, evenly."""

TRAINING_COUNTS = range(5)
"""True counts of its training triplets, evenly."""

PAPER_SIZES = {"vsr": 288, "tallyqa": 491, "gqa": 509}
"""Samples of the paper's test parts that are drawn from larger sets (Table 2)."""


PAPER_CATEGORIES = ("count", "position", "existence")
"""Parts of MME in the paper."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How many samples are taken, and which.

    Args:
        num: How many; None takes all, or the paper's number with ``paper``.
        seed: Of the draw.
        counts: True counts to draw evenly over; empty draws over rows.
        paper: The paper's number and counts for this set, where it states them.
    """

    num: int | None = None
    seed: int = 0
    counts: tuple[int, ...] = ()
    paper: bool = False


def drawn(samples: Sequence[Sample], name: str, draw: Draw) -> list[Sample]:
    """The samples that a draw takes, in the order of the file.

    Args:
        samples: All of them.
        name: The set, as readers are called.
        draw: How many, by which seed.

    Raises:
        DataError: If there are fewer than were asked for.
    """
    num = draw.num
    counts = draw.counts
    if draw.paper:
        num = PAPER_SIZES.get(name) if num is None else num
        counts = counts or (tuple(TEST_COUNTS) if name == "tallyqa" else ())
    if counts:
        among = [sample for sample in samples if sample.count in counts]
        if num is None:
            return among
        return even_counts(among, num, counts=counts, seed=draw.seed)
    return list(samples) if num is None else simple(samples, num, seed=draw.seed)


def simple(samples: Sequence[Sample], num: int, *, seed: int) -> list[Sample]:
    """Any ``num`` of them, each as likely, in the order of the file.

    Raises:
        DataError: If there are fewer.
    """
    if num > len(samples):
        raise DataError(f"{num} samples were asked for, and there are {len(samples)}; ask for less")
    return _in_order(samples, sorted(samples, key=lambda s: _place(s, seed))[:num])


def even_counts(
    samples: Sequence[Sample], num: int, *, counts: Iterable[int], seed: int
) -> list[Sample]:
    """``num`` counting questions, evenly over the true counts, in the order of the file.

    What is left when ``num`` cannot be shared evenly goes to the lowest counts, one each.

    Args:
        samples: Those without a count are passed over.
        num: How many in all.
        counts: Which counts.
        seed: Of the draw.

    Raises:
        DataError: If a count has fewer samples than its share.
    """
    wanted = sorted(set(counts))
    share, rest = divmod(num, len(wanted))
    taken: list[Sample] = []
    for place, count in enumerate(wanted):
        here = sorted((s for s in samples if s.count == count), key=lambda s: _place(s, seed))
        size = share + (place < rest)
        if len(here) < size:
            have = ", ".join(f"{c}: {sum(s.count == c for s in samples)}" for c in wanted)
            raise DataError(
                f"{num} samples evenly over the counts {wanted[0]} to {wanted[-1]} need {size} "
                f"with the count {count}, and there are {len(here)} (samples by count: {have}); "
                "ask for less with --num, or for other counts with --counts"
            )
        taken += here[:size]
    return _in_order(samples, taken)


def training_mix(samples: Sequence[Sample], num: int, *, seed: int) -> list[Sample]:
    """The paper's training mix: half VSR, half TallyQA with the counts 0 to 4 evenly.

    20 are the paper's triplets' mix (10 + 10), 500 and 7,000 those of its Figure 6.

    Args:
        samples: Of both sets; known by ``dataset``.
        num: How many in all, an even number.
        seed: Of the draw.

    Raises:
        DataError: If ``num`` is odd, or a set or a count has too few.
    """
    if num < 2 or num % 2:
        raise DataError(f"a mix of {num} has no halves; ask for an even number, as 20 (--num)")
    relations = [s for s in samples if s.dataset.casefold() == "vsr"]
    counting = [s for s in samples if s.dataset.casefold() == "tallyqa"]
    if len(relations) < num // 2:
        sets = ", ".join(sorted({s.dataset for s in samples}))
        raise DataError(
            f"a mix of {num} needs {num // 2} samples of vsr, and there are {len(relations)} (sets "
            f"named: {sets}); give both sets with --from, or ask for less with --num"
        )
    return [
        *simple(relations, num // 2, seed=seed),
        *even_counts(counting, num // 2, counts=TRAINING_COUNTS, seed=seed),
    ]


def _place(sample: Sample, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {sample.id}".encode("utf-8", "surrogatepass")).digest()


def _in_order(samples: Sequence[Sample], taken: Iterable[Sample]) -> list[Sample]:
    ids = {sample.id for sample in taken}
    return [sample for sample in samples if sample.id in ids]
