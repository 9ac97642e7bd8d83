"""Take the coordinates out of a completion and leave the words."""

from __future__ import annotations

from collections.abc import Iterable

from grit.traces.counting import regex_boxes
from grit.traces.trace import Span, Trace

__all__ = ["mask_boxes"]


def mask_boxes(trace: Trace, placeholder: str = "[box]") -> str:
    """Write a placeholder in the place of every box.

    Masked are the mentions, brackets included, and every other four integers in a row: a judge
    that must tell whether text and boxes belong together may not see a number (the paper's
    cross-modal correlation). JSON around a box stays: ``{"bbox_2d": [box], "label": "chair"}``.

    Args:
        trace: The parsed completion; boxes of the answer are masked too.
        placeholder: What to write; empty to delete.
    """
    spans = [mention.span for mention in trace.mentions]
    return _replace(trace.text, [*spans, *regex_boxes(trace.text)], placeholder)


def _replace(text: str, spans: Iterable[Span], placeholder: str) -> str:
    """Put the placeholder in the place of each span; spans that overlap count as one."""
    pieces: list[str] = []
    place = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start >= place:
            pieces += (text[place : span.start], placeholder)
        place = max(place, span.end)
    pieces.append(text[place:])
    return "".join(pieces)
