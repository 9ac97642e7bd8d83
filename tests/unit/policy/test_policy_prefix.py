"""The shared prefix against the plain forward of transformers: values and gradients."""

from __future__ import annotations

import pytest
import torch

from grit.policy.policy import Policy
from grit.policy.prefix import detached, run_branches
from tiny_models import all_plain_inputs, plain_logprobs
from tiny_qwen import (
    COMPLETIONS,
    SIZES_AND_QUESTIONS,
    completions_of,
    load,
    painted,
    prompts_of,
    spelled,
)

ALL = range(len(COMPLETIONS))
ADVANTAGES = [0.9, -1.3, 0.4, 1.1, -0.7, 0.6, -1.0]


def plain(model, folder, temperature=1.0):
    inputs = all_plain_inputs(folder)
    owners, completions = completions_of(model)
    return [
        plain_logprobs(model.network, inputs[owner], tokens, temperature)
        for owner, tokens in zip(owners, completions, strict=True)
    ]


def loss_of(rows, places=ALL):
    """Clipped objective with k3 KL, token mean a completion, against made-up old and reference."""
    total = torch.zeros(())
    for place, row in zip(places, rows, strict=True):
        generator = torch.Generator().manual_seed(place)
        old = row.detach() + 0.3 * torch.randn(len(row), generator=generator)
        gap = 0.5 * torch.randn(len(row), generator=generator) + row.detach() - row
        ratio, advantage = torch.exp(row - old), ADVANTAGES[place]
        gain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        total = total - (gain - 0.04 * (torch.exp(gap) - gap - 1)).mean() / len(COMPLETIONS)
    return total


def gradients_of(model):
    return {name: weight.grad.clone() for name, weight in model.network.named_parameters()}


def relative_differences(ours, expected):
    """Each weight's distance over its length, which counts as 1e-3 of all weights' at least."""
    whole = torch.stack([grad.norm() for grad in expected.values()]).norm()
    assert ours.keys() == expected.keys()
    return {
        name: float((ours[name] - grad).norm() / torch.maximum(grad.norm(), 1e-3 * whole))
        for name, grad in expected.items()
    }


def backward_unsplit(model):
    model.network.zero_grad()
    policy = Policy(model)
    owners, completions = completions_of(model)
    states = policy.run_prompts(prompts_of(model))
    loss_of(policy.logprobs(states, owners, completions, temperature=1.0)).backward()
    return gradients_of(model)


@pytest.mark.parametrize(
    ("temperature", "way"), [(1.0, "shared"), (0.7, "shared"), (1.0, "repeated")]
)
def test_logprobs_over_the_shared_prefix_are_those_of_the_plain_forward(
    tiny_model, tiny_folder, temperature, way
):
    owners, completions = completions_of(tiny_model)
    policy = Policy(load(tiny_folder, prefix_attention=way))
    with torch.no_grad():
        ours = policy.logprobs(
            policy.run_prompts(prompts_of(tiny_model)), owners, completions, temperature=temperature
        )
        expected = plain(tiny_model, tiny_folder, temperature)
    assert [len(row) for row in ours] == [len(tokens) for tokens in completions]
    for row, right in zip(ours, expected, strict=True):
        assert row.dtype is torch.float32
        torch.testing.assert_close(row, right, atol=1e-5, rtol=0)


def test_the_comparison_is_between_prompts_pictures_and_texts_of_several_sizes(tiny_model):
    prompts = prompts_of(tiny_model)
    _, completions = completions_of(tiny_model)
    assert len({len(prompt.input_ids) for prompt in prompts}) == len(prompts)
    assert len({int(prompt.image_mask.sum()) for prompt in prompts}) == len(prompts)
    lengths = {len(tokens) for tokens in completions}
    assert 1 in lengths
    assert len(lengths) >= 5
    # More than one window, or tile, of 2×2 tokens, and windows that are not full.
    assert all(int(prompt.image_mask.sum()) > 4 for prompt in prompts)


def test_one_prompt_alone_without_padding_gives_the_plain_forward_too(tiny_model, tiny_folder):
    policy = Policy(tiny_model)
    _, completions = completions_of(tiny_model)
    with torch.no_grad():
        states = policy.run_prompts(prompts_of(tiny_model)[:1])
        assert policy.branch(states, [0]).attention_mask is None
        ours = policy.logprobs(states, [0, 0, 0], completions[:3], temperature=1.0)
        inputs = all_plain_inputs(tiny_folder)[0]
        for row, tokens in zip(ours, completions[:3], strict=True):
            expected = plain_logprobs(tiny_model.network, inputs, tokens)
            torch.testing.assert_close(row, expected, atol=1e-5, rtol=0)


def test_completions_may_come_in_any_order_of_prompts(tiny_model, tiny_folder):
    policy = Policy(tiny_model)
    owners, completions = completions_of(tiny_model)
    order = [6, 0, 3, 2, 5, 1, 4]
    with torch.no_grad():
        ours = policy.logprobs(
            policy.run_prompts(prompts_of(tiny_model)),
            [owners[i] for i in order],
            [completions[i] for i in order],
            temperature=1.0,
        )
        expected = plain(tiny_model, tiny_folder)
    for place, row in zip(order, ours, strict=True):
        torch.testing.assert_close(row, expected[place], atol=1e-5, rtol=0)


