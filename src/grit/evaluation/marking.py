"""One answer, marked: parsed, judged, and its boxes held against the true ones.

A completion becomes a row in two steps. ``predicted_row`` keeps what the model said and all that is
needed to judge it; ``judge_predictions`` reads it and marks it. So rows that were kept can be
marked again, by another judge or a mended parser, and the model is not asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grit.data.sample import Sample
from grit.evaluation.consistency import is_consistent
from grit.geometry.box import Box, Space
from grit.geometry.overlap import union_iou
from grit.geometry.spaces import Frame
from grit.judges.verdict import Judge
from grit.prompts.question import Mode
from grit.records.rows import BoxRow, EvaluationRow, FaultRow
from grit.rewards.judging import judge_rows
from grit.rewards.score import RewardRow
from grit.rollout.group import Group
from grit.traces.parse import parse_trace
from grit.traces.tags import check_pairs
from grit.traces.trace import SegmentKind, Trace

__all__ = [
    "NOT_JUDGED",
    "grounding_iou",
    "judge_predictions",
    "keeps_format",
    "mark",
    "predicted_row",
    "read_completion",
    "sample_of_row",
    "trace_of_row",
]

NOT_JUDGED = "not judged yet"
"""The reason in a row that holds a prediction alone."""

_KEPT_KEYS = ("answer_type", "category", "choices", "pair", "precision", "question_type", "unit")


def read_completion(text: str, group: Group, mode: Mode) -> Trace:
    """Parse a completion; see ``trace_of_row``."""
    return _trace(text, group.prompt.inputs.frame, mode)


def trace_of_row(row: EvaluationRow) -> Trace:
    """Parse a row's completion; asked directly, the whole of it is the answer.

    Boxes that stand outside of any tag are then boxes of the answer.
    """
    frame = Frame(row.image_size, Space(row.space), row.resized_size)
    return _trace(row.text, frame, Mode(row.mode))


def _trace(text: str, frame: Frame, mode: Mode) -> Trace:
    trace = parse_trace(text, frame)
    if mode is not Mode.DIRECT or trace.answer is not None:
        return trace
    mentions = tuple(
        replace(mention, segment=SegmentKind.ANSWER)
        if mention.segment is SegmentKind.OUTSIDE
        else mention
        for mention in trace.mentions
    )
    return replace(trace, answer=text.strip() or None, mentions=mentions)


def grounding_iou(
    trace: Trace, true_boxes: Sequence[Box] | None, *, of_answer: bool
) -> float | None:
    """IoU of the union of drawn boxes with the union of true ones.

    Args:
        trace: The parsed completion.
        true_boxes: None or empty leaves the sample out.
        of_answer: Whether the answer's boxes count, for questions that ask for boxes; else the
            reasoning's.

    Returns:
        In [0, 1], 0.0 when no box is drawn; None where there is nothing to hold against.

    Source: GRIT, section on metrics (arXiv 2505.15879).
    """
    if not true_boxes:
        return None
    drawn = trace.answer_boxes if of_answer else trace.boxes
    return union_iou(drawn, true_boxes) if drawn else 0.0


def keeps_format(text: str, trace: Trace) -> bool:
    """Whether a completion has both tag pairs in order, and an answer after them."""
    pairs = check_pairs(text)
    return pairs.think and pairs.rethink and trace.answer is not None


def mark(
    groups: Sequence[Group],
    judge: Judge | None,
    *,
    model: str,
    mode: Mode,
    threshold: float,
    limits: tuple[int, int],
    step: int | None = None,
    weights: str | None = None,
) -> list[EvaluationRow]:
    """Mark the first completion of each group.

    Args:
        groups: One per sample.
        judge: Who says what is right; None leaves the rows to be judged later.
        model: Label for the rows.
        mode: How the questions were put.
        threshold: Raw score from which an answer counts as right.
        limits: Pixel limits in force, (min, max).
        step: Training step of the weights; None for weights from outside a run.
        weights: Their fingerprint.
    """
    rows = [
        predicted_row(group, model=model, mode=mode, limits=limits, step=step, weights=weights)
        for group in groups
    ]
    return rows if judge is None else judge_predictions(rows, judge, threshold=threshold)


def predicted_row(
    group: Group,
    *,
    model: str,
    mode: Mode,
    limits: tuple[int, int],
    step: int | None = None,
    weights: str | None = None,
) -> EvaluationRow:
    """What a model said to one sample: read, and not judged; see ``mark``."""
    sample, completion = group.prompt.sample, group.completions[0]
    frame = group.prompt.inputs.frame
    row = EvaluationRow(
        model=model,
        mode=mode.value,
        step=step,
        weights=weights,
        task=sample.dataset,
        sample_id=sample.id,
        image=str(sample.image),
        image_size=frame.image_size,
        question=sample.question,
        reference=sample.answer,
        prompt=group.prompt.inputs.text,
        text=completion.text,
        num_tokens=len(completion.tokens),
        finish=completion.finish,
        tokens=tuple(completion.tokens.tolist()),
        space=str(frame.space),
        resized_size=frame.resized_size,
        answer=None,
        score=None,
        correct=False,
        reason=NOT_JUDGED,
        true_boxes=None if sample.boxes is None else tuple(box.as_tuple() for box in sample.boxes),
        asks_for_boxes=sample.asks_for_boxes,
        extra={key: sample.extra[key] for key in _KEPT_KEYS if key in sample.extra},
        format_ok=False,
        min_pixels=limits[0],
        max_pixels=limits[1],
    )
    return row.model_copy(update=_read(row, trace_of_row(row)))


def judge_predictions(
    rows: Sequence[EvaluationRow], judge: Judge, *, threshold: float
) -> list[EvaluationRow]:
    """Read and judge what rows hold of a model's words; whatever marks they bear is replaced.

    Args:
        rows: Predictions, marked before or not.
        judge: Who says what is right.
        threshold: Raw score from which an answer counts as right.
    """
    traces = [trace_of_row(row) for row in rows]
    judged = asyncio.run(judge_rows(judge, traces, [sample_of_row(row) for row in rows]))
    return [
        row.model_copy(update=_read(row, trace) | _verdict(verdict, threshold))
        for row, trace, verdict in zip(rows, traces, judged, strict=True)
    ]


def sample_of_row(row: EvaluationRow) -> Sample:
    """The sample that a row answers, as far as judging needs it."""
    true = row.true_boxes
    return Sample(
        id=row.sample_id,
        image=Path(row.image),
        question=row.question,
        answer=row.reference,
        dataset=row.task,
        image_size=row.image_size,
        boxes=None if true is None else tuple(Box(*edges) for edges in true),
        extra=dict(row.extra),
    )


def _read(row: EvaluationRow, trace: Trace) -> dict[str, Any]:
    """What a completion says, and how its boxes lie."""
    boxes = [m for m in trace.mentions if m.segment is not SegmentKind.ANSWER]
    answered = [m for m in trace.mentions if m.segment is SegmentKind.ANSWER]
    true = sample_of_row(row).boxes
    return {
        "answer": trace.answer,
        "grounding_iou": grounding_iou(trace, true, of_answer=row.asks_for_boxes),
        "boxes": tuple(BoxRow.of(mention) for mention in boxes),
        "answer_boxes": tuple(BoxRow.of(mention) for mention in answered),
        "faults": tuple(FaultRow.of(fault) for fault in trace.faults),
        "format_ok": keeps_format(row.text, trace),
        "consistent": is_consistent(trace, row.question),
    }


def _verdict(judged: RewardRow, threshold: float) -> dict[str, Any]:
    verdict = judged.verdict
    return {
        "score": verdict.score,
        "correct": verdict.score is not None and verdict.score >= threshold,
        "reason": verdict.reason,
        "judge": verdict.judge,
    }
