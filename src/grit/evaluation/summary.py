"""Rows to figures: by task and over groups of tasks, each with its n and a 95% interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grit.evaluation.pairs import pair_score
from grit.records.rows import (
    ALL_TASKS,
    TRAINING_TASKS,
    BoxRow,
    EvaluationRow,
    EvaluationSummary,
    PairScore,
    PartSummary,
)
from grit.statistics.intervals import Interval, bootstrap_interval, wilson_interval

__all__ = ["summarise_rows"]

_PARTING_KEYS = ("answer_type", "category")


def summarise_rows(
    rows: Sequence[EvaluationRow], *, training_tasks: Iterable[str] = ()
) -> list[EvaluationSummary]:
    """Figures of one model in one mode.

    Args:
        rows: Each sample once, all of one model, mode and step.
        training_tasks: Tasks that are also summed up together.

    Returns:
        One summary a task in order of appearance, then the training tasks together where the rows
        hold any, then all tasks.
    """
    by_task: dict[str, list[EvaluationRow]] = {}
    for row in rows:
        by_task.setdefault(row.task, []).append(row)
    summaries = [
        _summary(task, members).model_copy(update=_parts_of_task(members))
        for task, members in by_task.items()
    ]
    trained = [row for row in rows if row.task in set(training_tasks)]
    if trained:
        summaries.append(_summary(TRAINING_TASKS, trained))
    if len(by_task) > 1:
        summaries.append(_summary(ALL_TASKS, list(rows)))
    return summaries


def _summary(task: str, rows: Sequence[EvaluationRow]) -> EvaluationSummary:
    first = rows[0]
    # Answers that are boxes are right by degrees: they have an overlap, and no accuracy.
    judged = [row for row in rows if not row.asks_for_boxes]
    right = sum(row.correct for row in judged)
    raw = [row.score for row in judged if row.score is not None]
    overlaps = [row.grounding_iou for row in rows if row.grounding_iou is not None]
    bare = [row for row in rows if row.true_boxes == ()]
    in_format = sum(row.format_ok for row in rows)
    told = [row.consistent for row in rows if row.consistent is not None]
    return EvaluationSummary(
        model=first.model,
        mode=first.mode,
        step=first.step,
        task=task,
        n=len(rows),
        n_judged=len(judged),
        accuracy=_share(right, len(judged)),
        accuracy_interval=_ends(wilson_interval(right, len(judged))) if judged else None,
        accuracy_bootstrap=_resampled([float(row.correct) for row in judged]),
        # Unscored answers stay in the denominator: a figure must not rise when a judge fails.
        accuracy_raw=sum(raw) / len(judged) if judged else None,
        accuracy_raw_interval=_resampled([row.score or 0.0 for row in judged]),
        grounding_iou=sum(overlaps) / len(overlaps) if overlaps else None,
        grounding_iou_interval=_resampled(overlaps),
        n_with_boxes=len(overlaps),
        no_box_rate=_share(sum(not _draws(row.boxes) for row in bare), len(bare)),
        n_without_boxes=len(bare),
        format_rate=_share(in_format, len(rows)),
        format_interval=_ends(wilson_interval(in_format, len(rows))),
        box_rate=_share(sum(_draws((*row.boxes, *row.answer_boxes)) for row in rows), len(rows)),
        cut_off_share=_share(sum(row.finish == "cut_off" for row in rows), len(rows)),
        unscored_share=_share(sum(row.score is None for row in judged), len(judged)),
        n_unscored=sum(row.score is None for row in judged),
        consistency=_share(sum(told), len(told)),
        n_consistency=len(told),
    )


def _parts_of_task(rows: Sequence[EvaluationRow]) -> dict[str, object]:
    """A task by answer type and by category, and MME's score of the whole."""
    parts: list[PartSummary] = []
    for key in _PARTING_KEYS:
        members: dict[str, list[EvaluationRow]] = {}
        for row in rows:
            name = row.extra.get(key)
            if isinstance(name, str) and not row.asks_for_boxes:
                members.setdefault(name, []).append(row)
        parts += [_part(key, name, members[name]) for name in sorted(members)]
    paired = [part.pairs for part in parts if part.pairs is not None and part.kind == "category"]
    return {"parts": tuple(parts), "pairs": _together(paired) if paired else pair_score(rows)}


def _part(kind: str, name: str, rows: Sequence[EvaluationRow]) -> PartSummary:
    right = [float(row.correct) for row in rows]
    return PartSummary(
        kind=kind,
        name=name,
        n=len(rows),
        n_unscored=sum(row.score is None for row in rows),
        accuracy=sum(right) / len(right),
        accuracy_interval=_resampled(right),
        pairs=pair_score(rows) if kind == "category" else None,
    )


def _together(scores: Sequence[PairScore]) -> PairScore:
    """MME's total: the scores of its categories, added up, each at most 200."""
    return PairScore(
        accuracy=sum(score.accuracy for score in scores),
        accuracy_plus=sum(score.accuracy_plus for score in scores),
        score=sum(score.score for score in scores),
        n_questions=sum(score.n_questions for score in scores),
        n_pictures=sum(score.n_pictures for score in scores),
        n_torn=sum(score.n_torn for score in scores),
    )


def _resampled(values: Sequence[float]) -> tuple[float, float] | None:
    return _ends(bootstrap_interval(values, seed=0)) if values else None


def _draws(boxes: Sequence[BoxRow]) -> bool:
    """Whether any box encloses something; an inverted or empty one is no box."""
    edges = (box.pixels for box in boxes)
    return any(x1 < x2 and y1 < y2 for x1, y1, x2, y2 in edges)


def _share(number: int, of: int) -> float | None:
    return number / of if of else None


def _ends(interval: Interval) -> tuple[float, float]:
    return (interval.low, interval.high)
