"""Cut a completion into its parts: think, rethink, answer, and what stands outside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from grit.traces.trace import Fault, FaultKind, Segment, SegmentKind, Span

__all__ = ["split_segments"]

_TAG = re.compile(r"</?(?:think|rethink|answer)>", re.IGNORECASE | re.ASCII)

_TAGS = {
    "<think>": (SegmentKind.THINK, False),
    "</think>": (SegmentKind.THINK, True),
    "<rethink>": (SegmentKind.RETHINK, False),
    "</rethink>": (SegmentKind.RETHINK, True),
    "<answer>": (SegmentKind.ANSWER, False),
    "</answer>": (SegmentKind.ANSWER, True),
}


class _Tag(NamedTuple):
    kind: SegmentKind
    closes: bool
    start: int
    end: int


class _TagFaults:
    """Faults of tags: of each sort the first for each part, for the rest follow from it."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self._noted: list[tuple[FaultKind, SegmentKind]] = []

    def note(self, fault: FaultKind, part: SegmentKind, start: int, end: int, detail: str) -> None:
        """Keep a fault unless its like was kept before."""
        key = (fault, part)
        if key not in self._noted:  # a short list: an enum's hash is slow
            self._noted.append(key)
            self.found.append(Fault(fault, Span(start, end), detail))


def split_segments(text: str) -> tuple[list[Segment], list[Fault]]:
    """Cut a text at its tags.

    An opening tag ends the part before it, closed or not. A closing tag that fits no open part
    stays in the text, except in an answer, which any tag ends. An ``<answer>`` inside a pair that
    closes after it is something that the model says, not its answer; only when there is no other
    answer, one that is closed inside the pair is taken for it.

    Returns:
        Parts in order of the text, together with their tags all of it; empty outside stretches
        are left out. And what is wrong with the tags: each sort once a part, at its first place.
    """
    tags, faults = _find_tags(text)
    segments, walk_faults = _walk(tags, len(text), inner_answers=False)
    if _first(segments, SegmentKind.ANSWER) is None and any(
        tag.kind is SegmentKind.ANSWER for tag in tags
    ):
        segments, walk_faults = _walk(tags, len(text), inner_answers=True)
    faults += walk_faults
    faults += _order_faults(segments, len(text))
    return segments, faults


def _find_tags(text: str) -> tuple[list[_Tag], list[Fault]]:
    """Every tag in any case, and a fault where one is not in lower case."""
    tags: list[_Tag] = []
    faults = _TagFaults()
    for match in _TAG.finditer(text):
        written = match.group()
        start, end = match.span()
        known = _TAGS.get(written)
        if known is None:
            known = _TAGS[written.lower()]
            faults.note(FaultKind.TAG_CASE, known[0], start, end, "tag is not in lower case")
        tags.append(_Tag(known[0], known[1], start, end))
    return tags, faults.found


def _walk(
    tags: Sequence[_Tag], length: int, *, inner_answers: bool
) -> tuple[list[Segment], list[Fault]]:
    """Go through the tags once and cut at those that open or close a part."""
    segments: list[Segment] = []
    faults = _TagFaults()
    spoken = _spoken_tags(tags, inner_answers=inner_answers)
    opened: list[SegmentKind] = []
    kind, start = SegmentKind.OUTSIDE, 0

    def end_part(end: int, *, closed: bool) -> None:
        if kind is SegmentKind.OUTSIDE:
            if end > start:
                segments.append(Segment(kind, Span(start, end), True))
            return
        segments.append(Segment(kind, Span(start, end), closed))
        if kind is SegmentKind.THINK and not closed:
            faults.note(FaultKind.THINK_UNCLOSED, kind, start, end, "<think> is not closed")
        elif kind is SegmentKind.RETHINK and not closed:
            faults.note(FaultKind.RETHINK_UNCLOSED, kind, start, end, "<rethink> is not closed")

    for index, tag in enumerate(tags):
        if index in spoken:
            continue
        if not tag.closes:
            if tag.kind in opened:
                faults.note(FaultKind.REPEATED_TAG, tag.kind, tag.start, tag.end, "opened again")
            else:
                opened.append(tag.kind)
            end_part(tag.start, closed=False)
            kind, start = tag.kind, tag.end
        elif tag.kind is kind:
            end_part(tag.start, closed=True)
            kind, start = SegmentKind.OUTSIDE, tag.end
        else:
            faults.note(FaultKind.STRAY_TAG, tag.kind, tag.start, tag.end, "closes nothing")
            if kind is SegmentKind.ANSWER:
                end_part(tag.start, closed=False)
                kind, start = SegmentKind.OUTSIDE, tag.end
    end_part(length, closed=False)
    return segments, faults.found


def _spoken_tags(tags: Sequence[_Tag], *, inner_answers: bool) -> set[int]:
    """Numbers of the answer tags that stand inside a think or rethink pair closing after them."""
    spoken: set[int] = set()
    inside: SegmentKind | None = None
    waiting: list[int] = []
    for index, tag in enumerate(tags):
        if tag.kind is SegmentKind.ANSWER:
            if inside is not None:
                waiting.append(index)
            continue
        if not tag.closes:
            inside = tag.kind
        elif tag.kind is inside:
            spoken.update(waiting)
            inside = None
        elif waiting:
            inside = None
        waiting = []
    if inner_answers:
        closed = [
            index
            for index in spoken
            if not tags[index].closes and index + 1 in spoken and tags[index + 1].closes
        ]
        spoken.difference_update(closed, (index + 1 for index in closed))
    return spoken


def _order_faults(segments: Sequence[Segment], length: int) -> list[Fault]:
    """Parts that are missing or in the wrong order."""
    nowhere = Span(length, length)
    faults: list[Fault] = []
    think = _first(segments, SegmentKind.THINK)
    rethink = _first(segments, SegmentKind.RETHINK)
    if think is None:
        faults.append(Fault(FaultKind.NO_THINK, nowhere, "no <think>"))
    if rethink is None:
        faults.append(Fault(FaultKind.NO_RETHINK, nowhere, "no <rethink>"))
    elif think is not None and rethink.start < think.start:
        detail = "<rethink> stands before <think>"
        faults.append(Fault(FaultKind.RETHINK_BEFORE_THINK, rethink, detail))
    if _first(segments, SegmentKind.ANSWER) is None:
        faults.append(Fault(FaultKind.NO_ANSWER, nowhere, "no <answer>"))
    return faults


def _first(segments: Sequence[Segment], kind: SegmentKind) -> Span | None:
    """Where the first part of a kind stands."""
    for segment in segments:
        if segment.kind is kind:
            return segment.span
    return None
