"""Which samples a step learns from."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grit.training.sampler import PromptSampler


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**40))
def test_each_epoch_holds_each_sample_once_whatever_the_sizes(num_samples, per_step, seed):
    sampler = PromptSampler(num_samples, per_step, seed)
    steps = -(-3 * num_samples // per_step)
    laid = list(chain.from_iterable(sampler.places(step) for step in range(1, steps + 1)))
    for epoch in range(3):
        part = laid[epoch * num_samples : (epoch + 1) * num_samples]
        assert sorted(part) == list(range(num_samples))


def test_32_prompts_a_step_over_20_samples_use_all_of_them_and_twelve_twice():
    places = PromptSampler(20, 32, seed=0).places(1)
    assert len(places) == 32
    uses = [places.count(sample) for sample in range(20)]
    assert sorted(uses) == [1] * 8 + [2] * 12


def test_a_step_is_the_same_whatever_was_asked_before():
    sampler = PromptSampler(7, 3, seed=4)
    alone = sampler.places(9)
    for step in (3, 9, 1, 9):
        again = sampler.places(step)
        if step == 9:
            assert again == alone
    assert PromptSampler(7, 3, seed=4).places(9) == alone


def test_epochs_and_seeds_shuffle_differently():
    def epoch(number, seed):
        return PromptSampler(20, 20, seed).places(number)

    orders = [epoch(1, 0), epoch(2, 0), epoch(1, 1)]
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize(("step", "passes"), [(1, 0.5), (2, 1.0), (5, 2.5)])
def test_the_epoch_counts_passes_over_the_data(step, passes):
    assert PromptSampler(20, 10, seed=0).epoch(step) == passes
