"""Two evaluations of the same samples, set against each other."""

from __future__ import annotations

from grit.records.rows import EvaluationSummary, Interval, Measure, Row

__all__ = ["ComparisonRow", "FiguresFile"]


class ComparisonRow(Row):
    """What the second evaluation has over the first, on the samples that both answered."""

    task: str
    """A task's name, ``rows.TRAINING_TASKS`` or ``rows.ALL_TASKS``."""
    first: str
    """Label, mode and step of the first: ``base, cot``."""
    second: str
    n: int
    """Samples that both were judged on."""
    n_left_out: int = 0
    """Samples that both answered and that a judge left unscored in one of them."""
    n_unpaired: int = 0
    """Samples that only one of the two answered."""
    accuracy: tuple[Measure, Measure] = (None, None)
    accuracy_difference: Measure = None
    """Second minus first."""
    accuracy_interval: Interval | None = None
    """95%, by paired bootstrap."""
    only_first: int = 0
    """Samples that the first alone has right."""
    only_second: int = 0
    mcnemar_p: Measure = None
    """Exact and two-sided."""
    n_with_boxes: int = 0
    grounding_iou: tuple[Measure, Measure] = (None, None)
    iou_difference: Measure = None
    iou_interval: Interval | None = None
    """95%, by paired bootstrap."""
    iou_p: Measure = None
    """Two-sided, by paired bootstrap."""


class FiguresFile(Row):
    """What ``grit eval --tables FILE.json`` writes."""

    rows: tuple[EvaluationSummary, ...]
    comparisons: tuple[ComparisonRow, ...] = ()
