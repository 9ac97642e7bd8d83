"""Outcomes of interventions to figures: by task and over all, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from grit.records.analyses import (
    EffectFigure,
    FaithfulnessFigure,
    FaithfulnessRow,
    Intervention,
)
from grit.records.rows import ALL_TASKS
from grit.statistics.intervals import bootstrap_interval, wilson_interval

__all__ = ["NECESSITY", "faithfulness_figures", "largest_effects"]

NECESSITY = "necessity"
_CHANGES: tuple[Intervention, ...] = (
    "blank_cited",
    "blank_elsewhere",
    "keep_cited",
    "random_coordinates",
    "no_boxes",
)


def faithfulness_figures(rows: Sequence[FaithfulnessRow]) -> list[FaithfulnessFigure]:
    """One figure a task in order of appearance, then one over all tasks."""
    tasks = list(dict.fromkeys(row.task for row in rows))
    figures = [_figure(task, [row for row in rows if row.task == task]) for task in tasks]
    if len(tasks) > 1:
        figures.append(_figure(ALL_TASKS, rows))
    return figures


def largest_effects(rows: Sequence[FaithfulnessRow], number: int) -> list[FaithfulnessRow]:
    """Chains whose answers fell most when their own regions were blanked, over others of the size.

    Of each task at most a fair share, so that no task hides the others.
    """
    ranked = sorted(rows, key=lambda row: (-_necessity_drop(row), row.sample_id))
    share = max(1, -(-number // max(1, len({row.task for row in rows}))))
    taken: dict[str, int] = {}
    kept: list[FaithfulnessRow] = []
    for row in ranked:
        taken[row.task] = taken.get(row.task, 0) + 1
        if taken[row.task] <= share and len(kept) < number:
            kept.append(row)
    return kept


def _figure(task: str, rows: Sequence[FaithfulnessRow]) -> FaithfulnessFigure:
    return FaithfulnessFigure(
        task=task,
        n=len(rows),
        repeats_itself=sum(row.repeats_itself for row in rows) / len(rows),
        effects=(*(_effect(kind, rows) for kind in _CHANGES), _necessity(rows)),
    )


def _effect(kind: Intervention, rows: Sequence[FaithfulnessRow]) -> EffectFigure:
    flips = sum(row.outcome(kind).flipped for row in rows)
    share = wilson_interval(flips, len(rows))
    drops = [drop for row in rows if (drop := row.drop(kind)) is not None]
    return EffectFigure(
        name=kind,
        flips=flips / len(rows),
        flips_interval=(share.low, share.high),
        drop=_mean(drops),
        drop_interval=_bootstrap(drops),
    )


def _necessity(rows: Sequence[FaithfulnessRow]) -> EffectFigure:
    """Blanked cited regions against blanked regions elsewhere, chain by chain."""
    flips = [
        float(row.outcome("blank_cited").flipped) - float(row.outcome("blank_elsewhere").flipped)
        for row in rows
    ]
    drops = [
        own - other
        for row in rows
        if (own := row.drop("blank_cited")) is not None
        and (other := row.drop("blank_elsewhere")) is not None
    ]
    return EffectFigure(
        name=NECESSITY,
        flips=_mean(flips),
        flips_interval=_bootstrap(flips),
        drop=_mean(drops),
        drop_interval=_bootstrap(drops),
    )


def _necessity_drop(row: FaithfulnessRow) -> float:
    return (row.drop("blank_cited") or 0.0) - (row.drop("blank_elsewhere") or 0.0)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _bootstrap(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    interval = bootstrap_interval(values, seed=0)
    return (interval.low, interval.high)
