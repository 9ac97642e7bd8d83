"""How many boxes a completion draws, counted in two ways.

``regex`` is the paper's own expression over the text, with all that it lets through: inverted,
empty and repeated boxes, and any four integers in a row. The reward presets ``paper`` and
``released`` use it. ``distinct`` counts ``Trace.boxes`` and says what it left out; everything
else uses that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from grit.traces.trace import BoxMention, FaultKind, SegmentKind, Span, Trace

__all__ = [
    "BoxCount",
    "CountMode",
    "DroppedBox",
    "count_boxes",
    "reasoning_before_rethink",
    "reasoning_text",
    "regex_boxes",
]

_FOUR_INTEGERS = re.compile(r"\b\d+,\s*\d+,\s*\d+,\s*\d+\b")
"""To the letter, as published. Linear: the leading ``\\b`` lets a run of digits start once."""


class CountMode(StrEnum):
    """What counts as a box."""

    REGEX = "regex"
    """Four integers with commas between them, as often as they are written."""
    DISTINCT = "distinct"
    """A box that encloses something, counted once."""


@dataclass(frozen=True, slots=True)
class DroppedBox:
    """A mention that does not count, and why.

    Args:
        mention: The mention.
        why: ``BOX_INVERTED``, ``BOX_EMPTY`` or ``BOX_REPEATED``.
    """

    mention: BoxMention
    why: FaultKind


@dataclass(frozen=True, slots=True)
class BoxCount:
    """A number of boxes, and how it came about.

    Args:
        mode: What counted as a box.
        num_boxes: The number.
        spans: Where each counted box stands in the completion.
        dropped: What was seen but not counted; empty in ``regex`` mode, which drops nothing.
        reason: The same in words, for logs.
    """

    mode: CountMode
    num_boxes: int
    spans: tuple[Span, ...]
    dropped: tuple[DroppedBox, ...]
    reason: str


def count_boxes(trace: Trace, mode: CountMode) -> BoxCount:
    """Count the boxes in the reasoning of a completion.

    Args:
        trace: The parsed completion.
        mode: ``REGEX`` counts in ``reasoning_text(trace.text)``; ``DISTINCT`` counts every
            mention outside the answer, whatever the part.
    """
    if mode is CountMode.REGEX:
        spans = tuple(regex_boxes(reasoning_text(trace.text)))
        reason = f"{_boxes(len(spans))} by the paper's expression"
        return BoxCount(mode, len(spans), spans, (), reason)
    return _count_distinct(trace)


def regex_boxes(text: str) -> list[Span]:
    """Matches of the paper's expression, from left to right, none overlapping another."""
    return [Span(*match.span()) for match in _FOUR_INTEGERS.finditer(text)]


def reasoning_before_rethink(text: str) -> str | None:
    """The text before the first ``<rethink>``; None where there is none.

    The ``released`` preset looks for boxes only here. Offsets stay those of ``text``.
    """
    before, tag, _ = text.partition("<rethink>")
    return before if tag else None


def reasoning_text(text: str) -> str:
    """The text before the first ``<rethink>``, else before the first ``<answer>``, else all of it.

    The paper counts "normally before the rethink part"; a completion without one still reasons.
    Offsets stay those of ``text``.
    """
    before = reasoning_before_rethink(text)
    return text.partition("<answer>")[0] if before is None else before


def _count_distinct(trace: Trace) -> BoxCount:
    """Count as ``Trace.boxes`` does, and keep what falls out."""
    seen: set[tuple[float, float, float, float]] = set()
    spans: list[Span] = []
    dropped: list[DroppedBox] = []
    for mention in trace.mentions:
        if mention.segment is SegmentKind.ANSWER:
            continue
        edges = mention.box.as_tuple()
        if mention.box.is_inverted:
            dropped.append(DroppedBox(mention, FaultKind.BOX_INVERTED))
        elif mention.box.is_empty:
            dropped.append(DroppedBox(mention, FaultKind.BOX_EMPTY))
        elif edges in seen:
            dropped.append(DroppedBox(mention, FaultKind.BOX_REPEATED))
        else:
            seen.add(edges)
            spans.append(mention.span)
    reason = f"{_boxes(len(spans))} drawn"
    if dropped:
        reason += "; left out " + ", ".join(
            f"{trace.text[drop.mention.span.start : drop.mention.span.end]} "
            f"({drop.why.removeprefix('box_')})"
            for drop in dropped[:3]
        )
        if len(dropped) > 3:
            reason += f" and {len(dropped) - 3} more"
    return BoxCount(CountMode.DISTINCT, len(spans), tuple(spans), tuple(dropped), reason)


def _boxes(number: int) -> str:
    return "1 box" if number == 1 else f"{number} boxes"
