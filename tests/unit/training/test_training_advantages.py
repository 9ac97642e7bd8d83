"""Group advantages: eq. 1 by hand, with numpy, and by what must not matter."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grit.training.advantages import group_advantages

NAN = float("nan")
rewards_of_a_group = st.lists(
    st.floats(min_value=-4.0, max_value=4.0, width=32), min_size=2, max_size=8
)


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_two_completions_a_reward_apart_are_almost_one_deviation_from_their_mean():
    # mean 1.5, biased deviation 0.5: +-0.5 / (0.5 + 0.1)
    found = group_advantages(tensor([1.0, 2.0]), eps=0.1)
    assert found.tolist() == [pytest.approx([-0.5 / 0.6, 0.5 / 0.6])]


@pytest.mark.parametrize(
    ("deviation", "expected"),
    [
        # rewards 0, 0, 0, 2: mean 0.5, squares 3 * 0.25 + 2.25 = 3
        ("biased", [-0.5 / math.sqrt(3 / 4), 1.5 / math.sqrt(3 / 4)]),
        ("unbiased", [-0.5 / math.sqrt(3 / 3), 1.5 / math.sqrt(3 / 3)]),
        ("none", [-0.5, 1.5]),
    ],
)
def test_each_deviation_is_the_one_that_its_name_says(deviation, expected):
    found = group_advantages(tensor([0.0, 0.0, 0.0, 2.0]), eps=0.0, deviation=deviation)
    low, high = expected
    assert found.tolist() == [pytest.approx([low, low, low, high])]


def test_the_paper_adds_a_ten_thousandth_to_the_deviation():
    found = group_advantages(tensor([0.0, 0.0002]))
    assert found.tolist() == [pytest.approx([-0.5, 0.5])]  # 1e-4 / (1e-4 + 1e-4)


def test_groups_do_not_know_of_each_other():
    rows = [[0.1, 0.7, 0.4], [100.0, 300.0, 250.0], [-1.0, -1.0, 2.0]]
    together = group_advantages(tensor(*rows))
    for row, found in zip(rows, together.tolist(), strict=True):
        values = np.array(row)
        expected = (values - values.mean()) / (values.std(ddof=0) + 1e-4)
        assert found == pytest.approx(expected.tolist())


def test_an_unscored_completion_leaves_mean_and_deviation_and_gets_nothing():
    found = group_advantages(tensor([1.0, NAN, 2.0, NAN]), eps=0.0, deviation="unbiased")
    # over 1 and 2 alone: mean 1.5, unbiased deviation sqrt(0.5)
    edge = 0.5 / math.sqrt(0.5)
    assert found.tolist() == [pytest.approx([-edge, 0.0, edge, 0.0])]


@pytest.mark.parametrize("deviation", ["biased", "unbiased", "none"])
@pytest.mark.parametrize("row", [[NAN, NAN, NAN], [3.0, NAN, NAN]])
def test_a_group_with_fewer_than_two_scored_completions_teaches_nothing(row, deviation):
    found = group_advantages(tensor(row), deviation=deviation)
    assert found.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("number", [2, 3, 7, 12])
def test_equal_rewards_give_exactly_zero_though_their_mean_is_rounded(number, dtype):
    # 0.1 + 0.1 + 0.1 is not 0.3 in binary; with eps 1e-12 the rounding would be an advantage.
    found = group_advantages(torch.full((1, number), 0.1, dtype=dtype), eps=1e-12)
    assert found.tolist() == [[0.0] * number]
    assert found.dtype == dtype


def test_equal_rewards_beside_an_unscored_one_give_exactly_zero():
    assert group_advantages(tensor([0.1, NAN, 0.1, 0.1])).tolist() == [[0.0] * 4]


@pytest.mark.parametrize("shape", [(3,), (2, 1), (2, 2, 2)])
def test_rewards_that_are_no_groups_are_refused(shape):
    with pytest.raises(ValueError, match="at least 2 completions"):
        group_advantages(torch.zeros(shape))


@given(rewards_of_a_group, st.integers(min_value=-8, max_value=8))
def test_a_shift_of_all_rewards_changes_nothing(rewards, shift):
    plain, moved = np.array(rewards), np.array(rewards) + shift
    if (plain == plain[0]).all() != (moved == moved[0]).all():
        return  # the shift itself rounded two rewards together
    found = group_advantages(tensor(moved.tolist()), eps=0.01)
    assert found.tolist()[0] == pytest.approx(
        group_advantages(tensor(plain.tolist()), eps=0.01).tolist()[0], abs=1e-9
    )


@given(rewards_of_a_group)
def test_better_paid_completions_have_larger_advantages_and_all_sum_to_zero(rewards):
    (found,) = group_advantages(tensor(rewards)).tolist()
    assert sum(found) == pytest.approx(0.0, abs=1e-6)
    ranked = sorted(zip(rewards, found, strict=True))
    assert all(a <= b + 1e-9 for (_, a), (_, b) in itertools.pairwise(ranked))


@given(rewards_of_a_group, st.randoms(use_true_random=False))
def test_an_advantage_belongs_to_the_completion_and_not_to_its_place(rewards, random):
    order = list(range(len(rewards)))
    random.shuffle(order)
    (plain,) = group_advantages(tensor(rewards)).tolist()
    (shuffled,) = group_advantages(tensor([rewards[i] for i in order])).tolist()
    assert shuffled == pytest.approx([plain[i] for i in order], abs=1e-9)


@given(rewards_of_a_group)
def test_without_epsilon_biased_advantages_have_unit_deviation(rewards):
    (found,) = group_advantages(tensor(rewards), eps=1e-15).tolist()
    if max(rewards) - min(rewards) > 1e-3:
        assert np.std(found) == pytest.approx(1.0, rel=1e-6)
