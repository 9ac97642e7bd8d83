"""A trace: one completion, parsed. Text in, data out; nothing here raises on what a model wrote."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grit.geometry.box import Box

__all__ = ["BoxMention", "Fault", "FaultKind", "Segment", "SegmentKind", "Span", "Trace"]


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of characters of the completion's text."""

    start: int
    end: int


class SegmentKind(StrEnum):
    """The part of a completion that a stretch of text belongs to."""

    THINK = "think"
    RETHINK = "rethink"
    ANSWER = "answer"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text; ``span`` covers the content, without its tags.

    Args:
        kind: The part it belongs to.
        span: Characters of the content.
        closed: Whether its closing tag was written; True outside, where there is none to write.
    """

    kind: SegmentKind
    span: Span
    closed: bool


@dataclass(frozen=True, slots=True)
class BoxMention:
    """Four numbers in the text that a model means as a box; integers in the protocol.

    Args:
        raw: The numbers as written, with the space that the model writes in.
        box: The same in pixels of the original picture, after any clamping (``BOX_CLAMPED``).
        span: Characters of the four numbers with their brackets.
        label: What the model calls it, where it says so.
        segment: The part it stands in.
    """

    raw: Box
    box: Box
    span: Span
    label: str | None
    segment: SegmentKind


class FaultKind(StrEnum):
    """What is wrong with a completion; data, never an exception."""

    NO_THINK = "no_think"
    THINK_UNCLOSED = "think_unclosed"
    NO_RETHINK = "no_rethink"
    RETHINK_UNCLOSED = "rethink_unclosed"
    RETHINK_BEFORE_THINK = "rethink_before_think"
    REPEATED_TAG = "repeated_tag"
    STRAY_TAG = "stray_tag"
    TAG_CASE = "tag_case"
    NO_ANSWER = "no_answer"
    EMPTY_ANSWER = "empty_answer"
    BOX_INVERTED = "box_inverted"
    BOX_EMPTY = "box_empty"
    BOX_REPEATED = "box_repeated"
    BOX_OUTSIDE_PICTURE = "box_outside_picture"
    BOX_CLAMPED = "box_clamped"
    NUMBER_TOO_LONG = "number_too_long"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong, where it stands, and the text that shows it.

    Args:
        kind: The sort of fault.
        span: Where; empty at the end of the text for something that is missing.
        detail: One short clause for a reader.
    """

    kind: FaultKind
    span: Span
    detail: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A parsed completion.

    Args:
        text: The completion, unchanged.
        segments: Its parts, in order of the text, outside stretches included.
        mentions: Every box mention in order, those in the answer included.
        answer: Stripped text after ``<answer>``; None when there is no answer tag, or no text.
        faults: What is wrong with it.
    """

    text: str
    segments: tuple[Segment, ...]
    mentions: tuple[BoxMention, ...]
    answer: str | None
    faults: tuple[Fault, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Distinct boxes of the reasoning, in original pixels: none inverted, empty or repeated."""
        kept: dict[tuple[float, float, float, float], Box] = {}
        for mention in self.mentions:
            if mention.segment is not SegmentKind.ANSWER and not mention.box.is_empty:
                kept.setdefault(mention.box.as_tuple(), mention.box)
        return tuple(kept.values())

    @property
    def answer_boxes(self) -> tuple[Box, ...]:
        """Distinct boxes of the answer, for questions whose answer is a box (OVDEval)."""
        kept: dict[tuple[float, float, float, float], Box] = {}
        for mention in self.mentions:
            if mention.segment is SegmentKind.ANSWER and not mention.box.is_empty:
                kept.setdefault(mention.box.as_tuple(), mention.box)
        return tuple(kept.values())

    def content(self, kind: SegmentKind) -> str | None:
        """Text of the first segment of a kind; None when there is none."""
        for segment in self.segments:
            if segment.kind is kind:
                return self.text[segment.span.start : segment.span.end]
        return None
