"""Counted operations against sums made by hand, and one way of decoding against the other."""

from __future__ import annotations

import pytest
import torch
from rollout import load, ours
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from workers.meter import Meter
from workload import Workload, write_workload

from grit.models.load import BUILTIN_FOLDER


@pytest.fixture
def counted():
    """Operations of a call."""

    def count(call):
        meter = Meter()
        with meter.counting_flops(), meter.phase("call"):
            call()
        return meter.spent["call"]

    return count


def test_a_product_with_packed_weights_counts_as_the_plain_one(counted):
    states, weight = torch.randn(4, 20), torch.randn(30, 20)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, 8)
    product = torch.ops.mkldnn._linear_pointwise
    found = counted(lambda: product(states, packed, None, "none", [], ""))
    assert found == counted(lambda: torch.nn.functional.linear(states, weight)) == 2 * 4 * 20 * 30


def test_attention_counts_the_same_by_every_kernel_there_and_back(counted):
    query, keys, values = (torch.randn(2, 3, tokens, 8, requires_grad=True) for tokens in (5, 7, 7))

    def attend(*, back):
        found = scaled_dot_product_attention(query, keys, values)
        if back:
            found.sum().backward()

    products = 2 * (2 * 3) * 5 * 7 * 8
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        assert counted(lambda: attend(back=False)) == 2 * products
        # Scores are made again instead of being kept.
        assert counted(lambda: attend(back=True)) == (2 + 5) * products
    with sdpa_kernel(SDPBackend.MATH):
        assert counted(lambda: attend(back=True)) == (2 + 4) * products


def test_a_rollout_counts_the_same_with_packed_weights_and_through_transformers(counted, tmp_path):
    path = write_workload(
        tmp_path, model=BUILTIN_FOLDER, prompt_tokens=60, num_pictures=1, group_size=3
    )
    policy, prompts = load(Workload.read(path))

    def roll_out():
        ours(policy, prompts, size=3, num_tokens=5)

    roll_out()
    assert policy.model.decodes_lean
    lean = counted(roll_out)
    policy.model.decodes_lean = False
    assert lean == pytest.approx(counted(roll_out), rel=1e-3)
