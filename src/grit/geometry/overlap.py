"""Overlap of boxes. Knows nothing of images, models or text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from grit.errors import SpaceMismatchError
from grit.geometry.box import Box

__all__ = ["clip", "intersection_area", "iou", "union_area", "union_iou"]

_Interval = tuple[float, float]


def intersection_area(a: Box, b: Box) -> float:
    """Area that two boxes share, in squared units of their space.

    Raises:
        SpaceMismatchError: If the boxes are in two spaces.
    """
    _require_one_space((a, b))
    if a.is_empty or b.is_empty:
        return 0.0
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    return width * height if width > 0 and height > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]; 0.0 where neither encloses anything.

    Raises:
        SpaceMismatchError: If the boxes are in two spaces.
    """
    return union_iou((a,), (b,))


def union_area(boxes: Sequence[Box]) -> float:
    """Area that at least one of the boxes covers; inverted and empty boxes cover nothing.

    Exact up to the rounding of floats: no raster. Time grows with the square of the number of
    boxes; a few hundred take milliseconds.

    Raises:
        SpaceMismatchError: If the boxes are not all in one space.
    """
    _require_one_space(boxes)
    solid = [box for box in boxes if not box.is_empty]
    if len(solid) == 1:
        return solid[0].area
    return math.fsum(
        (right - left) * _length(_covered_rows(solid, left, right)) for left, right in _slabs(solid)
    )


def union_iou(boxes_a: Sequence[Box], boxes_b: Sequence[Box]) -> float:
    """Intersection over union of the union of one set of boxes with that of another.

    This is the paper's grounding IoU when one set holds a chain's boxes and the other the true
    ones. It is 0.0 when either set encloses nothing, and also when both do: a sample without true
    boxes has nothing to be measured against, so callers leave it out before they average.

    Raises:
        SpaceMismatchError: If the boxes are not all in one space.

    Source: the metric that GRIT calls GIoU (arXiv 2505.15879).
    """
    _require_one_space((*boxes_a, *boxes_b))
    solid_a = [box for box in boxes_a if not box.is_empty]
    solid_b = [box for box in boxes_b if not box.is_empty]
    if not solid_a or not solid_b:
        return 0.0
    shared: list[float] = []
    covered: list[float] = []
    for left, right in _slabs([*solid_a, *solid_b]):
        rows_a = _covered_rows(solid_a, left, right)
        rows_b = _covered_rows(solid_b, left, right)
        length_a, length_b = _length(rows_a), _length(rows_b)
        both = min(_shared_length(rows_a, rows_b), length_a, length_b)
        shared.append((right - left) * both)
        covered.append((right - left) * (length_a + length_b - both))
    union = math.fsum(covered)
    # Edges closer than the smallest float product can make the union underflow to nothing.
    return min(1.0, math.fsum(shared) / union) if union > 0 else 0.0


def clip(box: Box, width: float, height: float) -> Box:
    """The part of a box inside ``[0, width] x [0, height]``, in the box's own space.

    A box wholly outside becomes empty; an inverted one stays inverted or becomes empty.
    """
    return Box(
        min(max(box.x1, 0.0), width),
        min(max(box.y1, 0.0), height),
        min(max(box.x2, 0.0), width),
        min(max(box.y2, 0.0), height),
        box.space,
    )


def _require_one_space(boxes: Iterable[Box]) -> None:
    """Refuse boxes of two spaces."""
    first: Box | None = None
    for box in boxes:
        if first is None:
            first = box
        elif box.space is not first.space:
            raise SpaceMismatchError(
                f"cannot compare a {first.space} box with a {box.space} box; convert one with "
                "geometry.spaces.to_pixels(box, frame)"
            )


def _slabs(boxes: Sequence[Box]) -> Iterable[_Interval]:
    """Vertical strips between neighbouring edges; within one, coverage does not change with x."""
    edges = sorted({edge for box in boxes for edge in (box.x1, box.x2)})
    return pairwise(edges)


def _covered_rows(boxes: Sequence[Box], left: float, right: float) -> list[_Interval]:
    """Disjoint, ordered y intervals that the boxes cover in one strip."""
    rows = sorted((box.y1, box.y2) for box in boxes if box.x1 <= left and box.x2 >= right)
    merged: list[_Interval] = []
    for top, bottom in rows:
        if merged and top <= merged[-1][1]:
            if bottom > merged[-1][1]:
                merged[-1] = (merged[-1][0], bottom)
        else:
            merged.append((top, bottom))
    return merged


def _length(rows: Sequence[_Interval]) -> float:
    """Total length of disjoint intervals."""
    return math.fsum(bottom - top for top, bottom in rows)


def _shared_length(rows_a: Sequence[_Interval], rows_b: Sequence[_Interval]) -> float:
    """Length that two lists of disjoint, ordered intervals share."""
    shared: list[float] = []
    i = j = 0
    while i < len(rows_a) and j < len(rows_b):
        overlap = min(rows_a[i][1], rows_b[j][1]) - max(rows_a[i][0], rows_b[j][0])
        if overlap > 0:
            shared.append(overlap)
        if rows_a[i][1] < rows_b[j][1]:
            i += 1
        else:
            j += 1
    return math.fsum(shared)
