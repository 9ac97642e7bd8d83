"""Boxes, rethink text and answer to a completion in the paper's shape."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from grit.errors import DataError
from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame, from_pixels

__all__ = ["write_box", "write_chain"]

_TAG = re.compile(r"</?(?:think|rethink|answer)>", re.IGNORECASE)

_UNIT_STEPS = 10_000
"""Boxes in a space of 0 to 1 are written to four decimals; all others as integers."""


def write_chain(
    boxes: Sequence[tuple[Box, str | None]],
    frame: Frame,
    rethink: str,
    answer: str,
    *,
    think: str = "",
    close_answer: bool = True,
) -> str:
    """Write a completion: think with its boxes, rethink, answer.

    Args:
        boxes: Boxes in original pixels, each with its label or None.
        frame: The picture, and the space to write the numbers in.
        rethink: Text of the rethink part.
        answer: The short answer.
        think: Prose before the boxes.
        close_answer: Whether to write ``</answer>``, at which sampling stops.

    Returns:
        ``<think> … {"bbox_2d": [x1, y1, x2, y2], "label": "chair"} </think> <rethink> …
        </rethink> <answer> … </answer>``, objects separated by ``, ``.

    Raises:
        DataError: If a text holds one of the six tags, which would change the parts.
        SpaceMismatchError: If a box is not in pixels.
    """
    for name, value in (("think", think), ("rethink", rethink), ("answer", answer)):
        _require_no_tag(name, value)
    objects = ", ".join(write_box(box, frame, label) for box, label in boxes)
    parts = [
        "<think>",
        *(piece for piece in (think, objects) if piece),
        "</think>",
        "<rethink>",
        *((rethink,) if rethink else ()),
        "</rethink>",
        "<answer>",
        answer,
    ]
    if close_answer:
        parts.append("</answer>")
    return " ".join(parts)


def write_box(box: Box, frame: Frame, label: str | None = None) -> str:
    """Write one box as ``{"bbox_2d": [x1, y1, x2, y2], "label": "chair"}``.

    Numbers are rounded to the space's steps; a box that encloses something keeps at least one
    step on each side.

    Raises:
        DataError: If the label holds one of the six tags.
        SpaceMismatchError: If the box is not in pixels.
    """
    written = from_pixels(box, frame)
    steps = _UNIT_STEPS if frame.space is Space.UNIT else 1
    limit_x, limit_y = frame.limits
    left, right = _round_edges(written.x1, written.x2, limit_x, steps)
    top, bottom = _round_edges(written.y1, written.y2, limit_y, steps)
    numbers = [
        str(edge) if steps == 1 else f"{edge / steps:.4f}" for edge in (left, top, right, bottom)
    ]
    text = f'{{"bbox_2d": [{", ".join(numbers)}]'
    if label is not None:
        _require_no_tag("label", label)
        text += f', "label": {json.dumps(label, ensure_ascii=False)}'
    return text + "}"


def _round_edges(low: float, high: float, limit: float, steps: int) -> tuple[int, int]:
    """Round two opposite edges to whole steps without closing the gap between them."""
    first, last = round(low * steps), round(high * steps)
    if high > low and last <= first:
        first = min(first, max(0, int(limit * steps) - 1))
        last = first + 1
    return first, last


def _require_no_tag(name: str, value: str) -> None:
    """Refuse a text that would open or close a part."""
    found = _TAG.search(value)
    if found:
        raise DataError(
            f"{name} {value!r} holds the tag {found.group()}; take it out, for it would change "
            "the parts of the completion"
        )
