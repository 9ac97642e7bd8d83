"""Other numbers in the place of a completion's boxes; every other character stays."""

from __future__ import annotations

import re
from collections.abc import Mapping

from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame, from_pixels
from grit.traces.trace import Trace

__all__ = ["swap_boxes"]

_NUMBER = re.compile(r"[-+\u2212]?\d+(?:\.\d+)?")


def swap_boxes(trace: Trace, other: Mapping[Box, Box], frame: Frame) -> str:
    """Write other boxes in the place of some.

    Args:
        trace: The parsed completion.
        other: By the box of a mention, in pixels, the box to write for it, in pixels too.
            Mentions of other boxes stay as they are.
        frame: The picture, and the space that the model writes in.
    """
    pieces: list[str] = []
    place = 0
    for mention in trace.mentions:
        box = other.get(mention.box)
        if box is None:
            continue
        edges = iter(_written(box, frame))
        start, end = mention.span.start, mention.span.end
        pieces.append(trace.text[place:start])
        pieces.append(_NUMBER.sub(lambda _, edges=edges: next(edges), trace.text[start:end]))
        place = end
    pieces.append(trace.text[place:])
    return "".join(pieces)


def _written(box: Box, frame: Frame) -> list[str]:
    """Edges as the model would write them."""
    edges = from_pixels(box, frame).as_tuple()
    if frame.space is Space.UNIT:
        return [f"{edge:.4f}" for edge in edges]
    return [str(round(edge)) for edge in edges]
