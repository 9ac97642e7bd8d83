"""Matching of boxes against scipy's assignment, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from shapely import box as rectangle

from grit.geometry.box import Box
from grit.geometry.matching import best_overlaps, matched_overlap


@st.composite
def boxes(draw):
    x, y = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    return Box(x, y, x + draw(st.integers(1, 9)), y + draw(st.integers(1, 9)))


def table(first, second):
    """IoU of every pair, by shapely."""
    shapes = [[rectangle(*box.as_tuple()) for box in each] for each in (first, second)]
    return np.array(
        [[a.intersection(b).area / a.union(b).area for b in shapes[1]] for a in shapes[0]]
    )


@given(st.lists(boxes(), min_size=1, max_size=6), st.lists(boxes(), min_size=1, max_size=6))
def test_the_best_matching_is_scipys(first, second):
    overlaps = table(first, second)
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    assert matched_overlap(first, second) == pytest.approx(overlaps[rows, columns].sum())
    assert best_overlaps(first, second) == pytest.approx(list(overlaps.max(axis=1)))


def test_a_box_has_one_partner_though_two_would_like_it():
    wanted = Box(0, 0, 10, 10)
    assert matched_overlap([wanted, wanted], [wanted]) == 1.0
    assert best_overlaps([wanted, wanted], [wanted]) == [1.0, 1.0]


def test_nothing_has_no_partner():
    assert matched_overlap([], [Box(0, 0, 1, 1)]) == 0.0
    assert best_overlaps([Box(0, 0, 1, 1)], []) == [0.0]
