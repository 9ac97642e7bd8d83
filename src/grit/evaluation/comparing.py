"""Two evaluations, sample by sample: who is right where the other is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from grit.records.comparison import ComparisonRow
from grit.records.rows import ALL_TASKS, TRAINING_TASKS, EvaluationRow
from grit.statistics.paired import mcnemar_exact, paired_bootstrap

__all__ = ["compare_rows", "name_of"]

_Pair = tuple[EvaluationRow, EvaluationRow]


def compare_rows(
    first: Sequence[EvaluationRow],
    second: Sequence[EvaluationRow],
    *,
    training_tasks: Iterable[str] = (),
) -> list[ComparisonRow]:
    """Compare two evaluations on the samples that both answered.

    Args:
        first: Each sample once, all of one model and mode.
        second: The same of another.
        training_tasks: Tasks that are also compared together.

    Returns:
        One row a task in order of appearance, then the training tasks and all tasks together, as
        in ``summarise_rows``.
    """
    others = {row.sample_id: row for row in second}
    tasks = list(dict.fromkeys(row.task for row in (*first, *second)))
    groups = [(task, {task}) for task in tasks]
    trained = set(training_tasks) & set(tasks)
    groups += [(TRAINING_TASKS, trained)] if trained else []
    groups += [(ALL_TASKS, set(tasks))] if len(tasks) > 1 else []
    found: list[ComparisonRow] = []
    for task, members in groups:
        mine = [row for row in first if row.task in members]
        theirs = sum(row.task in members for row in second)
        pairs = [(row, others[row.sample_id]) for row in mine if row.sample_id in others]
        unpaired = len(mine) + theirs - 2 * len(pairs)
        if pairs:
            found.append(_compare(task, pairs, unpaired))
    return found


def name_of(row: EvaluationRow) -> str:
    """Label, mode and step of an evaluation."""
    step = "" if row.step is None else f", step {row.step}"
    return f"{row.model}, {row.mode}{step}"


def _compare(task: str, pairs: Sequence[_Pair], unpaired: int) -> ComparisonRow:
    asked = [(a, b) for a, b in pairs if not a.asks_for_boxes]
    judged = [(a, b) for a, b in asked if a.score is not None and b.score is not None]
    return ComparisonRow(
        task=task,
        first=name_of(pairs[0][0]),
        second=name_of(pairs[0][1]),
        n=len(judged),
        n_left_out=len(asked) - len(judged),
        n_unpaired=unpaired,
        **_accuracies(judged),
        **_overlaps(pairs),
    )


def _accuracies(pairs: Sequence[_Pair]) -> dict[str, Any]:
    if not pairs:
        return {}
    ours, theirs = ([float(pair[place].correct) for pair in pairs] for place in (0, 1))
    only_first = sum(a.correct and not b.correct for a, b in pairs)
    only_second = sum(b.correct and not a.correct for a, b in pairs)
    found = paired_bootstrap(ours, theirs, seed=0)
    return {
        "accuracy": (fmean(ours), fmean(theirs)),
        "accuracy_difference": found.mean,
        "accuracy_interval": (found.interval.low, found.interval.high),
        "only_first": only_first,
        "only_second": only_second,
        "mcnemar_p": mcnemar_exact(only_first, only_second),
    }


def _overlaps(pairs: Sequence[_Pair]) -> dict[str, Any]:
    both = [
        (a.grounding_iou, b.grounding_iou)
        for a, b in pairs
        if a.grounding_iou is not None and b.grounding_iou is not None
    ]
    if not both:
        return {}
    ours, theirs = [a for a, _ in both], [b for _, b in both]
    found = paired_bootstrap(ours, theirs, seed=0)
    return {
        "n_with_boxes": len(both),
        "grounding_iou": (fmean(ours), fmean(theirs)),
        "iou_difference": found.mean,
        "iou_interval": (found.interval.low, found.interval.high),
        "iou_p": found.p_value,
    }
