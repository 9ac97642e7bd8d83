"""Completion text to trace. Reads every spelling in the paper; returns faults, never raises.

How it reads:

- *Parts.* Tags count in any case (``TAG_CASE``). An opening tag ends the part before it.
- *Answer.* The last ``<answer>`` is the model's final word. It runs to ``</answer>``, to the next
  tag or to the end. An ``<answer>`` spoken inside a think or rethink pair that closes after it
  is text, unless it is closed there and there is no other.
- *Boxes.* See ``mentions``; a box is kept as written even when it is inverted, empty, repeated or
  outside the picture, with a fault that says so. ``Trace.boxes`` leaves the useless ones out.
- *Time* grows with the length of the text and with nothing else.
"""

from __future__ import annotations

from grit.geometry.spaces import Frame
from grit.traces.mentions import find_mentions
from grit.traces.segments import split_segments
from grit.traces.trace import Fault, FaultKind, SegmentKind, Trace

__all__ = ["parse_trace"]


def parse_trace(text: str, frame: Frame) -> Trace:
    """Parse one completion.

    Args:
        text: Anything that a model can write, the empty string included.
        frame: The picture it was written about, and the space of its numbers.

    Returns:
        Parts, box mentions in original pixels, answer and faults (those of the tags first, then
        those of the boxes, each in order of the text where it has a place).

    Raises:
        SpaceMismatchError: If the frame is incomplete; never for the text.
    """
    segments, faults = split_segments(text)
    mentions, box_faults = find_mentions(text, segments, frame)
    answer: str | None = None
    for segment in reversed(segments):
        if segment.kind is SegmentKind.ANSWER:
            answer = text[segment.span.start : segment.span.end].strip() or None
            if answer is None:
                detail = "nothing after <answer>"
                faults.append(Fault(FaultKind.EMPTY_ANSWER, segment.span, detail))
            break
    faults += box_faults
    return Trace(text, tuple(segments), tuple(mentions), answer, tuple(faults))
