"""Rows of analyses: what was done to one chain, and what came of it; and their figures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grit.records.rows import Closed, Edges, Interval, Measure, Row

__all__ = [
    "AttentionPoint",
    "AttentionRow",
    "AttentionTable",
    "Continuation",
    "CorrelationFigure",
    "CorrelationRow",
    "CorrelationTable",
    "Draw",
    "EffectFigure",
    "FaithfulnessFigure",
    "FaithfulnessRow",
    "FaithfulnessTable",
    "Intervention",
    "OutcomeRow",
    "Shares",
]

Continuation = Literal["original", "box_free"]

Shares = tuple[tuple[float, ...], ...]
"""One number a layer and token, in [0, 1]."""

Draw = Literal["matched", "uniform"]

Intervention = Literal[
    "unchanged", "blank_cited", "blank_elsewhere", "keep_cited", "random_coordinates", "no_boxes"
]


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


class OutcomeRow(Closed):
    """What followed from one intervention on one chain."""

    kind: Intervention
    start: str
    """What the model was made to have said."""
    added: str
    """How it went on."""
    answer: str | None
    flipped: bool
    """Whether the answer is another than with nothing changed."""
    logprob: Measure
    """Of the recorded answer, after what the model now says before it; nats."""
    regions: tuple[Edges, ...] = ()
    """Blanked, kept, or written into the chain; xyxy pixels."""
    on_cited: Measure = 0.0
    """Share of random regions that lies on the cited ones for want of room."""


class FaithfulnessRow(Row):
    """One chain, and what followed from everything that was done to it."""

    model: str
    seed: int
    sample_id: str
    task: str
    image: str
    image_size: tuple[int, int]
    question: str
    reference: str
    text: str
    """The recorded completion."""
    answer: str | None
    repeats_itself: bool
    """Whether the model, going on from its own chain, answers as recorded."""
    cited: tuple[Edges, ...]
    outcomes: tuple[OutcomeRow, ...]
    """One an intervention, ``unchanged`` first."""

    def outcome(self, kind: Intervention) -> OutcomeRow:
        """What followed from one intervention."""
        return next(each for each in self.outcomes if each.kind == kind)

    def drop(self, kind: Intervention) -> float | None:
        """By how much the answer's log-probability falls, in nats."""
        before, after = self.outcome("unchanged").logprob, self.outcome(kind).logprob
        return None if before is None or after is None else before - after


class EffectFigure(Closed):
    """One figure of a task, with its interval."""

    name: str
    """An intervention, or ``necessity``: blanked cited regions over blanked ones elsewhere."""
    flips: Measure
    """Share of answers that flip; for ``necessity`` the difference of two shares."""
    flips_interval: Interval | None = None
    drop: Measure
    """Mean fall of the answer's log-probability, in nats; for ``necessity`` a difference."""
    drop_interval: Interval | None = None


class FaithfulnessFigure(Closed):
    """The figures of one task, or of all."""

    task: str
    n: int
    """Chains."""
    repeats_itself: Measure
    """Share of chains from which the model answers as recorded when nothing is changed."""
    effects: tuple[EffectFigure, ...]

    def effect(self, name: str) -> EffectFigure:
        """One of them by its name."""
        return next(each for each in self.effects if each.name == name)


class FaithfulnessTable(Row):
    """The figures of one model's chains."""

    source: str
    """Whose chains: model and mode."""
    seed: int
    figures: tuple[FaithfulnessFigure, ...]
    left_out: dict[str, int] = Field(default_factory=dict[str, int])
    """Chains that cannot be examined, by reason."""


class AttentionRow(Row):
    """Where attention falls while one chain goes on after its grounding."""

    model: str
    sample_id: str
    task: str
    text: str
    """The recorded completion."""
    box_free_text: str
    """Its beginning without boxes, and how the model went on from there."""
    original: Shares
    """Share of attention on the picture by layer and token, from ``<rethink>`` on."""
    box_free: Shares
    """The same of the box-free continuation."""


class AttentionPoint(Closed):
    """A mean share of attention with its interval."""

    place: int
    """Token after the split, or layer; from 0."""
    n: int
    """Chains behind it."""
    share: float
    interval: Interval


class AttentionTable(Row):
    """The figures of one model's chains."""

    source: str
    by_token: dict[Continuation, tuple[AttentionPoint, ...]]
    """Mean over layers."""
    by_layer: dict[Continuation, tuple[AttentionPoint, ...]]
    """Mean over tokens."""
    difference: AttentionPoint | None
    """Original less box-free, over layers and tokens."""
    left_out: dict[str, int] = Field(default_factory=dict[str, int])
    """Chains that cannot be compared, by reason."""
