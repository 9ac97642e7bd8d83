"""Layers that are run again on the way back: how often, and in copies of a model."""

from __future__ import annotations

import copy

import pytest
import torch

from grit.config.model import LoraConfig
from grit.models.adapter import add_adapter
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


def test_adapters_have_the_same_gradients_with_checkpointing_as_without(family_folder):
    """LoRA: nothing below the first adapter has a gradient that would keep a layer's graph."""
    found = []
    for checkpointing in (False, True):
        model = load(family_folder, gradient_checkpointing=checkpointing)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            add_adapter(model, LoraConfig(rank=4))
        weights = dict(model.network.named_parameters())
        with torch.no_grad():
            for name, weight in weights.items():
                if "lora_B" in name:  # zeros at the start, and lora_A would learn nothing
                    weight.fill_(0.02)
        rows_of(model).sum().backward()
        found.append({n: w.grad for n, w in weights.items() if w.grad is not None})
        assert all("lora_" in name for name in found[-1]), "the base is frozen"
    plain, checkpointed = found
    assert plain.keys() == checkpointed.keys()
    assert len(plain) == sum("lora_" in name for name in weights)
    for name, grad in plain.items():
        torch.testing.assert_close(checkpointed[name], grad, atol=1e-5, rtol=1e-4)
        assert grad.abs().max() > 0
