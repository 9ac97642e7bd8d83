"""Paired tests against statsmodels, scipy and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from grit.statistics.paired import mcnemar_exact, paired_bootstrap


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(only_first, only_second):
    expected = mcnemar([[7, only_first], [only_second, 11]], exact=True).pvalue
    assert mcnemar_exact(only_first, only_second) == pytest.approx(min(1.0, expected), rel=1e-9)


def test_mcnemar_of_five_against_none_by_hand():
    assert mcnemar_exact(0, 5) == 2 / 2**5
    assert mcnemar_exact(5, 0) == 2 / 2**5
    assert mcnemar_exact(0, 0) == 1.0


def test_mcnemar_of_thousands_is_still_a_number():
    # A binomial tail of 4,000 against 5,000 by scipy.
    expected = scipy.stats.binomtest(4000, 9000).pvalue
    assert mcnemar_exact(4000, 5000) == pytest.approx(expected, rel=1e-6)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="no counts"):
        mcnemar_exact(-1, 2)


def test_the_interval_is_that_of_scipys_paired_bootstrap():
    rng = np.random.default_rng(3)
    first = rng.beta(3, 2, 150)
    second = np.clip(first + rng.normal(0.05, 0.15, 150), 0, 1)
    ours = paired_bootstrap(list(first), list(second), seed=0)
    theirs = scipy.stats.bootstrap(
        (first, second), lambda a, b, axis=-1: (b - a).mean(axis=axis), paired=True,
        method="percentile", n_resamples=9999, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert ours.mean == pytest.approx((second - first).mean())
    assert (ours.interval.low, ours.interval.high) == pytest.approx(
        (theirs.low, theirs.high), abs=0.003
    )


def test_the_p_value_is_near_that_of_the_t_test_for_many_samples():
    rng = np.random.default_rng(6)
    first, second = rng.normal(0, 1, 400), rng.normal(0.14, 1, 400)
    expected = scipy.stats.ttest_rel(second, first).pvalue
    assert 0.01 < expected < 0.3
    assert paired_bootstrap(list(first), list(second), seed=0).p_value == pytest.approx(
        expected, abs=0.02
    )


def test_the_same_figures_differ_by_nothing():
    found = paired_bootstrap([0.2, 0.7, 0.9], [0.2, 0.7, 0.9], seed=0)
    assert (found.mean, found.interval.low, found.interval.high, found.p_value) == (0, 0, 0, 1.0)


@pytest.mark.parametrize(
    ("first", "second"), [([], []), ([1.0], [1.0, 0.0]), ([float("nan")], [0.0])]
)
def test_what_is_no_pair_is_refused(first, second):
    with pytest.raises(ValueError):
        paired_bootstrap(first, second, seed=0)
