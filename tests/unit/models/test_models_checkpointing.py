"""Layers that are run again on the way back: how often, and in copies of a model."""

from __future__ import annotations

import copy

import pytest
import torch

from grit.models.checkpointing import checkpoint_layers
from grit.policy.policy import Policy
from tiny_qwen import completions_of, load, prompts_of


def runs_of(modules):
    """Notes each run of some modules, first ones and repeated ones alike."""
    seen = []
    for module in modules:
        module.register_forward_pre_hook(lambda *_: seen.append(1))
    return seen


def rows_of(model):
    policy = Policy(model)
    owners, completions = completions_of(model)
    states = policy.run_prompts(prompts_of(model))
    return torch.cat(policy.logprobs(states, owners, completions, temperature=1.0))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_layers_run_twice_when_they_are_checkpointed_and_once_when_not(
    family_folder, checkpointing
):
    model = load(family_folder, gradient_checkpointing=checkpointing)
    model.network.requires_grad_(True)
    decoder = runs_of(layer.mlp for layer in model.family.decoder_layers(model.network))
    tower = runs_of(layer.mlp for layer in model.family.tower_layers(model.network))
    rows = rows_of(model)
    first = len(decoder), len(tower)
    # Prompts and completions through the decoder, pictures through the tower.
    assert first == (
        2 * len(model.family.decoder_layers(model.network)),
        len(model.family.tower_layers(model.network)),
    )
    rows.sum().backward()
    times = 2 if checkpointing else 1
    assert (len(decoder), len(tower)) == (times * first[0], times * first[1])


def test_nothing_is_run_again_where_nothing_learns(family_folder):
    model = load(family_folder, gradient_checkpointing=True)
    with torch.no_grad():
        found = rows_of(model)
        expected = rows_of(load(family_folder))
    assert torch.equal(found, expected)


def test_a_copy_of_a_checkpointed_layer_has_weights_of_its_own():
    layer = torch.nn.Linear(3, 3)
    checkpoint_layers([layer])
    copied = copy.deepcopy(layer)
    states = torch.ones(1, 3)
    before = copied(states)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    assert torch.equal(copied(states), before)
    assert not torch.equal(layer(states), before)
