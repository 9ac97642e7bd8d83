"""MME's own score: questions come in pairs over one picture, and a pair is right as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from grit.records.rows import EvaluationRow, PairScore
from grit.statistics.intervals import bootstrap_interval

__all__ = ["PAIRED_SETS", "pair_score"]

PAIRED_SETS = frozenset({"mme", "existence"})
"""Sets whose questions come in pairs; a row of another set says so with the key ``pair``."""


def pair_score(rows: Sequence[EvaluationRow]) -> PairScore | None:
    """Score the rows of one category.

    Args:
        rows: Those without a pair are left out. An unscored answer is not right.

    Returns:
        None where no row belongs to a pair. A picture of which one question was asked, or three,
        counts by those that were, and is counted in ``n_torn``.

    Source: Fu et al., MME (arXiv 2306.13394): 100 · accuracy + 100 · accuracy+.
    """
    pictures: dict[str, list[bool]] = {}
    for row in rows:
        pair = row.extra.get("pair")
        if isinstance(pair, str) or row.task in PAIRED_SETS:
            name = pair if isinstance(pair, str) else row.image
            pictures.setdefault(name, []).append(row.correct)
    if not pictures:
        return None
    answers = [right for picture in pictures.values() for right in picture]
    whole = [all(picture) for picture in pictures.values()]
    accuracy, plus = (100 * sum(values) / len(values) for values in (answers, whole))
    # With as many questions a picture, accuracy is a mean over pictures, and so is the score.
    even = len({len(picture) for picture in pictures.values()}) == 1
    each = [100 * sum(picture) / len(picture) + 100 * all(picture) for picture in pictures.values()]
    ends = bootstrap_interval(each, seed=0) if even else None
    return PairScore(
        accuracy=accuracy,
        accuracy_plus=plus,
        score=accuracy + plus,
        score_interval=None if ends is None else (ends.low, ends.high),
        n_questions=len(answers),
        n_pictures=len(pictures),
        n_torn=sum(len(picture) != 2 for picture in pictures.values()),
    )
