"""Kappa against statsmodels and against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa as theirs

from grit.statistics.agreement import cohens_kappa, confusion

tables = st.integers(2, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 300), min_size=size, max_size=size), min_size=size, max_size=size
    )
)


@given(tables)
def test_kappa_and_its_error_match_statsmodels(table):
    counts = np.array(table)
    assume(counts.sum() > 0)
    assume(counts.sum(axis=0) @ counts.sum(axis=1) != counts.sum() ** 2)
    with np.errstate(all="ignore"):
        reference = theirs(counts)
    ours = cohens_kappa(table)
    assert ours is not None
    assert ours.value == pytest.approx(reference.kappa, abs=1e-9)
    assert ours.error**2 == pytest.approx(reference.var_kappa, abs=1e-9)
    assert -1.0 <= ours.interval.low <= ours.interval.high <= 1.0


def test_kappa_of_a_small_table_is_that_of_a_hand_computation():
    # 20 + 15 of 50 agree, 0.7; chance agrees in 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5.
    ours = cohens_kappa([[20, 5], [10, 15]])
    assert ours is not None
    assert ours.value == pytest.approx(0.4)


def test_full_agreement_is_one_without_error():
    ours = cohens_kappa([[7, 0], [0, 3]])
    assert ours is not None
    assert (ours.value, ours.error) == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[9, 0], [0, 0]]])
def test_kappa_is_undefined_where_nothing_could_differ(table):
    assert cohens_kappa(table) is None


@pytest.mark.parametrize("table", [[[1, 2]], [[1, 2], [3]], [[1, -1], [0, 1]]])
def test_a_table_that_is_not_square_counts_is_refused(table):
    with pytest.raises(ValueError, match="square"):
        cohens_kappa(table)


def test_a_level_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"0\.95 means 95%"):
        cohens_kappa([[1, 0], [0, 1]], level=95)


def test_confusion_counts_ours_in_rows_and_theirs_in_columns():
    table = confusion(["yes", "no", "no", "yes"], ["no", "no", "no", "yes"], ["no", "yes"])
    assert table == ((2, 0), (1, 1))


def test_confusion_refuses_unequal_lengths_and_words_that_are_not_listed():
    with pytest.raises(ValueError, match="argument 2"):
        confusion([1], [1, 0], [0, 1])
    with pytest.raises(ValueError, match="none of the words"):
        confusion([2], [1], [0, 1])
