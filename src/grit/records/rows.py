"""The typed rows of a run folder. Whoever produces something converts it to these.

Every row is strict JSON: a number that is not finite is written as null, because NaN is no JSON.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from grit.traces.trace import BoxMention, Fault

__all__ = [
    "ALL_TASKS",
    "ROW_VERSION",
    "TRAINING_TASKS",
    "AlarmRow",
    "BoxRow",
    "CheckpointRow",
    "Closed",
    "CompletionRow",
    "ComponentRow",
    "Edges",
    "EvaluationRow",
    "EvaluationSummary",
    "EvaluationTable",
    "FaultRow",
    "Finish",
    "Interval",
    "Measure",
    "Mode",
    "PairScore",
    "PartSummary",
    "Row",
    "StepRow",
    "ValidationRow",
    "VerdictRow",
]

ROW_VERSION = 1
"""Rises when a row changes so that an older reader would misunderstand it."""

TRAINING_TASKS = "training"
"""Stands in a summary's ``task`` for all tasks that the run was trained on, taken together."""

ALL_TASKS = "all"
"""Stands in a summary's ``task`` for every task taken together."""


def _finite_or_none(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


Measure = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""A measured number; None where there was nothing to measure, or the number is not finite."""

Interval = tuple[float, float]
"""Lower and upper end of a 95% interval, in the units of the figure that it belongs to."""

Edges = tuple[float, float, float, float]
Mode = Literal["direct", "cot", "icl", "grounded"]
Finish = Literal["finished", "cut_off"]


class Closed(BaseModel):
    """Frozen, and refuses a field that it does not know."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False
    )


class Row(Closed):
    """What every line of a JSONL file and every JSON file of ours begins with."""

    version: int = ROW_VERSION


class BoxRow(Closed):
    """One box mention of a completion, see ``traces.trace.BoxMention``."""

    raw: Edges
    """xyxy as the model wrote it."""
    space: str
    """The space of ``raw``, a ``geometry.box.Space`` value."""
    pixels: Edges
    """xyxy in pixels of the original picture."""
    start: int
    """First character of the four numbers in the completion's text."""
    end: int
    """One past their last character."""
    label: str | None = None
    segment: str = "think"
    """The part that it stands in, a ``traces.trace.SegmentKind`` value."""

    @classmethod
    def of(cls, mention: BoxMention) -> BoxRow:
        """The row of a parsed mention."""
        return cls(
            raw=mention.raw.as_tuple(),
            space=str(mention.raw.space),
            pixels=mention.box.as_tuple(),
            start=mention.span.start,
            end=mention.span.end,
            label=mention.label,
            segment=str(mention.segment),
        )


class FaultRow(Closed):
    """One thing wrong with a completion, see ``traces.trace.Fault``."""

    kind: str
    start: int
    end: int
    detail: str

    @classmethod
    def of(cls, fault: Fault) -> FaultRow:
        """The row of a parsed fault."""
        return cls(
            kind=str(fault.kind), start=fault.span.start, end=fault.span.end, detail=fault.detail
        )


class VerdictRow(Closed):
    """A judge's word; ``score`` is None when the judge itself failed."""

    score: Measure
    reason: str
    judge: str
    way: str = ""
    """How a chat judge's score was got, see ``judges.verdict.Verdict``."""


class ComponentRow(Closed):
    """What one reward of the rubric paid one completion."""

    value: Measure
    """Before its weight; None when unscored or not applicable."""
    weight: float
    reason: str = ""
    parts: dict[str, Measure] = Field(default_factory=dict[str, float | None])
    applies: bool = True


