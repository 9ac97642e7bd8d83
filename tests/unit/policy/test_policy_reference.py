"""References: what the KL is measured to stays where it was."""

from __future__ import annotations

import pytest
import torch

from grit.config.model import LoraConfig
from grit.models.adapter import add_adapter
from grit.policy.kept_prompts import KeptPrompts
from grit.policy.policy import Policy
from grit.policy.reference import AdapterOffReference, FrozenReference, frozen_copy
from tiny_models import all_plain_inputs, plain_logprobs
from tiny_qwen import completions_of, load, prompts_of


@pytest.fixture
def base_logprobs(tiny_model, tiny_folder):
    """The untrained model's, by plain transformers."""
    inputs = all_plain_inputs(tiny_folder)
    with torch.no_grad():
        return [
            plain_logprobs(tiny_model.network, inputs[owner], tokens, 0.7)
            for owner, tokens in zip(*completions_of(tiny_model), strict=True)
        ]


def asked(reference, model, prompts=None):
    """Everything at once, at temperature 0.7."""
    owners, completions = completions_of(model)
    (rows,) = reference.logprobs(
        prompts or prompts_of(model), [(owners, completions)], temperature=0.7
    )
    return rows


def policy_rows(policy, prompts):
    owners, completions = completions_of(policy.model)
    with torch.no_grad():
        return policy.logprobs(policy.run_prompts(prompts), owners, completions, temperature=0.7)


def furthest(rows, others):
    return max(float((a - b).abs().max()) for a, b in zip(rows, others, strict=True))


def move(weights) -> None:
    """As far as no training would go in a step."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in weights:
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))


def test_the_frozen_reference_stays_when_the_policy_moves(tiny_model, base_logprobs):
    tiny_model.network.requires_grad_(True)
    policy = Policy(tiny_model)
    reference = FrozenReference(Policy(frozen_copy(policy.model)))
    prompts = prompts_of(tiny_model)
    asked(reference, tiny_model, prompts)
    move(tiny_model.network.parameters())
    rows = asked(reference, tiny_model, prompts)
    assert furthest(rows, base_logprobs) <= 1e-5
    assert furthest(policy_rows(policy, prompts), base_logprobs) > 0.1
    assert not any(row.requires_grad for row in rows)
    assert all(weight.requires_grad for weight in tiny_model.network.parameters())


def test_parts_give_what_the_whole_gives(tiny_model, base_logprobs):
    owners, completions = completions_of(tiny_model)
    parts = [([owners[i] for i in at], [completions[i] for i in at]) for at in ([4, 0], [6, 2, 5])]
    found = FrozenReference(Policy(frozen_copy(tiny_model))).logprobs(
        prompts_of(tiny_model), parts, temperature=0.7
    )
    assert [len(part) for part in found] == [2, 3]
    assert furthest(found[0] + found[1], [base_logprobs[i] for i in (4, 0, 6, 2, 5)]) <= 1e-5


def test_with_its_adapter_off_the_policy_is_its_base(tiny_model, base_logprobs):
    adapter = add_adapter(tiny_model, LoraConfig(rank=4))
    policy = Policy(tiny_model)
    reference = AdapterOffReference(policy, adapter)
    prompts = prompts_of(tiny_model)
    move(weight for weight in tiny_model.network.parameters() if weight.requires_grad)
    assert furthest(policy_rows(policy, prompts), base_logprobs) > 0.1
    assert furthest(asked(reference, tiny_model, prompts), base_logprobs) <= 1e-5


def test_a_look_at_the_base_leaves_the_adapter_on_and_learning(tiny_model):
    adapter = add_adapter(tiny_model, LoraConfig(rank=4))
    policy = Policy(tiny_model)
    move(weight for weight in tiny_model.network.parameters() if weight.requires_grad)
    learning = {n for n, weight in tiny_model.network.named_parameters() if weight.requires_grad}
    prompts = prompts_of(tiny_model)
    before = policy_rows(policy, prompts)
    asked(AdapterOffReference(policy, adapter), tiny_model, prompts)
    assert furthest(policy_rows(policy, prompts), before) == 0.0
    assert learning == {
        n for n, weight in tiny_model.network.named_parameters() if weight.requires_grad
    }


def test_an_adapter_on_the_vision_tower_is_off_in_the_reference_and_on_in_the_policy(
    tiny_model, base_logprobs
):
    """While an adapter is off peft marks it as not learning: its features must not be mixed up."""
    tower_layer = "fc1" if tiny_model.family.word == "internvl" else "qkv"
    adapter = add_adapter(tiny_model, LoraConfig(rank=4, targets=(tower_layer,)))
    policy = Policy(tiny_model)
    reference = AdapterOffReference(policy, adapter)
    prompts = prompts_of(tiny_model)
    move(weight for weight in tiny_model.network.parameters() if weight.requires_grad)
    before = policy_rows(policy, prompts)
    assert furthest(before, base_logprobs) > 1e-2
    assert furthest(asked(reference, tiny_model, prompts), base_logprobs) <= 1e-5
    assert furthest(policy_rows(policy, prompts), before) == 0.0


def test_gradients_reach_adapters_alone(tiny_folder):
    model = load(tiny_folder)
    add_adapter(model, LoraConfig(rank=4))
    policy = Policy(model)
    owners, completions = completions_of(model)
    rows = policy.logprobs(
        policy.run_prompts(prompts_of(model)), owners, completions, temperature=1.0
    )
    torch.cat(rows).sum().backward()
    touched = {n for n, weight in model.network.named_parameters() if weight.grad is not None}
    assert touched
    assert all("lora_" in name for name in touched)


@pytest.fixture
def tokens_run(tiny_model):
    """How many tokens went through the decoder's first perceptron, call by call."""
    seen = []
    layer = tiny_model.family.decoder_layers(tiny_model.network)[0]
    layer.mlp.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[:-1].numel()))
    return seen


