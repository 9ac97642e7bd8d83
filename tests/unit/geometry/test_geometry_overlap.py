"""Overlap against painted pixels, shapely and hand computation."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.errors import SpaceMismatchError
from grit.geometry.box import Box, Space
from grit.geometry.overlap import clip, intersection_area, iou, union_area, union_iou

SIDE = 24


@st.composite
def integer_boxes(draw):
    """Any four corners of a small grid, inverted and empty ones included."""
    edge = st.integers(0, SIDE)
    return Box(*(float(draw(edge)) for _ in range(4)))


@st.composite
def float_boxes(draw):
    edge = st.floats(-500, 500, allow_nan=False, width=32)
    x1, x2 = sorted((draw(edge), draw(edge)))
    y1, y2 = sorted((draw(edge), draw(edge)))
    return Box(x1, y1, x2, y2)


def painted(boxes):
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    for box in boxes:
        mask[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = True
    return mask


def shape(boxes):
    return shapely.union_all([shapely.box(*box.as_tuple()) for box in boxes])


@given(st.lists(integer_boxes(), max_size=6))
def test_union_area_matches_a_pixel_count(boxes):
    assert union_area(boxes) == painted(boxes).sum()


@given(st.lists(integer_boxes(), max_size=5), st.lists(integer_boxes(), max_size=5))
def test_union_iou_matches_painted_masks(ours, theirs):
    a, b = painted(ours), painted(theirs)
    expected = (a & b).sum() / (a | b).sum() if (a | b).any() else 0.0
    assert union_iou(ours, theirs) == pytest.approx(expected, abs=1e-12)


@given(integer_boxes(), integer_boxes())
def test_intersection_area_matches_painted_masks(a, b):
    assert intersection_area(a, b) == (painted([a]) & painted([b])).sum()


@settings(max_examples=60)
@given(
    st.lists(float_boxes(), min_size=1, max_size=6), st.lists(float_boxes(), min_size=1, max_size=6)
)
def test_float_boxes_match_shapely(ours, theirs):
    a, b = shape(ours), shape(theirs)
    assert union_area(ours) == pytest.approx(a.area, rel=1e-6, abs=1e-6)
    union = a.union(b).area
    if union > 1e-3:
        assert union_iou(ours, theirs) == pytest.approx(a.intersection(b).area / union, abs=1e-5)


@given(st.lists(float_boxes(), max_size=5), st.lists(float_boxes(), max_size=5))
def test_union_iou_is_symmetric_and_bounded(ours, theirs):
    value = union_iou(ours, theirs)
    assert value == union_iou(theirs, ours)
    assert 0.0 <= value <= 1.0


@given(st.lists(float_boxes(), min_size=1, max_size=5))
def test_a_set_overlaps_itself_wholly_unless_it_encloses_nothing(boxes):
    assert union_iou(boxes, boxes[::-1] + boxes) in (0.0, 1.0)
    if union_area(boxes) > 0:
        assert union_iou(boxes, boxes) == 1.0


def test_iou_of_two_boxes_by_hand():
    # 10x10 and 10x10 shifted by (5, 5): 25 shared of 175.
    assert iou(Box(0, 0, 10, 10), Box(5, 5, 15, 15)) == pytest.approx(25 / 175)
    assert iou(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0.0


def test_drawing_the_true_box_twice_changes_nothing():
    true = [Box(10, 10, 30, 30)]
    assert union_iou([*true, *true], true) == 1.0


def test_without_boxes_the_grounding_iou_is_zero():
    true = [Box(0, 0, 5, 5)]
    assert union_iou([], true) == 0.0
    assert union_iou(true, []) == 0.0
    assert union_iou([], []) == 0.0
    assert union_iou([Box(5, 5, 0, 0)], true) == 0.0
    assert union_iou([Box(3, 3, 3, 9)], [Box(3, 3, 3, 9)]) == 0.0


def test_boxes_of_two_spaces_are_refused_with_the_fix_named():
    ours, theirs = Box(0, 0, 500, 500, Space.THOUSAND), Box(0, 0, 320, 240)
    with pytest.raises(SpaceMismatchError, match=r"thousand box with a pixels box.*to_pixels"):
        union_iou([ours], [theirs])
    with pytest.raises(SpaceMismatchError):
        union_area([ours, theirs])
    with pytest.raises(SpaceMismatchError):
        intersection_area(ours, theirs)
    with pytest.raises(SpaceMismatchError):
        iou(ours, theirs)


def test_a_few_hundred_boxes_are_exact():
    # Chessboard squares of 7x7 on a 20x20 board: 200 of 400.
    board = [
        Box(7 * x, 7 * y, 7 * x + 7, 7 * y + 7)
        for x in range(20)
        for y in range(20)
        if (x + y) % 2 == 0
    ]
    assert union_area(board) == 200 * 49
    assert union_iou(board, [Box(0, 0, 140, 140)]) == 0.5


def test_clip_keeps_the_part_inside_the_picture():
    assert clip(Box(-5, 10, 700, 500), 640, 480) == Box(0, 10, 640, 480)
    assert clip(Box(700, 10, 800, 20), 640, 480).is_empty
    unit = clip(Box(0.5, -0.1, 1.2, 0.5, Space.UNIT), 1.0, 1.0)
    assert unit == Box(0.5, 0.0, 1.0, 0.5, Space.UNIT)
