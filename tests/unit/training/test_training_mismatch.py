"""Engine against trainer: mismatch and importance weights, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from grit.training.loss import importance_weights, token_loss
from grit.training.mismatch import mismatch


def logs(*probabilities):
    return torch.tensor([math.log(p) for p in probabilities], dtype=torch.float64)


def test_importance_weights_are_ratios_of_probabilities_cut_above_and_not_below():
    # 0.3/0.2, 0.9/0.3 above the bound of 2, 0.1/0.4, 0.5/0.5
    weights = importance_weights(logs(0.3, 0.9, 0.1, 0.5), logs(0.2, 0.3, 0.4, 0.5), most=2.0)
    assert weights.tolist() == pytest.approx([1.5, 2.0, 0.25, 1.0])


def test_importance_weights_carry_no_gradient():
    old = logs(0.3).requires_grad_(True)
    assert not importance_weights(old, logs(0.2), most=2.0).requires_grad


def test_an_importance_weight_scales_the_gain_and_leaves_the_kl():
    now = logs(0.2).requires_grad_(True)
    result = token_loss(
        now, logs(0.2), logs(0.1), 3.0, clip_low=0.2, clip_high=0.2, beta=0.5,
        importance=torch.tensor([0.25]),
    )  # fmt: skip
    # k3 at a reference of half the probability: 1/2 - ln(1/2) - 1; its slope is 1 - 1/2.
    kl = 0.5 + math.log(2) - 1
    assert result.loss.item() == pytest.approx(0.5 * kl - 0.25 * 3.0)
    (slope,) = torch.autograd.grad(result.loss.sum(), now)
    assert slope.item() == pytest.approx(0.5 * 0.5 - 0.25 * 3.0)


def test_mismatch_is_of_the_tokens_that_were_learned_from():
    trainer = [logs(0.3, 0.1), None, logs(0.5)]
    engine = [logs(0.2, 0.1), logs(0.9), logs(0.25)]
    found = mismatch(trainer, engine)
    assert found is not None
    assert found.mean == pytest.approx((math.log(1.5) + 0 + math.log(2)) / 3)
    assert found.most == pytest.approx(math.log(2))
    # E[r - ln r - 1] with r = trainer / engine
    by_hand = (1.5 - math.log(1.5) - 1 + 0 + 2 - math.log(2) - 1) / 3
    assert found.kl == pytest.approx(by_hand)


def test_nothing_learned_has_no_mismatch():
    assert mismatch([None], [logs(0.5)]) is None
