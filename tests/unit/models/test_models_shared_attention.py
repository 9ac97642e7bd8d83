"""Attention over prompts that stand once, against a softmax over everything written out."""

from __future__ import annotations

import pytest
import torch

from grit.models import shared_attention
from grit.models.shared_attention import PrefixPart, Slots, attend

SCALE = 0.3
OWNERS = {
    "groups in order": [0, 0, 0, 1, 1, 1],
    "groups of several sizes": [0, 1, 1, 1, 1],
    "rows of one group apart": [1, 0, 1, 0, 1],
    "one prompt": [0, 0, 0],
}


@pytest.fixture(params=["kernel", "written out"])
def ways(request, monkeypatch):
    if request.param == "written out":
        monkeypatch.setattr(shared_attention, "_is_fused", lambda query: False)


def plain(query, keys, values, prefix_keys, prefix_values, padding, owners):
    """Repeat prompts, put completions behind them, mask, softmax, in float64."""
    times = query.shape[1] // keys.shape[1]
    all_keys, all_values = (
        torch.cat([prefix[owners], own], dim=2).double().repeat_interleave(times, dim=1)
        for prefix, own in ((prefix_keys, keys), (prefix_values, values))
    )
    scores = query.double() @ all_keys.transpose(-1, -2) * SCALE
    length, far, near = query.shape[2], prefix_keys.shape[2], keys.shape[2]
    allowed = torch.ones(len(owners), 1, length, far + near, dtype=torch.bool)
    allowed[..., :far] = padding[owners][:, None, None, :]
    behind = torch.arange(near)[None, :] <= torch.arange(near - length, near)[:, None]
    allowed[..., far:] = behind
    return scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1) @ all_values


def tensors(owners, length, near, *, key_heads=2, times=3, channels=16, far=11):
    torch.manual_seed(len(owners) + length)
    num_prompts = max(owners) + 1

    def draw(*shape):
        return torch.randn(*shape, requires_grad=True)

    return (
        draw(len(owners), key_heads * times, length, channels),
        draw(len(owners), key_heads, near, channels),
        draw(len(owners), key_heads, near, channels),
        draw(num_prompts, key_heads, far, channels),
        draw(num_prompts, key_heads, far, channels),
    )


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("length", "near"), [(7, 7), (1, 1), (1, 5)])
@pytest.mark.parametrize("name", OWNERS)
def test_two_parts_are_one_softmax_and_so_are_their_gradients(name, length, near, padded):
    owners = torch.tensor(OWNERS[name])
    inputs = tensors(OWNERS[name], length, near)
    num_prompts, far = inputs[3].shape[0], inputs[3].shape[2]
    padding = torch.ones(num_prompts, far, dtype=torch.bool)
    bias = None
    if padded:
        padding[0, :4] = False
        bias = torch.zeros(num_prompts, 1, 1, far).masked_fill(
            ~padding[:, None, None, :], float("-inf")
        )
    prefix = PrefixPart(inputs[3], inputs[4], bias, Slots.of(owners, num_prompts))
    ours = attend(inputs[0], inputs[1], inputs[2], prefix, SCALE)
    right = plain(*inputs, padding, owners)
    torch.testing.assert_close(ours.double(), right, atol=2e-6, rtol=1e-5)

    weights = torch.randn(ours.shape)
    found = torch.autograd.grad((ours * weights).sum(), inputs)
    wanted = torch.autograd.grad((right * weights).sum(), inputs)
    for ours_, right_ in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours_, right_, atol=1e-5, rtol=1e-4)


def test_bfloat16_is_as_near_to_the_plain_softmax_as_its_digits_are():
    inputs = tensors([0, 0, 1], 6, 6)
    owners = torch.tensor([0, 0, 1])
    small = [tensor.detach().bfloat16() for tensor in inputs]
    prefix = PrefixPart(small[3], small[4], None, Slots.of(owners, 2))
    ours = attend(small[0], small[1], small[2], prefix, SCALE)
    padding = torch.ones(2, 11, dtype=torch.bool)
    right = plain(*(tensor.float() for tensor in small), padding, owners)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), right, atol=2e-2, rtol=2e-2)


def test_tokens_on_top_of_some_are_taken_one_by_one_or_refused():
    inputs = tensors([0], 2, 5)
    prefix = PrefixPart(inputs[3], inputs[4], None, Slots.of(torch.tensor([0]), 1))
    with pytest.raises(ValueError, match="2 tokens on top of 3"):
        attend(inputs[0], inputs[1], inputs[2], prefix, SCALE)
