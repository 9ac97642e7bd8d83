"""The before/after table, block by block: the training tasks first, then task by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from grit.records.rows import ALL_TASKS, TRAINING_TASKS, EvaluationSummary, Interval
from grit.viewer.scales import figure
from grit.viewer.wording import mode_words, task_words

__all__ = ["Block", "Cell", "TableRow", "headline", "make_blocks"]

_MODE_ORDER = {"direct": 0, "cot": 1, "icl": 2, "grounded": 3}


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure with its 95% interval.

    Args:
        value: The figure in [0, 1]; None when there is nothing to measure.
        interval: Its interval.
        n: Samples behind it.
        best: Whether no other row of its block is higher.
    """

    value: float | None
    interval: Interval | None
    n: int
    best: bool = False

    @property
    def text(self) -> str:
        """Two digits, or a dash."""
        return figure(self.value)

    @property
    def interval_text(self) -> str:
        """Both ends of the interval."""
        return f"{self.interval[0]:.2f}–{self.interval[1]:.2f}" if self.interval else ""

    @property
    def bar(self) -> Markup:
        """The figure on a line from 0 to 1: a dot, with its interval as a thick stroke."""
        if self.value is None:
            return Markup("")
        stroke = Markup("")
        if self.interval:
            low, high = (100 * min(max(end, 0.0), 1.0) for end in self.interval)
            stroke = Markup('<path class="span" d="M{:.1f} 5H{:.1f}"/>').format(low, high)
        return Markup(
            '<svg class="bar" viewBox="-3 0 106 10" aria-hidden="true"><path class="rail" '
            'd="M0 5H100M0 2.5v5M100 2.5v5M50 3.5v3"/>{}<circle cx="{:.1f}" cy="5" r="3"/></svg>'
        ).format(stroke, 100 * min(max(self.value, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class TableRow:
    """One model in one mode."""

    name: str
    mode: str
    cells: tuple[Cell, Cell, Cell]
    """Accuracy, grounding IoU, format rate."""
    summary: EvaluationSummary


@dataclass(frozen=True, slots=True)
class Block:
    """One task, or a group of tasks, with a row for each model and mode."""

    task: str
    name: str
    trained: bool
    rows: tuple[TableRow, ...]


def make_blocks(
    summaries: Sequence[EvaluationSummary], training_tasks: Sequence[str]
) -> list[Block]:
    """Order the figures: the training tasks together, each of them, the others, all together."""
    tasks = dict.fromkeys(summary.task for summary in summaries)

    def place(task: str) -> tuple[int, int]:
        groups = {TRAINING_TASKS: 0, ALL_TASKS: 3}
        return groups.get(task, 1 if task in training_tasks else 2), list(tasks).index(task)

    blocks: list[Block] = []
    for task in sorted(tasks, key=place):
        of_task = sorted(
            (summary for summary in summaries if summary.task == task),
            key=lambda summary: (_MODE_ORDER[summary.mode], summary.step or 0),
        )
        blocks.append(
            Block(
                task=task,
                name=task_words(task),
                trained=task == TRAINING_TASKS or task in training_tasks,
                rows=_rows(of_task),
            )
        )
    return blocks


def headline(blocks: Sequence[Block]) -> str:
    """The finding in one sentence; empty where a row that it needs is missing."""
    if not blocks:
        return ""
    block = blocks[0]
    direct, cot, grounded = (
        next((row for row in reversed(block.rows) if row.mode == mode), None)
        for mode in ("direct", "cot", "grounded")
    )
    if grounded is None or (direct is None and cot is None):
        return ""
    before = " and ".join(
        f"{row.cells[0].text} ({how})"
        for row, how in ((direct, "asked directly"), (cot, "with the paper’s prompt"))
        if row is not None
    )
    said = f"On {'the ' if block.task == TRAINING_TASKS else ''}{block.name}, accuracy went from "
    said += f"{before} to {grounded.cells[0].text} after training"
    if grounded.cells[1].value is not None:
        said += f", while the boxes of the chains reach a grounding IoU of {grounded.cells[1].text}"
    return said + "."


def _rows(summaries: Sequence[EvaluationSummary]) -> tuple[TableRow, ...]:
    highest = [
        max((value for value in column if value is not None), default=None)
        for column in zip(*(_values(summary) for summary in summaries), strict=True)
    ]
    several = len(summaries) > 1

    def cell(value: float | None, interval: Interval | None, n: int, column: int) -> Cell:
        best = several and value is not None and value > 0 and value == highest[column]
        return Cell(value, interval, n, best)

    return tuple(
        TableRow(
            name=mode_words(one.model, one.mode, one.step),
            mode=one.mode,
            cells=(
                cell(one.accuracy, one.accuracy_interval, one.n_judged, 0),
                cell(one.grounding_iou, one.grounding_iou_interval, one.n_with_boxes, 1),
                cell(one.format_rate, one.format_interval, one.n, 2),
            ),
            summary=one,
        )
        for one in summaries
    )


def _values(summary: EvaluationSummary) -> tuple[float | None, float | None, float | None]:
    return summary.accuracy, summary.grounding_iou, summary.format_rate
