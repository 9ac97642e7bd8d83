"""Evaluation figures as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from grit.records.rows import ALL_TASKS, TRAINING_TASKS, EvaluationSummary, Interval

__all__ = ["figures_table"]

_GROUPS = {TRAINING_TASKS: "trained on", ALL_TASKS: "all tasks"}


def figures_table(rows: Sequence[EvaluationSummary], *, title: str | None = None) -> Table:
    """One line a task and model, with n and 95% intervals; tasks stay together."""
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title, title_justify="left"
    )
    table.add_column("task", no_wrap=True)
    table.add_column("model, asked", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in ("accuracy", "IoU", "format"):
        table.add_column(name, no_wrap=True)
    tasks = list(dict.fromkeys(row.task for row in rows))
    # Groups of tasks come last, after what they are made of.
    tasks.sort(key=lambda task: task in _GROUPS)
    for task in tasks:
        members = [row for row in rows if row.task == task]
        for row in members:
            table.add_row(
                _GROUPS.get(task, task) if row is members[0] else "",
                f"{row.model}, {row.mode}",
                _number(row),
                _figure(row.accuracy, row.accuracy_interval),
                _figure(row.grounding_iou, row.grounding_iou_interval),
                _figure(row.format_rate, row.format_interval),
                end_section=row is members[-1],
            )
    return table


def _number(row: EvaluationSummary) -> str:
    """Samples, and behind a plus those whose answer is a box: they have no accuracy."""
    unjudged = row.n - row.n_judged
    return f"{row.n_judged} + {unjudged}" if row.n_judged and unjudged else str(row.n)


def _figure(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return "–"
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} [dim]{_short(interval[0])}–{_short(interval[1])}[/dim]"


def _short(share: float) -> str:
    """A share in three characters, so that a line fits a terminal of 80."""
    return f"{share:.2f}".removeprefix("0") if share < 0.995 else "1.0"
