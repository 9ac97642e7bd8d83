"""True boxes as rows write them: which are certain faults, and in which frame they seem to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from grit.data.finding import FindingKind, shown
from grit.geometry.box import Box

__all__ = ["BORDER_TOLERANCE", "BoxFault", "boxes_outside", "read_boxes", "written_boxes"]

BORDER_TOLERANCE = 1.0
"""Pixels by which a box may pass the border, as annotators round; such a box is kept as written."""

_SHAPE_FIX = "write bboxs as [[x1, y1, x2, y2], …] in pixels of the original picture"


@dataclass(frozen=True, slots=True)
class BoxFault:
    """What is certainly wrong with a row's boxes; the reader adds file and line.

    Args:
        kind: The sort of fault.
        problem: What is wrong, as a clause.
        value: The box or boxes.
        fix: The next step, as a clause.
    """

    kind: FindingKind
    problem: str
    value: str
    fix: str


def read_boxes(
    value: object, size: tuple[int, int] | None
) -> tuple[tuple[Box, ...], list[BoxFault]]:
    """Read a row's ``bboxs``.

    Args:
        value: What the row holds under the key; any JSON value.
        size: (width, height) of the picture as the row states it; None when it does not.

    Returns:
        The boxes, in original pixels, unclipped; and the faults. With any fault, no boxes.
    """
    if not isinstance(value, list):
        return (), [
            BoxFault(
                FindingKind.BOX_MALFORMED, "bboxs is no list of boxes", shown(value), _SHAPE_FIX
            )
        ]
    boxes: list[Box] = []
    faults: list[BoxFault] = []
    items = cast("list[object]", value)
    if len(items) == 4 and all(_edge(item) is not None for item in items):
        fix = f"wrap the single box in a list: [{shown(items)}]"
        return (), [BoxFault(FindingKind.BOX_MALFORMED, "bboxs is one box", shown(items), fix)]
    for number, item in enumerate(items, start=1):
        box = _box(item)
        if box is None:
            problem = f"box {number} is not four finite numbers"
            faults.append(BoxFault(FindingKind.BOX_MALFORMED, problem, shown(item), _SHAPE_FIX))
        else:
            boxes.append(box)
    if not faults:
        faults = _frame_faults(boxes, size) or _shape_faults(boxes, size)
    if not faults:
        faults = boxes_outside(boxes, size)
    return (() if faults else tuple(boxes)), faults


def written_boxes(value: object) -> list[Box]:
    """Those of a row's ``bboxs`` that are four finite numbers, whatever else is wrong with them."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [box for box in map(_box, items) if box is not None]


def boxes_outside(boxes: Sequence[Box], size: tuple[int, int] | None) -> list[BoxFault]:
    """Boxes that pass the picture's border by more than ``BORDER_TOLERANCE``.

    Args:
        boxes: Boxes in original pixels.
        size: (width, height) of the picture; None leaves only negative edges to find.
    """
    width, height = size or (math.inf, math.inf)
    faults: list[BoxFault] = []
    for number, box in enumerate(boxes, start=1):
        beyond = max(-box.x1, -box.y1, box.x2 - width, box.y2 - height)
        if beyond <= BORDER_TOLERANCE:
            continue
        picture = f"the {width}×{height} picture" if size else "any picture"
        problem = f"box {number} reaches {beyond:g} px outside {picture}"
        fix = _outside_fix(boxes, size)
        faults.append(BoxFault(FindingKind.BOX_OUTSIDE, problem, _written(box), fix))
    return faults


def _outside_fix(boxes: Sequence[Box], size: tuple[int, int] | None) -> str:
    edges = [edge for box in boxes for edge in box.as_tuple()]
    if size and min(edges) >= 0 and max(edges) <= 1000 and max(size) < 1000:
        return (
            "it looks like the 0–1000 frame: multiply x by width/1000 and y by height/1000 to "
            "get original pixels"
        )
    return (
        "boxes are xyxy pixels of the original picture: see whether the row has the size of a "
        "resized or rotated copy"
    )


def _frame_faults(boxes: Sequence[Box], size: tuple[int, int] | None) -> list[BoxFault]:
    """Say so when all boxes are fractions; in pixels they would share one corner pixel."""
    edges = [edge for box in boxes for edge in box.as_tuple()]
    if not edges or min(edges) < 0 or max(edges) > 1 or (size and max(size) < 4):
        return []
    value = ", ".join(_written(box) for box in boxes)
    fix = "multiply x by the width and y by the height to get original pixels"
    return [BoxFault(FindingKind.BOX_FRAME, "bboxs is in the 0–1 frame", value, fix)]


def _shape_faults(boxes: Sequence[Box], size: tuple[int, int] | None) -> list[BoxFault]:
    faults: list[BoxFault] = []
    for number, box in enumerate(boxes, start=1):
        if box.is_inverted:
            problem = f"box {number} is inverted: its right or bottom edge lies before its opposite"
            fix = "write [x1, y1, x2, y2] with x1 < x2 and y1 < y2"
            if _fits_as_xywh(box, size):
                fix = "it looks like [x, y, width, height]: write [x, y, x + width, y + height]"
            faults.append(BoxFault(FindingKind.BOX_INVERTED, problem, _written(box), fix))
        elif box.is_empty:
            problem = f"box {number} encloses nothing"
            fix = "give it a width and a height, or leave it out"
            faults.append(BoxFault(FindingKind.BOX_EMPTY, problem, _written(box), fix))
    return faults


def _fits_as_xywh(box: Box, size: tuple[int, int] | None) -> bool:
    if min(box.as_tuple()) < 0:
        return False
    width, height = size or (math.inf, math.inf)
    return (
        box.x1 + box.x2 <= width + BORDER_TOLERANCE and box.y1 + box.y2 <= height + BORDER_TOLERANCE
    )


def _box(item: object) -> Box | None:
    if not isinstance(item, list):
        return None
    edges = [_edge(number) for number in cast("list[object]", item)]
    match edges:
        case [float() as x1, float() as y1, float() as x2, float() as y2]:
            return Box(x1, y1, x2, y2)
        case _:
            return None


def _edge(number: object) -> float | None:
    """A finite float; None for anything else, JSON's true, NaN and Infinity included."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        edge = float(number)
    except OverflowError:
        return None
    return edge if math.isfinite(edge) else None


def _written(box: Box) -> str:
    return "[" + ", ".join(f"{edge:.12g}" for edge in box.as_tuple()) + "]"