class StepRow(Row):
    """One training step: what the rollout earned and what the update did."""

    step: int
    """Counts from 1; step 0 is the untrained model."""
    epoch: float
    """Passes over the training data so far, with the fraction of the present one."""
    lr: Measure
    loss: Measure
    policy_loss: Measure
    kl: Measure
    clip_fraction: Measure = None
    grad_norm: Measure = None
    reward_mean: Measure
    reward_std: Measure
    components: dict[str, Measure]
    """Mean weighted pay by reward over the completions that it applies to."""
    zero_variance_share: Measure = None
    duplicate_share: Measure = None
    unscored_share: Measure = None
    cut_off_share: Measure = None
    finished_share: Measure = None
    mean_completion_length: Measure = None
    """In tokens."""
    mismatch_mean: Measure = None
    """Mean over the tokens learned from of |trainer's − engine's log-probability|, before the
    update; of all engines, the local one too."""
    mismatch_max: Measure = None
    """The largest of them."""
    mismatch_kl: Measure = None
    """Mean k3 estimate of KL(engine ‖ trainer) over these tokens."""
    importance_capped_share: Measure = None
    """Share of these tokens, weighted as in the loss, whose importance weight met its bound; 0
    where an engine has no importance weights."""
    format_rate: Measure = None
    box_rate: Measure = None
    num_completions: int | None = None
    num_tokens: int | None = None
    """Completion tokens of the step."""
    seconds: dict[str, Measure] = Field(default_factory=dict[str, float | None])
    """Wall time of the writer by phase: ``rollout``, ``reference``, ``judge``, ``waiting`` for
    other processes, ``training``, ``total``."""
    peak_memory_gib: Measure = None
    """Of the writer, so far."""
    judge_spent: dict[str, Measure] = Field(default_factory=dict[str, float | None])
    """What a chat judge has cost the run so far: ``requests``, ``cached`` verdicts,
    ``input_tokens``, ``output_tokens``, ``usd``; empty where rules decide alone."""


class CompletionRow(Row):
    """One sampled completion of one training step."""

    step: int
    sample_id: str
    number: int
    """Place in its group, from 0."""
    text: str
    num_tokens: int
    finish: Finish
    reward: Measure
    """Weighted sum; None when unscored."""
    components: dict[str, ComponentRow] = Field(default_factory=dict[str, ComponentRow])
    verdict: VerdictRow | None = None
    advantage: Measure = None
    boxes: tuple[BoxRow, ...] = ()
    faults: tuple[FaultRow, ...] = ()
    logprob: Measure = None
    """Sum of the policy's log-probabilities over the completion's tokens."""
    kl: Measure = None
    """Mean k3 estimate against the reference over the completion's tokens."""


