"""Rows of analyses: what was done to one chain, and what came of it; and their figures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grit.records.rows import Closed, Edges, Measure, Row

__all__ = [
    "CorrelationFigure",
    "CorrelationRow",
    "CorrelationTable",
    "Draw",
]

Draw = Literal["matched", "uniform"]


class CorrelationRow(Row):
    """One judgement on which of two pictures a chain's words belong to."""

    sample_id: str
    task: str
    seed: int
    """Of the random boxes and of the pictures' order."""
    draw: Draw
    """How the random boxes were drawn: sizes as the chains have them, or uniform corners."""
    repeat: int
    """From 0."""
    image: str
    text: str
    """The chain, masked."""
    boxes: tuple[Edges, ...]
    """The chain's own, xyxy pixels."""
    random_boxes: tuple[Edges, ...]
    place: int
    """Where the picture with the chain's boxes stood: 0 or 1."""
    choice: int | None
    """None when the judge failed."""
    right: bool | None
    sure: bool = True
    """False where both pictures fitted alike and the judge took one at random."""
    reason: str
    judge: str


class CorrelationFigure(Closed):
    """How often the judge found the chain's own boxes, on one task or on all."""

    task: str
    draw: Draw
    n: int
    """Chains."""
    mean: Measure
    """Of the repeats' rates; what the judge left unscored is in no rate."""
    deviation: Measure
    """Unbiased standard deviation over the repeats."""
    repeats: int
    unscored: int = 0
    """Judgements that failed."""
    undecided: int = 0
    """Judgements in which both pictures fitted alike."""


class CorrelationTable(Row):
    """The figures of one set of chains."""

    source: str
    """Whose chains: model and mode, or a file."""
    judge: str
    seed: int
    figures: tuple[CorrelationFigure, ...]
    left_out: dict[str, int] = Field(default_factory=dict[str, int])
    """Chains that cannot be asked about, by reason."""
