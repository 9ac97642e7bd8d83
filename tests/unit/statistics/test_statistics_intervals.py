"""Intervals against scipy, the exact binomial and hand computation."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from grit.statistics.intervals import bootstrap_interval, mean_and_spread, wilson_interval


@given(st.integers(1, 3000), st.data())
def test_wilson_matches_scipy(num_trials, data):
    num_hits = data.draw(st.integers(0, num_trials))
    level = data.draw(st.sampled_from([0.8, 0.9, 0.95, 0.99]))
    theirs = stats.binomtest(num_hits, num_trials).proportion_ci(level, method="wilson")
    ours = wilson_interval(num_hits, num_trials, level=level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0.0 <= ours.low <= num_hits / num_trials <= ours.high <= 1.0


def test_no_trials_leave_everything_open():
    interval = wilson_interval(0, 0)
    assert (interval.low, interval.high) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5), (0, -1)])
def test_counts_that_are_no_rate_are_refused(hits, trials):
    with pytest.raises(ValueError, match="no rate"):
        wilson_interval(hits, trials)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_outside_its_range_is_refused(level):
    with pytest.raises(ValueError, match=r"0\.95 means 95%"):
        wilson_interval(1, 2, level=level)
    with pytest.raises(ValueError, match=r"0\.95 means 95%"):
        bootstrap_interval([1.0, 2.0], seed=0, level=level)


def test_the_bootstrap_agrees_with_scipy_percentiles():
    values = np.random.default_rng(3).normal(0.4, 0.2, size=200)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", random_state=1
    ).confidence_interval
    ours = bootstrap_interval(values.tolist(), seed=0, num_resamples=4000)
    error = 0.2 / math.sqrt(200)
    assert ours.low == pytest.approx(theirs.low, abs=error / 5)
    assert ours.high == pytest.approx(theirs.high, abs=error / 5)


def test_the_bootstrap_is_the_same_for_the_same_seed_only():
    values = [0.0, 1.0, 0.5, 0.25, 0.75, 0.1]
    assert bootstrap_interval(values, seed=7) == bootstrap_interval(values, seed=7)
    assert bootstrap_interval(values, seed=7) != bootstrap_interval(values, seed=8)


def test_equal_values_leave_no_doubt():
    interval = bootstrap_interval([0.25] * 10, seed=0)
    assert (interval.low, interval.high) == (0.25, 0.25)


def test_many_values_are_resampled_in_pieces():
    values = np.linspace(0, 1, 30_001)  # more than fit in one draw of 200 rows
    interval = bootstrap_interval(values.tolist(), seed=0, num_resamples=200)
    error = statistics.pstdev(values.tolist()) / math.sqrt(30_001)
    assert interval.low == pytest.approx(0.5 - 1.96 * error, abs=error)
    assert interval.high == pytest.approx(0.5 + 1.96 * error, abs=error)


def test_nothing_or_an_unscored_value_has_no_mean():
    with pytest.raises(ValueError, match="no values"):
        bootstrap_interval([], seed=0)
    with pytest.raises(ValueError, match="unscored"):
        bootstrap_interval([1.0, math.nan], seed=0)
    with pytest.raises(ValueError, match="no values"):
        mean_and_spread([])
    with pytest.raises(ValueError, match="at least 1"):
        bootstrap_interval([1.0], seed=0, num_resamples=0)


def test_spread_over_three_seeds_by_hand():
    spread = mean_and_spread([0.7, 0.8, 0.9])
    assert spread.mean == pytest.approx(0.8)
    assert spread.deviation == pytest.approx(0.1)  # sqrt((0.01 + 0 + 0.01) / 2)
    assert (spread.low, spread.high, spread.num_runs) == (0.7, 0.9, 3)


def test_a_single_run_shows_no_spread():
    assert mean_and_spread([0.7]).deviation is None
