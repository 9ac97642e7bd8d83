"""A fingerprint tells weights apart, and nothing else."""

from __future__ import annotations

import torch
from torch import nn

from grit.models.fingerprint import fingerprint


def network(seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7)).to(dtype)


def test_the_same_weights_have_the_same_fingerprint():
    assert fingerprint(network()) == fingerprint(network())
    assert len(fingerprint(network())) == 16


def test_the_last_bit_of_one_weight_shows():
    one, two = network(), network()
    with torch.no_grad():
        two[0].weight[3, 2] = torch.nextafter(two[0].weight[3, 2], torch.tensor(9.0))
    assert fingerprint(one) != fingerprint(two)


def test_dtype_shape_and_name_count():
    plain = fingerprint(network())
    assert fingerprint(network(dtype=torch.bfloat16)) != plain
    renamed = nn.Sequential(nn.Identity(), *network())
    assert fingerprint(renamed) != plain
    shaped = network()
    shaped[0].weight = nn.Parameter(shaped[0].weight.detach().reshape(5, 7))
    assert fingerprint(shaped) != plain


def test_gradients_and_layout_in_memory_do_not_count():
    one, two = network(), network()
    two(torch.ones(1, 5)).sum().backward()
    two[0].weight = nn.Parameter(two[0].weight.detach().t().contiguous().t())
    assert fingerprint(one) == fingerprint(two)
