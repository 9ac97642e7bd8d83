"""Random streams and inverse-CDF sampling, against numpy, scipy and arithmetic by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from grit.rollout.streams import draw_tokens, uniform_stream

KEY = (3, 5, "relation-12", 0, 1)
"""Seed, step, sample, draw, number."""

logits_and_uniforms = st.tuples(
    st.lists(st.floats(-30, 30), min_size=1, max_size=40),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0.3, 0.7, 1.0, 2.0]),
)


def by_hand(logits, uniform, temperature, top_p=1.0):
    """One token by numpy: the first whose cumulative share of the kept mass passes the uniform."""
    mass = scipy.special.softmax(np.float32(logits).astype(np.float64) / temperature)
    if top_p < 1.0:
        ranked = sorted(range(len(mass)), key=lambda token: (-mass[token], token))
        num_kept = 1 + next(
            (n for n, sum_ in enumerate(np.cumsum(mass[ranked])) if sum_ >= top_p), len(mass) - 1
        )
        mass = np.where(np.isin(np.arange(len(mass)), ranked[:num_kept]), mass, 0.0)
    reached = np.cumsum(mass)
    return int(np.flatnonzero(reached > uniform * reached[-1])[0])


def drawn(logits, uniforms, temperature=1.0, top_p=1.0):
    rows = torch.tensor(logits, dtype=torch.float32).expand(len(uniforms), -1)
    uniforms = torch.tensor(uniforms, dtype=torch.float64)
    return draw_tokens(rows, uniforms, temperature=temperature, top_p=top_p).tolist()


@given(logits_and_uniforms)
def test_a_draw_inverts_the_cumulative_distribution(case):
    logits, uniform, temperature = case
    (ours,) = drawn(logits, [uniform], temperature)
    mass = scipy.special.softmax(np.float32(logits).astype(np.float64) / temperature)
    reached = np.concatenate([[0.0], np.cumsum(mass)])
    assert reached[ours] - 1e-9 <= uniform <= reached[ours + 1] + 1e-9
    # On the very edge between two tokens either is right.
    if np.abs(reached - uniform).min() > 1e-9:
        assert ours == by_hand(logits, uniform, temperature)


def test_probabilities_of_a_quarter_a_half_and_a_quarter_are_cut_where_they_meet():
    logits = np.log([0.25, 0.5, 0.25]).tolist()
    assert drawn(logits, [0.0, 0.2499, 0.2501, 0.7499, 0.7501, 0.9999]) == [0, 0, 1, 1, 2, 2]


def test_every_row_is_drawn_from_its_own_logits():
    rows = torch.tensor([[0.0, 9.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    uniforms = torch.full((3,), 0.5, dtype=torch.float64)
    assert draw_tokens(rows, uniforms, temperature=1.0, top_p=1.0).tolist() == [1, 0, 2]


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.6])
def test_frequencies_are_the_softmax_probabilities(temperature):
    logits = [0.3, -1.0, 1.2, 0.0, -0.4, 2.0]
    tokens = drawn(logits, uniform_stream("chi", 1).random(20_000), temperature)
    expected = scipy.special.softmax(np.array(logits) / temperature) * len(tokens)
    assert scipy.stats.chisquare(np.bincount(tokens, minlength=6), expected).pvalue > 0.01


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.3, {2}), (0.4, {2}), (0.45, {0, 2}), (0.7, {0, 2}), (0.75, {0, 2, 3}), (1.0, {0, 1, 2, 3})],
)
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p, kept):
    logits = np.log([0.3, 0.1, 0.41, 0.19]).tolist()
    assert set(drawn(logits, np.linspace(0, 0.9999, 500), top_p=top_p)) == kept


def test_tokens_that_reach_top_p_exactly_are_enough_and_ties_go_by_token():
    assert set(drawn([1.0] * 4, np.linspace(0, 0.9999, 50), top_p=0.5)) == {0, 1}


def test_what_top_p_keeps_keeps_its_proportions():
    logits = np.log([0.3, 0.1, 0.41, 0.19]).tolist()
    tokens = drawn(logits, uniform_stream("top").random(20_000), top_p=0.7)
    counts = np.bincount(tokens, minlength=4)[[0, 2]]
    expected = np.array([0.3, 0.41]) / 0.71 * len(tokens)
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.01


@given(logits_and_uniforms, st.floats(0.05, 1.0))
def test_a_draw_under_top_p_is_always_among_the_likeliest(case, top_p):
    logits, uniform, temperature = case
    (ours,) = drawn(logits, [uniform], temperature, top_p)
    mass = scipy.special.softmax(np.float32(logits).astype(np.float64) / temperature)
    assert mass[mass > mass[ours]].sum() < top_p + 1e-9


@given(logits_and_uniforms)
def test_the_largest_uniform_takes_a_token_that_was_not_masked(case):
    logits, _, temperature = case
    (ours,) = drawn([*logits, -100.0], [np.nextafter(1.0, 0.0)], temperature, top_p=0.5)
    mass = scipy.special.softmax(np.float32([*logits, -100.0]).astype(np.float64) / temperature)
    assert mass[mass > mass[ours]].sum() < 0.5 + 1e-9


@given(logits_and_uniforms)
def test_temperature_nought_takes_the_likeliest_token_whatever_the_uniform(case):
    logits, uniform, _ = case
    assert drawn(logits, [uniform], 0.0) == [int(np.argmax(np.float32(logits)))]


def test_the_far_end_of_a_large_vocabulary_is_drawn_as_often_as_it_should_be():
    """Cumulative sums in float32 drift by more than a token's share over 150,000 of them."""
    uniforms = (np.arange(0, 150_000, 15013) + 0.5) / 150_000
    assert drawn([0.0] * 150_000, uniforms) == list(range(0, 150_000, 15013))


def test_a_stream_is_the_same_whenever_it_is_made():
    assert uniform_stream(*KEY).random(5).tolist() == uniform_stream(*KEY).random(5).tolist()


def test_one_number_at_a_time_gives_the_stream_of_many():
    stream = uniform_stream(*KEY)
    assert [stream.random() for _ in range(5)] == uniform_stream(*KEY).random(5).tolist()


def test_another_seed_step_sample_draw_or_number_gives_another_stream():
    keys = list(itertools.product((3, 4), (5, 6), ("relation-12", "relation-13"), (0, 1), (1, 2)))
    firsts = {tuple(uniform_stream(*key).random(2)) for key in keys}
    assert len(firsts) == len(keys) == 32


def test_keys_that_read_the_same_when_run_together_are_kept_apart():
    assert uniform_stream(1, 23).random() != uniform_stream(12, 3).random()
    assert uniform_stream(0, "a", 11).random() != uniform_stream(0, "a1", 1).random()


def test_uniforms_of_many_streams_are_uniform():
    """The first number of each stream, as a group of completions sees them."""
    firsts = [uniform_stream(0, 1, "sample", 0, number).random() for number in range(2000)]
    assert scipy.stats.kstest(firsts, "uniform").pvalue > 0.01
    neighbours = scipy.stats.spearmanr(firsts[:-1], firsts[1:])
    assert abs(neighbours.statistic) < 0.06
