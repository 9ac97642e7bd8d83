"""Evaluation figures as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from grit.records.comparison import ComparisonRow
from grit.records.rows import ALL_TASKS, TRAINING_TASKS, EvaluationSummary, Interval
from grit.viewer.figures import figure, p_value, part_table

__all__ = ["comparison_figures", "figures_table", "part_figures", "raw_figures"]

_GROUPS = {TRAINING_TASKS: "trained on", ALL_TASKS: "all tasks"}


def figures_table(rows: Sequence[EvaluationSummary], *, title: str | None = None) -> Table:
    """One line a task and model, with n and 95% intervals; tasks stay together."""
    table = _narrow(title)
    table.add_column("task", no_wrap=True)
    table.add_column("model, asked", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in ("accuracy", "IoU", "format"):
        table.add_column(name, no_wrap=True)
    # What no judge has marked is worth a column where there is any; it counts as wrong.
    unscored = any(row.n_unscored for row in rows)
    if unscored:
        table.add_column("unscored", justify="right", no_wrap=True)
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
                _figure(row.accuracy, row.accuracy_bootstrap or row.accuracy_interval),
                _figure(row.grounding_iou, row.grounding_iou_interval),
                _figure(row.format_rate, row.format_interval),
                *((str(row.n_unscored),) if unscored else ()),
                end_section=row is members[-1],
            )
    table.caption = None if unscored else "no answer is unscored"
    table.caption_justify = "left"
    return table


def raw_figures(rows: Sequence[EvaluationSummary]) -> Table | None:
    """The judge's raw scores beside the binarised ones; None where they are the same everywhere."""
    if all(row.accuracy_raw in (None, row.accuracy) for row in rows):
        return None
    table = _narrow("the judge's scores")
    for name in ("task", "model, asked"):
        table.add_column(name, no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in ("binarised", "raw"):
        table.add_column(name, no_wrap=True)
    for row in sorted(rows, key=lambda row: row.task in _GROUPS):
        table.add_row(
            _GROUPS.get(row.task, row.task),
            f"{row.model}, {row.mode}",
            str(row.n_judged),
            _figure(row.accuracy, row.accuracy_bootstrap or row.accuracy_interval),
            _figure(row.accuracy_raw, row.accuracy_raw_interval),
        )
    return table


def part_figures(rows: Sequence[EvaluationSummary]) -> Table | None:
    """MME's score, and tasks by answer type and category; None where there is neither."""
    parts = part_table(rows)
    if parts is None:
        return None
    table = _narrow("parts of tasks")
    for number, name in enumerate(parts.columns):
        table.add_column(name, justify="left" if number < parts.num_words else "right")
    for line in parts.rows:
        table.add_row(*line)
    return table


def comparison_figures(rows: Sequence[ComparisonRow]) -> list[Table]:
    """What the second of each two evaluations has over the first: a table for each two."""
    pairs = dict.fromkeys((row.first, row.second) for row in rows)
    tables = [
        _comparison([row for row in rows if (row.first, row.second) == pair]) for pair in pairs
    ]
    if tables:
        tables[-1].caption = "alone: right in the one, wrong in the other; intervals 95%"
        tables[-1].caption_justify = "left"
    return tables


def _comparison(rows: Sequence[ComparisonRow]) -> Table:
    left_out = max(row.n_left_out for row in rows)
    table = _narrow(
        f"{rows[0].second}, minus {rows[0].first}"
        + (f" (up to {left_out} pairs left out, unscored)" if left_out else "")
    )
    table.add_column("task", no_wrap=True)
    for name in ("n", "alone"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("accuracy", "p", "IoU", "p"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(
            _GROUPS.get(row.task, row.task),
            str(row.n),
            f"{row.only_second} / {row.only_first}",
            _difference(row.accuracy_difference, row.accuracy_interval),
            p_value(row.mcnemar_p).replace("< ", "<"),
            _difference(row.iou_difference, row.iou_interval),
            p_value(row.iou_p).replace("< ", "<"),
        )
    return table


def _narrow(title: str | None) -> Table:
    """A table whose columns stand one space apart: figures with intervals fit 80 characters."""
    return Table(box=SIMPLE_HEAD, padding=0, show_edge=False, title=title, title_justify="left")


def _difference(value: float | None, interval: Interval | None) -> str:
    if value is None or interval is None:
        return "–"
    low, high = (f"{end:+.2f}".replace("-", "−") for end in interval)
    return f"{figure(value, signed=True)} [dim]{low}…{high}[/dim]"


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
