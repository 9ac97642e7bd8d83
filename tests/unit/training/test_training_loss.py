"""The objective, token by token, against eq. 3 written out in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grit.training.loss import completion_weights, k3_kl, token_loss

logprob = st.floats(min_value=-6.0, max_value=0.0)
OLD = math.log(0.2)


def at_ratio(ratio, advantage, *, low=0.2, high=0.2, beta=0.0, reference=None):
    """Loss, clip flag and gradient at one token whose ratio is given."""
    now = torch.tensor([OLD + math.log(ratio)], dtype=torch.float64, requires_grad=True)
    result = token_loss(
        now,
        torch.tensor([OLD], dtype=torch.float64),
        None if reference is None else torch.tensor([reference], dtype=torch.float64),
        advantage,
        clip_low=low,
        clip_high=high,
        beta=beta,
    )
    (gradient,) = torch.autograd.grad(result.loss.sum(), now)
    return result.loss.item(), bool(result.clipped), float(gradient)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "clipped", "gradient"),
    [
        # d(ratio)/d(logprob) = ratio, so an unclipped gradient is -ratio * advantage.
        (1.0, 1.5, -1.5, False, -1.5),
        (1.1, 2.0, -2.2, False, -2.2),
        (1.5, 2.0, -1.2 * 2.0, True, 0.0),  # already much likelier: no more pull
        (0.5, 2.0, -0.5 * 2.0, False, -1.0),  # a good token that became rare is pulled back
        (0.5, -2.0, 0.8 * 2.0, True, 0.0),  # already much rarer: no more push
        (1.5, -2.0, 1.5 * 2.0, False, 3.0),  # a bad token that became likely is pushed down
        (0.9, -2.0, 0.9 * 2.0, False, 1.8),
        (1.5, 0.0, 0.0, False, 0.0),
    ],
)
def test_the_clip_works_in_both_directions_for_both_signs(
    ratio, advantage, loss, clipped, gradient
):
    found = at_ratio(ratio, advantage)
    assert found == (pytest.approx(loss), clipped, pytest.approx(gradient, abs=1e-12))


def test_clip_higher_lets_good_tokens_rise_further_and_leaves_the_fall_alone():
    assert at_ratio(1.25, 1.0, high=0.28)[:2] == (pytest.approx(-1.25), False)
    assert at_ratio(1.25, 1.0)[:2] == (pytest.approx(-1.2), True)
    assert at_ratio(0.75, -1.0, high=0.28)[:2] == (pytest.approx(0.8), True)


def test_at_a_ratio_of_one_the_gradient_is_that_of_the_policy_gradient_and_the_kl():
    # k3's slope is 1 - reference/policy.
    reference = math.log(0.5)
    loss, _, gradient = at_ratio(1.0, 0.7, beta=0.1, reference=reference)
    gap = reference - OLD
    assert loss == pytest.approx(0.1 * (math.exp(gap) - gap - 1) - 0.7)
    assert gradient == pytest.approx(-0.7 + 0.1 * (1 - 0.5 / 0.2))


def test_eq_3_over_small_arrays_is_what_numpy_makes_of_it():
    rng = np.random.default_rng(3)
    now, old, reference = rng.uniform(-3.0, 0.0, (3, 4, 6))
    advantages = np.array([[1.2], [-0.4], [0.0], [-2.0]])
    ratio = np.exp(now - old)
    gain = np.minimum(ratio * advantages, np.clip(ratio, 0.8, 1.3) * advantages)
    kl = np.exp(reference - now) - (reference - now) - 1
    found = token_loss(
        torch.tensor(now),
        torch.tensor(old),
        torch.tensor(reference),
        torch.tensor(advantages),
        clip_low=0.2,
        clip_high=0.3,
        beta=0.04,
    )
    assert found.loss.numpy() == pytest.approx(0.04 * kl - gain)
    assert found.kl.numpy() == pytest.approx(kl)
    outside = ((ratio > 1.3) & (advantages > 0)) | ((ratio < 0.8) & (advantages < 0))
    assert found.clipped.numpy().astype(bool).tolist() == outside.tolist()


def test_without_a_reference_there_is_no_kl():
    result = token_loss(
        torch.zeros(2), torch.zeros(2), None, 1.0, clip_low=0.2, clip_high=0.2, beta=0.0
    )
    assert result.kl.tolist() == [0.0, 0.0]


@given(logprob, logprob)
def test_k3_is_never_negative_and_zero_only_where_both_agree(policy, reference):
    kl = float(k3_kl(torch.tensor(policy).double(), torch.tensor(reference).double()))
    assert kl >= -1e-12
    assert k3_kl(torch.tensor(policy), torch.tensor(policy)).item() == 0.0
    if abs(policy - reference) > 1e-3:
        assert kl > 0.0


def test_k3_is_kl_in_the_mean_over_the_policys_own_tokens():
    policy, reference = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    each = k3_kl(torch.tensor(np.log(policy)), torch.tensor(np.log(reference))).numpy()
    true = (policy * np.log(policy / reference)).sum()
    assert (policy * each).sum() == pytest.approx(true)


LENGTHS = [2, 4, 1, 3]


@pytest.mark.parametrize(
    ("aggregation", "constant", "expected"),
    [
        # Mean over 4 completions of each one's mean.
        ("completion_mean", None, [1 / 8, 1 / 16, 1 / 4, 1 / 12]),
        # All 10 tokens alike.
        ("token_mean", None, [1 / 10] * 4),
        # Each completion's sum over 20, then the mean over 4.
        ("constant", 20, [1 / 80] * 4),
    ],
)
def test_each_aggregation_weighs_tokens_as_its_paper_says(aggregation, constant, expected):
    found = completion_weights(LENGTHS, [True] * 4, aggregation, constant_length=constant)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("aggregation", "constant", "expected"),
    [
        ("completion_mean", None, [1 / 6, 0.0, 1 / 3, 1 / 9]),
        ("token_mean", None, [1 / 6, 0.0, 1 / 6, 1 / 6]),
        ("constant", 20, [1 / 60, 0.0, 1 / 60, 1 / 60]),
    ],
)
def test_a_completion_left_out_weighs_nothing_and_is_not_counted(aggregation, constant, expected):
    counts = [True, False, True, True]
    found = completion_weights(LENGTHS, counts, aggregation, constant_length=constant)
    assert found == pytest.approx(expected)


def test_when_nothing_counts_every_weight_is_zero():
    assert completion_weights([3, 5], [False, False], "token_mean") == [0.0, 0.0]


def test_constant_without_its_length_is_refused():
    with pytest.raises(ValueError, match="constant_length"):
        completion_weights([3], [True], "constant")


@given(
    st.lists(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=6), min_size=1, max_size=8),
    st.sampled_from(["completion_mean", "token_mean", "constant"]),
    st.integers(1, 4),
)
def test_sums_of_micro_batches_add_up_to_the_loss_of_the_whole_step(losses, aggregation, at_once):
    weights = completion_weights(
        [len(tokens) for tokens in losses],
        [True] * len(losses),
        aggregation,
        constant_length=7 if aggregation == "constant" else None,
    )
    whole = {
        "completion_mean": float(np.mean([np.mean(tokens) for tokens in losses])),
        "token_mean": float(np.mean(np.concatenate(losses))),
        "constant": float(np.mean([np.sum(tokens) / 7 for tokens in losses])),
    }[aggregation]
    parts = [
        sum(
            w * sum(t)
            for w, t in zip(weights[i : i + at_once], losses[i : i + at_once], strict=True)
        )
        for i in range(0, len(losses), at_once)
    ]
    assert sum(parts) == pytest.approx(whole, abs=1e-9)