@pytest.mark.parametrize("kind", ["frozen", "adapter"])
def test_prompts_that_were_kept_cost_no_token_and_change_nothing(
    tiny_model, base_logprobs, tokens_run, kind
):
    room = 1 << 30
    if kind == "frozen":
        reference = FrozenReference(Policy(tiny_model), max_bytes=room)
    else:
        adapter = add_adapter(tiny_model, LoraConfig(rank=4))
        reference = AdapterOffReference(Policy(tiny_model), adapter, max_bytes=room)
        move(weight for weight in tiny_model.network.parameters() if weight.requires_grad)
    prompts = prompts_of(tiny_model)
    first = asked(reference, tiny_model, prompts)
    cold = sum(tokens_run)
    tokens_run.clear()
    again = asked(reference, tiny_model, prompts)
    assert furthest(first, base_logprobs) <= 1e-5
    assert furthest(again, first) == 0.0
    # Every prompt ran by itself, without padding; what is left are the completions.
    assert cold - sum(tokens_run) == sum(len(prompt.input_ids) for prompt in prompts)
    _, completions = completions_of(tiny_model)
    longest = max(len(tokens) for tokens in completions)
    assert sum(tokens_run) == len(completions) * (longest - 1)


def test_prompts_are_kept_within_a_bound_and_what_is_kept_stays(tiny_model, tokens_run):
    prompts = prompts_of(tiny_model)
    all_kept = KeptPrompts(Policy(tiny_model), max_bytes=1 << 30)
    all_kept.of(prompts)
    a_byte_too_few = KeptPrompts(Policy(tiny_model), max_bytes=all_kept.num_bytes - 1)
    for _ in range(3):
        tokens_run.clear()
        a_byte_too_few.of(prompts)
        assert a_byte_too_few.num_bytes < all_kept.num_bytes
    # Two of three stay whatever comes after them.
    assert sum(tokens_run) == len(prompts[-1].input_ids)
    none = KeptPrompts(Policy(tiny_model), max_bytes=0)
    none.of(prompts)
    tokens_run.clear()
    none.of(prompts)
    assert none.num_bytes == 0
    assert tokens_run == [len(prompts) * max(len(prompt.input_ids) for prompt in prompts)]
