"""Decoding by the layers themselves, against transformers' forward, and its switch."""

from __future__ import annotations

import pytest
import torch

from grit.config.model import LoraConfig
from grit.models.adapter import add_adapter
from grit.models.decoding import TokenDecoder
from grit.models.weights import ALIGNMENT
from grit.policy.policy import Policy
from tiny_models import all_plain_inputs, plain_logprobs
from tiny_qwen import load, prompts_of, spelled


def token_by_token(policy, completions):
    """Log-probabilities of completions that all stand on the three prompts, one each in turn."""
    states = policy.run_prompts(prompts_of(policy.model))
    branches = policy.branch(states, [place % 3 for place in range(len(completions))])
    rows = []
    for tokens in torch.stack(completions).T:
        logits = policy.logits(branches)
        rows.append(logits.log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1))
        policy.step(branches, tokens)
    return torch.stack(rows, dim=1), branches


def some_completions(model, number):
    words = spelled(model, "<think> the red box at 12, 30 is left of two others </think> yes")
    places = torch.randint(0, len(words), (number, 7), generator=torch.Generator().manual_seed(3))
    return list(words[places])


# Of 3, 6 and 12 rows each goes through other kernels.
@pytest.mark.parametrize("number", [3, 6, 12])
@torch.no_grad()
def test_decoding_says_the_logprobs_of_the_plain_forward(family_folder, number):
    model = load(family_folder)
    completions = some_completions(model, number)
    found, branches = token_by_token(Policy(model), completions)
    assert isinstance(branches.decoder, TokenDecoder)
    inputs = all_plain_inputs(family_folder)
    for place, tokens in enumerate(completions):
        expected = plain_logprobs(model.network, inputs[place % 3], tokens)
        torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_decoding_runs_adapters(tiny_folder):
    model = load(tiny_folder)
    plain = some_completions(model, 3)
    without, _ = token_by_token(Policy(model), plain)
    adapter = add_adapter(model, LoraConfig(rank=4))
    for name, weight in adapter.named_parameters():
        if "lora_" in name:
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(5)) / 4)
    found, branches = token_by_token(Policy(model), plain)
    assert branches.decoder is not None
    inputs = all_plain_inputs(tiny_folder)
    for place, tokens in enumerate(plain):
        expected = plain_logprobs(model.network, inputs[place], tokens)
        torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=0)
    assert (found - without).abs().max() > 0.01


@torch.no_grad()
def test_switched_off_transformers_decodes(tiny_folder):
    model = load(tiny_folder, lean_decoding=False)
    completions = some_completions(model, 6)
    found, branches = token_by_token(Policy(model), completions)
    assert branches.decoder is None
    lean, _ = token_by_token(Policy(load(tiny_folder)), completions)
    torch.testing.assert_close(found, lean, atol=1e-5, rtol=0)


@torch.no_grad()
def test_layers_that_are_not_plain_are_left_to_transformers(tiny_folder):
    model = load(tiny_folder)
    completions = some_completions(model, 3)
    before, _ = token_by_token(Policy(model), completions)
    layer = model.network.model.language_model.layers[0]
    hook = layer.register_forward_hook(lambda _module, _given, made: made * 2)
    found, branches = token_by_token(Policy(model), completions)
    assert branches.decoder is None
    assert (found - before).abs().max() > 0.01
    hook.remove()
    layer.self_attn.sliding_window = 4
    assert model.family.token_decoder(model.network) is None


def test_every_weight_from_a_file_starts_where_torch_would_let_it_start(family_folder):
    for weight in load(family_folder).network.parameters():
        assert weight.data_ptr() % ALIGNMENT == 0


@pytest.mark.parametrize("rows", [1, 3, 8, 33])
@torch.no_grad()
def test_logits_do_not_depend_on_where_a_weight_lies(tiny_folder, rows):
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(500, 64, generator=generator)
    hidden = torch.randn(rows, 64, generator=generator)
    expected = (hidden.double() @ weight.double().t()).float()
    room = torch.empty(weight.numel() + 64)
    decoder = load(tiny_folder).network.model.language_model

    def logits_at(start):
        moved = room[start : start + weight.numel()].view_as(weight).copy_(weight)
        return TokenDecoder(decoder, moved).logits(hidden)

    whole = logits_at(0)
    torch.testing.assert_close(whole, expected, atol=1e-4, rtol=0)
    for start in (1, 2, 5, 16):
        assert torch.equal(logits_at(start), whole)


@torch.no_grad()
def test_a_decoder_has_the_weights_that_it_began_with(tiny_folder):
    model = load(tiny_folder)
    completions = some_completions(model, 3)
    before, _ = token_by_token(Policy(model), completions)
    for weight in model.network.parameters():
        weight.mul_(1.05)
    after, _ = token_by_token(Policy(model), completions)
    inputs = all_plain_inputs(tiny_folder)
    for place, tokens in enumerate(completions):
        expected = plain_logprobs(model.network, inputs[place], tokens)
        torch.testing.assert_close(after[place], expected, atol=1e-5, rtol=0)
    assert (after - before).abs().max() > 0.01
