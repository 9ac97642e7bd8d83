"""What is done to a chain or its picture, to see what the answer rests on.

Each intervention leaves a picture and the beginning of a completion, from which the model goes on:
the beginning ends with the last part in which the chain points at something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from grit.analysis.pictures import blanked, kept_only
from grit.analysis.random_boxes import elsewhere
from grit.data.sample import Sample
from grit.geometry.box import Box
from grit.geometry.overlap import clip
from grit.geometry.spaces import Frame
from grit.records.analyses import Intervention
from grit.traces.mask import mask_boxes
from grit.traces.parse import parse_trace
from grit.traces.swap import swap_boxes
from grit.traces.trace import SegmentKind, Trace

__all__ = ["Case", "Turn", "cited_boxes", "grounded_start", "intervene"]

_CLOSING = {SegmentKind.THINK: "</think>", SegmentKind.RETHINK: "</rethink>"}


@dataclass(frozen=True, slots=True)
class Case:
    """A chain to be looked into.

    Args:
        sample: Its sample.
        picture: The picture, upright, RGB.
        frame: The picture's size, and the space that the model writes in.
        text: The completion.
    """

    sample: Sample
    picture: Image.Image
    frame: Frame
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A question about a picture, and the beginning of a completion.

    Args:
        sample: What is asked.
        picture: What the model sees.
        start: What it has said so far; empty lets it say everything.
    """

    sample: Sample
    picture: Image.Image
    start: str


def cited_boxes(trace: Trace, size: tuple[int, int]) -> tuple[Box, ...]:
    """Distinct boxes of the reasoning, cut off at the picture's border."""
    cut = dict.fromkeys(clip(box, *size) for box in trace.boxes)
    return tuple(box for box in cut if not box.is_empty)


def grounded_start(trace: Trace) -> str | None:
    """The completion up to the end of the last part of its reasoning that holds a box.

    The closing tag belongs to it. Outside of parts it ends after the box; None without a box.
    """
    mentions = [m for m in trace.mentions if m.segment is not SegmentKind.ANSWER]
    if not mentions:
        return None
    last = mentions[-1]
    for segment in trace.segments:
        if segment.span.start <= last.span.start < segment.span.end:
            closing = _CLOSING.get(segment.kind)
            if closing is None:
                break
            end = segment.span.end + (len(closing) if segment.closed else 0)
            return trace.text[:end]
    # The brace and label after a bare box belong to it.
    rest = trace.text[last.span.end :]
    brace = rest.find("}")
    return trace.text[: last.span.end + (brace + 1 if 0 <= brace < 80 else 0)]


def intervene(
    case: Case, kind: Intervention, random: Random
) -> tuple[Turn, tuple[Box, ...], float]:
    """Do one thing to a chain that has boxes.

    Args:
        case: The chain.
        kind: What to do.
        random: For places of regions and coordinates.

    Returns:
        Where the model goes on; the regions that were blanked, kept or written; and the share of
        random regions that could not be kept off the cited ones.

    Raises:
        ValueError: If the chain has no box.
    """
    trace = parse_trace(case.text, case.frame)
    start, size = grounded_start(trace), case.frame.image_size
    boxes = cited_boxes(trace, size)
    if start is None or not boxes:
        raise ValueError(f"the chain of {case.sample.id} has no box to do something to")
    turn = Turn(case.sample, case.picture, start)
    if kind == "unchanged":
        return turn, (), 0.0
    if kind == "blank_cited":
        return replace(turn, picture=blanked(case.picture, boxes)), boxes, 0.0
    if kind == "keep_cited":
        return replace(turn, picture=kept_only(case.picture, boxes)), boxes, 0.0
    if kind == "no_boxes":
        begun = parse_trace(start, case.frame)
        return replace(turn, start=mask_boxes(begun, "")), (), 0.0
    moved, on_cited = elsewhere(boxes, size, random)
    if kind == "blank_elsewhere":
        return replace(turn, picture=blanked(case.picture, moved)), moved, on_cited
    return replace(turn, start=_swapped(start, case.frame, boxes, moved)), moved, on_cited


def _swapped(start: str, frame: Frame, boxes: Sequence[Box], moved: Sequence[Box]) -> str:
    """The beginning with each box's numbers replaced, wherever it is mentioned."""
    trace = parse_trace(start, frame)
    by_cut = dict(zip(boxes, moved, strict=True))
    other = {
        mention.box: by_cut[clipped]
        for mention in trace.mentions
        if (clipped := clip(mention.box, *frame.image_size)) in by_cut
    }
    return swap_boxes(trace, other, frame)
