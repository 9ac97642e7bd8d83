"""One answer, marked: parsed, judged, and its boxes held against the true ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from grit.geometry.box import Box
from grit.geometry.overlap import union_iou
from grit.judges.verdict import Judge
from grit.prompts.question import Mode
from grit.records.rows import BoxRow, EvaluationRow, FaultRow
from grit.rewards.judging import judge_rows
from grit.rollout.group import Group
from grit.traces.parse import parse_trace
from grit.traces.tags import check_pairs
from grit.traces.trace import SegmentKind, Trace

__all__ = ["grounding_iou", "keeps_format", "mark", "read_completion"]


def read_completion(text: str, group: Group, mode: Mode) -> Trace:
    """Parse a completion; asked directly, the whole of it is the answer.

    Boxes that stand outside of any tag are then boxes of the answer.
    """
    trace = parse_trace(text, group.prompt.inputs.frame)
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
    judge: Judge,
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
        judge: Who says what is right.
        model: Label for the rows.
        mode: How the questions were put.
        threshold: Raw score from which an answer counts as right.
        limits: Pixel limits in force, (min, max).
        step: Training step of the weights; None for weights from outside a run.
        weights: Their fingerprint.
    """
    traces = [read_completion(group.completions[0].text, group, mode) for group in groups]
    samples = [group.prompt.sample for group in groups]
    judged = asyncio.run(judge_rows(judge, traces, samples))
    rows: list[EvaluationRow] = []
    for group, trace, row in zip(groups, traces, judged, strict=True):
        sample, completion = group.prompt.sample, group.completions[0]
        score = row.verdict.score
        boxes = [m for m in trace.mentions if m.segment is not SegmentKind.ANSWER]
        answered = [m for m in trace.mentions if m.segment is SegmentKind.ANSWER]
        iou = grounding_iou(trace, sample.boxes, of_answer=sample.asks_for_boxes)
        rows.append(
            EvaluationRow(
                model=model,
                mode=mode.value,
                step=step,
                weights=weights,
                task=sample.dataset,
                sample_id=sample.id,
                image=str(sample.image),
                image_size=group.prompt.inputs.frame.image_size,
                question=sample.question,
                reference=sample.answer,
                prompt=group.prompt.inputs.text,
                text=completion.text,
                num_tokens=len(completion.tokens),
                finish=completion.finish,
                answer=trace.answer,
                score=score,
                correct=score is not None and score >= threshold,
                reason=row.verdict.reason,
                judge=row.verdict.judge,
                grounding_iou=iou,
                boxes=tuple(BoxRow.of(mention) for mention in boxes),
                answer_boxes=tuple(BoxRow.of(mention) for mention in answered),
                true_boxes=None
                if sample.boxes is None
                else tuple(box.as_tuple() for box in sample.boxes),
                asks_for_boxes=sample.asks_for_boxes,
                faults=tuple(FaultRow.of(fault) for fault in trace.faults),
                format_ok=keeps_format(completion.text, trace),
                min_pixels=limits[0],
                max_pixels=limits[1],
            )
        )
    return rows
