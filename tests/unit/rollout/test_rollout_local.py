"""The engine against transformers' own generate, and against itself under other batchings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from grit.data.sample import Sample
from grit.policy.policy import Policy
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling
from tiny_models import all_plain_inputs, plain_logprobs
from tiny_qwen import SIZES_AND_QUESTIONS, load, painted

SAMPLING = Sampling(max_new_tokens=12, temperature=1.0, seed=11)


def prompts_over(model):
    return [
        Prompt(
            Sample(f"sample-{n}", Path("none.png"), question, "yes", "relation"),
            model.prepare(painted(size), question),
        )
        for n, (size, question) in enumerate(SIZES_AND_QUESTIONS)
    ]


def roll_out(model, prompts=None, *, sampling=SAMPLING, size=4, step=1):
    engine = LocalEngine(Policy(model), sampling)
    return engine.roll_out(prompts or prompts_over(model), size=size, step=step)


def said(groups):
    """Tokens of every completion, by sample and number."""
    return {
        (group.prompt.sample.id, completion.number): completion.tokens.tolist()
        for group in groups
        for completion in group.completions
    }


def generated(model, inputs, max_new_tokens, **keywords):
    with torch.no_grad():
        whole = model.network.generate(
            **inputs, do_sample=False, max_new_tokens=max_new_tokens, **keywords
        )
    return whole[0, inputs["input_ids"].shape[1] :].tolist()


def test_greedy_tokens_are_those_of_generate(family_folder):
    model = load(family_folder)
    sampling = Sampling(max_new_tokens=24, temperature=0.0, stop=None)
    groups = roll_out(model, sampling=sampling, size=2)
    for group, inputs in zip(groups, all_plain_inputs(family_folder), strict=True):
        expected = generated(model, inputs, 24)
        assert [c.tokens.tolist() for c in group.completions] == [expected, expected]


def test_greedy_ends_at_the_end_token_where_generate_does(tiny_model, tiny_folder):
    inputs = all_plain_inputs(tiny_folder)
    free = [generated(tiny_model, each, 16) for each in inputs]
    # Tokens that these weights happen to say become end tokens, one early and one late.
    ends = (free[0][3], free[1][9])
    sampling = Sampling(max_new_tokens=16, temperature=0.0, stop=None)
    groups = roll_out(replace(tiny_model, stop_ids=ends), sampling=sampling, size=1)
    lengths = set()
    for group, each in zip(groups, inputs, strict=True):
        expected = generated(tiny_model, each, 16, eos_token_id=list(ends))
        (completion,) = group.completions
        assert completion.tokens.tolist() == expected
        assert completion.finish == ("finished" if expected[-1] in ends else "cut_off")
        lengths.add(len(expected))
    assert min(lengths) < 16


def test_the_sampler_says_the_logprobs_of_the_plain_forward(tiny_model, tiny_folder):
    sampling = replace(SAMPLING, temperature=0.7)
    for group, inputs in zip(
        roll_out(tiny_model, sampling=sampling), all_plain_inputs(tiny_folder), strict=True
    ):
        for completion in group.completions:
            with torch.no_grad():
                expected = plain_logprobs(tiny_model.network, inputs, completion.tokens, 0.7)
            torch.testing.assert_close(completion.logprobs, expected, atol=1e-4, rtol=0)


def test_the_sampler_and_the_policy_agree_on_logprobs(tiny_model):
    policy = Policy(tiny_model)
    prompts = prompts_over(tiny_model)
    groups = LocalEngine(policy, SAMPLING).roll_out(prompts, size=3, step=1)
    with torch.no_grad():
        rows = policy.logprobs(
            policy.run_prompts([prompt.inputs for prompt in prompts]),
            [0, 0, 0, 1, 1, 1, 2, 2, 2],
            [completion.tokens for group in groups for completion in group.completions],
            temperature=1.0,
        )
    sampled = [completion.logprobs for group in groups for completion in group.completions]
    for row, seen in zip(rows, sampled, strict=True):
        torch.testing.assert_close(row, seen, atol=1e-4, rtol=0)


def test_groups_come_back_in_the_order_of_the_prompts_with_numbers_in_order(tiny_model):
    prompts = prompts_over(tiny_model)
    groups = roll_out(tiny_model, prompts, size=3)
    assert [group.prompt for group in groups] == prompts
    assert [[c.number for c in group.completions] for group in groups] == [[0, 1, 2]] * 3
    assert all(c.tokens.shape == c.logprobs.shape for g in groups for c in g.completions)


@pytest.mark.parametrize("sequences_at_once", [1, 4, 8])
def test_completions_do_not_depend_on_how_many_are_decoded_together(tiny_model, sequences_at_once):
    together = said(roll_out(tiny_model))
    assert len({tuple(tokens) for tokens in together.values()}) > 6
    few = replace(SAMPLING, sequences_at_once=sequences_at_once)
    assert said(roll_out(tiny_model, sampling=few)) == together


def test_completions_do_not_depend_on_which_prompts_come_beside_them(tiny_model):
    prompts = prompts_over(tiny_model)
    together = said(roll_out(tiny_model, prompts))
    alone = {}
    for prompt in prompts:
        alone |= said(roll_out(tiny_model, [prompt]))
    assert alone == together
    assert said(roll_out(tiny_model, prompts[::-1])) == together


def test_a_larger_group_begins_with_the_completions_of_a_smaller_one(tiny_model):
    small, large = (said(roll_out(tiny_model, size=size)) for size in (2, 5))
    assert {key: large[key] for key in small} == small


def test_another_seed_step_or_draw_gives_other_completions(tiny_model):
    prompts = prompts_over(tiny_model)
    drawn_again = [replace(prompt, draw=1) for prompt in prompts]
    first = said(roll_out(tiny_model, prompts))
    assert said(roll_out(tiny_model, prompts)) == first
    for other in (
        roll_out(tiny_model, prompts, step=2),
        roll_out(tiny_model, drawn_again),
        roll_out(tiny_model, prompts, sampling=replace(SAMPLING, seed=12)),
    ):
        same = [tokens == first[key] for key, tokens in said(other).items()]
        assert not any(same)


def test_one_sample_drawn_twice_in_a_step_gets_two_groups(tiny_model):
    prompt = prompts_over(tiny_model)[0]
    first, second = roll_out(tiny_model, [prompt, replace(prompt, draw=1)])
    assert said([first]) != said([second])


def test_the_engine_samples_from_the_weights_as_they_are_at_each_call(tiny_model):
    policy = Policy(tiny_model)
    engine = LocalEngine(policy, SAMPLING)
    prompts = prompts_over(tiny_model)
    before = said(engine.roll_out(prompts, size=2, step=1))
    with torch.no_grad():
        tiny_model.network.model.language_model.norm.weight.mul_(-1.0)
    assert said(engine.roll_out(prompts, size=2, step=1)) != before


def test_each_group_is_told_of_once_when_it_is_done(tiny_model):
    told = []
    prompts = prompts_over(tiny_model)
    engine = LocalEngine(Policy(tiny_model), replace(SAMPLING, sequences_at_once=2))
    groups = engine.roll_out(prompts, size=2, step=1, on_group=told.append)
    assert sorted(group.prompt.sample.id for group in told) == ["sample-0", "sample-1", "sample-2"]
    assert all(any(group is seen for seen in told) for group in groups)


def test_a_group_larger_than_what_is_decoded_at_once_is_decoded_in_parts(tiny_model, monkeypatch):
    seen = []
    step = Policy.step

    def measured(self, branches, tokens):
        seen.append(len(tokens))
        return step(self, branches, tokens)

    whole = said(roll_out(tiny_model, size=5))
    monkeypatch.setattr(Policy, "step", measured)
    few = replace(SAMPLING, sequences_at_once=2)
    assert said(roll_out(tiny_model, sampling=few, size=5)) == whole
    assert max(seen) <= 2


def test_a_prompt_is_run_once_for_its_whole_group(tiny_model, monkeypatch):
    runs = []
    run_prompts = Policy.run_prompts

    def counted(self, prompts):
        runs.append(len(prompts))
        return run_prompts(self, prompts)

    monkeypatch.setattr(Policy, "run_prompts", counted)
    roll_out(tiny_model, sampling=replace(SAMPLING, sequences_at_once=8), size=4)
    assert sorted(runs) == [1, 2]


def test_no_prompts_give_no_groups(tiny_model):
    assert LocalEngine(Policy(tiny_model), SAMPLING).roll_out([], size=2, step=1) == []
