"""Random boxes: sizes, places and the room that they keep, checked by measuring them."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from grit.analysis.random_boxes import box_sizes, elsewhere, matched_boxes, uniform_boxes
from grit.geometry.box import Box

PICTURE = (400, 200)


def test_sizes_are_shares_of_the_picture():
    assert box_sizes([Box(0, 0, 100, 50)], PICTURE) == [(0.25, 0.25)]


def test_matched_boxes_have_the_given_sizes_and_lie_inside():
    boxes = matched_boxes(200, [(0.25, 0.5), (0.5, 0.1)], PICTURE, Random(1))
    assert {(round(b.width), round(b.height)) for b in boxes} == {(100, 100), (200, 20)}
    assert all(b.x1 >= 0 and b.x2 <= 400 and b.y1 >= 0 and b.y2 <= 200 for b in boxes)


def test_matched_boxes_are_anywhere_with_the_same_chance():
    boxes = matched_boxes(4000, [(0.25, 0.5)], PICTURE, Random(2))
    # Left edges run from 0 to 300, so their mean is 150 and their deviation 300 / sqrt(12).
    lefts = np.array([b.x1 for b in boxes])
    assert lefts.mean() == pytest.approx(150, abs=5)
    assert lefts.std() == pytest.approx(300 / 12**0.5, abs=3)


def test_uniform_boxes_have_sides_as_two_uniform_corners_make_them():
    widths = np.array([b.width for b in uniform_boxes(4000, PICTURE, Random(3))])
    # The distance of two uniform points is a third of the range on average.
    assert widths.mean() == pytest.approx(400 / 3, rel=0.05)
    assert widths.min() >= 4


def test_boxes_elsewhere_keep_their_sizes_and_meet_none_of_the_given():
    given = [Box(0, 0, 100, 100), Box(250, 50, 350, 150)]
    moved, on_given = elsewhere(given, PICTURE, Random(4))
    assert [(round(b.width), round(b.height)) for b in moved] == [(100, 100), (100, 100)]
    assert on_given == 0.0
    painted = np.zeros((200, 400), bool)
    for b in given:
        painted[int(b.y1) : int(b.y2), int(b.x1) : int(b.x2)] = True
    for b in moved:
        assert not painted[int(b.y1) + 1 : int(b.y2) - 1, int(b.x1) + 1 : int(b.x2) - 1].any()


def test_a_box_that_fills_the_picture_has_no_elsewhere_and_says_so():
    moved, on_given = elsewhere([Box(0, 0, 400, 200)], PICTURE, Random(5))
    assert moved == (Box(0, 0, 400, 200),)
    assert on_given == 1.0