def test_eager_attention_gives_the_same_as_sdpa(tiny_folder, tiny_model):
    eager = load(tiny_folder, attention="eager")
    owners, completions = completions_of(eager)
    policy = Policy(eager)
    with torch.no_grad():
        states = policy.run_prompts(prompts_of(eager))
        ours = policy.logprobs(states, owners, completions, temperature=1.0)
        expected = plain(tiny_model, tiny_folder)
    for row, right in zip(ours, expected, strict=True):
        torch.testing.assert_close(row, right, atol=1e-5, rtol=0)


def test_token_by_token_steps_see_the_states_of_the_plain_forward(tiny_model, tiny_folder):
    policy = Policy(tiny_model)
    _, completions = completions_of(tiny_model)
    tokens = torch.stack([completions[0][:5], completions[5][:5]])
    with torch.no_grad():
        branches = policy.branch(policy.run_prompts(prompts_of(tiny_model)), [0, 2])
        found = []
        for place in range(5):
            logprobs = policy.logits(branches).log_softmax(-1)
            found.append(logprobs.gather(-1, tokens[:, place : place + 1]))
            policy.step(branches, tokens[:, place])
        inputs = all_plain_inputs(tiny_folder)
        for row, owner in enumerate((0, 2)):
            expected = plain_logprobs(tiny_model.network, inputs[owner], tokens[row])
            torch.testing.assert_close(torch.cat(found, 1)[row], expected, atol=1e-5, rtol=0)


def test_branching_leaves_the_prompt_as_it_was(tiny_model):
    policy = Policy(tiny_model)
    owners, completions = completions_of(tiny_model)
    with torch.no_grad():
        states = policy.run_prompts(prompts_of(tiny_model))
        lengths = [keys.shape[2] for keys, _ in states.cache]
        first = policy.logprobs(states, owners, completions, temperature=1.0)
        again = policy.logprobs(states, owners, completions, temperature=1.0)
    assert [keys.shape[2] for keys, _ in states.cache] == lengths
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_states_of_a_list_of_completions_are_those_of_the_padded_tensor(tiny_model):
    policy = Policy(tiny_model)
    rows = [spelled(tiny_model, "yes no"), spelled(tiny_model, "7")]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    with torch.no_grad():
        states = policy.run_prompts(prompts_of(tiny_model)[:2])
        of_list, of_tensor = (
            run_branches(tiny_model.family, tiny_model.network, policy.branch(states, [0, 1]), each)
            for each in (rows, padded)
        )
    assert torch.equal(of_list, of_tensor)


@pytest.mark.parametrize("way", ["shared", "repeated"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_through_the_shared_prefix_are_those_of_the_plain_forward(
    tiny_model, tiny_folder, checkpointing, way
):
    model = load(tiny_folder, gradient_checkpointing=checkpointing, prefix_attention=way)
    model.network.requires_grad_(True)
    ours = backward_unsplit(model)
    tiny_model.network.requires_grad_(True)
    loss_of(plain(tiny_model, tiny_folder)).backward()
    expected = gradients_of(tiny_model)
    assert any(name.startswith(("model.visual", "model.vision_tower")) for name in expected)
    assert all(grad.abs().max() > 0 for grad in expected.values())
    worst = relative_differences(ours, expected)
    assert max(worst.values()) <= 1e-4, sorted(worst.items(), key=lambda item: -item[1])[:5]


@pytest.mark.parametrize(("cut", "checkpointing"), [(1, False), (4, False), (4, True)])
def test_a_split_group_has_the_gradients_of_the_whole(tiny_folder, cut, checkpointing):
    tiny_model = load(tiny_folder, gradient_checkpointing=checkpointing)
    tiny_model.network.requires_grad_(True)
    whole = backward_unsplit(tiny_model)
    tiny_model.network.zero_grad()
    policy = Policy(tiny_model)
    owners, completions = completions_of(tiny_model)
    leaves, pairs = detached(policy.run_prompts(prompts_of(tiny_model)))
    for part in (range(cut), range(cut, len(owners))):
        rows = policy.logprobs(
            leaves, [owners[i] for i in part], [completions[i] for i in part], temperature=1.0
        )
        loss_of(rows, part).backward()
    torch.autograd.backward([state for state, _ in pairs], [leaf.grad for _, leaf in pairs])
    worst = relative_differences(gradients_of(tiny_model), whole)
    assert max(worst.values()) <= 1e-5, sorted(worst.items(), key=lambda item: -item[1])[:5]


def test_a_prompt_is_run_once_for_all_of_its_completions(tiny_model, monkeypatch):
    seen = []
    inner = type(tiny_model.network.model.language_model)
    forward = inner.forward

    def counted(self, *args, **keywords):
        seen.append(tuple(keywords["inputs_embeds"].shape[:2]))
        return forward(self, *args, **keywords)

    monkeypatch.setattr(inner, "forward", counted)
    policy = Policy(tiny_model)
    owners, completions = completions_of(tiny_model)
    prompts = prompts_of(tiny_model)
    with torch.no_grad():
        policy.logprobs(policy.run_prompts(prompts), owners, completions, temperature=1.0)
    longest = max(len(prompt.input_ids) for prompt in prompts)
    assert seen == [(3, longest), (7, max(map(len, completions)) - 1)]


def test_the_picture_matters_and_so_does_its_place(tiny_model):
    """A guard of the tests above: they would pass on a model that sees nothing."""
    policy = Policy(tiny_model)
    size, question = SIZES_AND_QUESTIONS[0]
    seen = [tiny_model.prepare(painted(size, seed), question) for seed in (0, 1)]
    with torch.no_grad():
        states = policy.run_prompts(seen)
        logits = policy.logits(policy.branch(states, [0, 1]))
    assert (logits[0] - logits[1]).abs().max() > 1e-2