class EvaluationRow(Row):
    """One sample, answered once and judged."""

    model: str
    """Whose answer: ``base``, ``grit``, …"""
    mode: Mode
    step: int | None = None
    """Training step of the weights; None for weights from outside the run."""
    weights: str | None = None
    """``models.fingerprint`` of the weights; None in rows written before it was kept."""
    task: str
    sample_id: str
    image: str
    """The picture's file."""
    image_size: tuple[int, int]
    """(width, height) in pixels, after EXIF orientation."""
    question: str
    reference: str
    """The true answer."""
    prompt: str
    text: str
    """The completion."""
    num_tokens: int
    finish: Finish
    tokens: tuple[int, ...] = ()
    """The completion's tokens, end token included where it was sampled."""
    space: str = "pixels"
    """The space in which the model writes boxes, a ``geometry.box.Space`` value."""
    resized_size: tuple[int, int] | None = None
    """(width, height) that the image processor made of the picture, where it says."""
    answer: str | None
    score: Measure
    """The judge's raw word in [0, 1]; None when unscored, or not judged yet."""
    correct: bool
    """The score, binarised; False when unscored."""
    reason: str = ""
    judge: str = ""
    grounding_iou: Measure = None
    """None where the sample has no true boxes."""
    boxes: tuple[BoxRow, ...] = ()
    """Every box mention outside the answer, in order of the text."""
    answer_boxes: tuple[BoxRow, ...] = ()
    """Every box mention in the answer."""
    true_boxes: tuple[Edges, ...] | None = None
    """xyxy pixels; None when never annotated, empty when there is nothing to point at."""
    asks_for_boxes: bool = False
    """Whether the answer is a box: it then has an overlap, and no accuracy."""
    extra: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What of ``Sample.extra`` judging and figures read: category, answer_type, choices, …"""
    faults: tuple[FaultRow, ...] = ()
    format_ok: bool
    consistent: bool | None = None
    """Whether the rethinking comes to the answer that is given; None where rules cannot tell."""
    min_pixels: int | None = None
    max_pixels: int | None = None


class PairScore(Closed):
    """MME's own figures: over questions, and over pictures whose questions are all right.

    Over several categories each figure is the sum of theirs.
    """

    accuracy: float
    """Share of right answers, times 100."""
    accuracy_plus: float
    """Share of pictures with every question right, times 100."""
    score: float
    """Their sum: at most 200 a category."""
    score_interval: Interval | None = None
    """Bootstrap over pictures."""
    n_questions: int
    n_pictures: int
    n_torn: int = 0
    """Pictures of which another number of questions than two was asked; they count all the same."""


class PartSummary(Closed):
    """A part of a task: an answer type of MathVista, a category of MME."""

    kind: str
    """The key that parts it: ``answer_type`` or ``category``."""
    name: str
    n: int
    n_unscored: int = 0
    accuracy: Measure
    accuracy_interval: Interval | None = None
    pairs: PairScore | None = None


class EvaluationSummary(Row):
    """The figures of one model in one mode on one task, or on a group of tasks."""

    model: str
    mode: Mode
    step: int | None = None
    task: str
    """A task's name, ``TRAINING_TASKS`` or ``ALL_TASKS``."""
    n: int
    """Samples: all of them."""
    n_judged: int
    """The denominator of ``accuracy``: all samples but those whose answer is a box."""
    accuracy: Measure
    """Share of correct (binarised) answers."""
    accuracy_interval: Interval | None = None
    """Wilson's interval."""
    accuracy_bootstrap: Interval | None = None
    """Percentile bootstrap over samples."""
    accuracy_raw: Measure = None
    """Mean of the judge's raw scores."""
    accuracy_raw_interval: Interval | None = None
    """Percentile bootstrap over samples."""
    grounding_iou: Measure = None
    grounding_iou_interval: Interval | None = None
    n_with_boxes: int = 0
    """Samples with true boxes: the denominator of ``grounding_iou``."""
    no_box_rate: Measure = None
    """Share without any box, of the samples that have no true boxes."""
    n_without_boxes: int = 0
    format_rate: Measure = None
    format_interval: Interval | None = None
    box_rate: Measure = None
    cut_off_share: Measure = None
    unscored_share: Measure = None
    n_unscored: int = 0
    """Answers that the judge failed on, or that were not judged yet; wrong in ``accuracy``."""
    consistency: Measure = None
    """Share of chains whose rethinking comes to the answer given, of those where rules can tell."""
    n_consistency: int = 0
    pairs: PairScore | None = None
    """MME's own score, where questions come in pairs."""
    parts: tuple[PartSummary, ...] = ()


class EvaluationTable(Row):
    """``evaluations/summary.json``: every summary of the run."""

    rows: tuple[EvaluationSummary, ...] = ()


class ValidationRow(Row):
    """The held-out set, met in the course of training."""

    step: int
    n: int
    accuracy: Measure
    grounding_iou: Measure = None
    format_rate: Measure = None
    box_rate: Measure = None
    reward_mean: Measure = None
    tasks: dict[str, Measure] = Field(default_factory=dict[str, float | None])
    """Accuracy by task."""
    seconds: Measure = None
    best: bool = False
    """Whether the weights of this step became the run's best."""


class AlarmRow(Row):
    """Something that a person should look at; each kind is written once, ``memory`` each time."""

    step: int
    kind: str
    message: str
    value: Measure = None


class CheckpointRow(Row):
    """A checkpoint that was written."""

    step: int
    path: str
    """Relative to the run folder."""
    reason: str
    """``regular``, ``best``, ``stopped``, ``paused`` (while the judge was away), ``alarm`` or
    ``finished``."""
    num_bytes: int | None = None
    seconds: Measure = None
