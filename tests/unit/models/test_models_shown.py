"""A worked example before the question: two pictures in one prompt, against plain transformers."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from grit.errors import ModelError
from grit.models.family import Shown
from grit.policy.policy import Policy
from tiny_models import plain_inputs, plain_logprobs
from tiny_qwen import SIZES_AND_QUESTIONS, load, painted, spelled

EXAMPLE = (painted((200, 60), 9), "How many dogs?", "<think> [1, 2, 3, 4] </think> 2")


@pytest.fixture(scope="module")
def model(family_folder):
    return load(family_folder)


@pytest.fixture(scope="module")
def prompts(model):
    return [
        model.prepare(painted(size), question, shown=Shown(*EXAMPLE))
        for size, question in SIZES_AND_QUESTIONS
    ]


@pytest.mark.parametrize("place", range(len(SIZES_AND_QUESTIONS)))
def test_tokens_and_pixels_are_those_of_the_familys_own_processor(
    model, prompts, family_folder, place
):
    size, question = SIZES_AND_QUESTIONS[place]
    expected = plain_inputs(family_folder, painted(size), question, EXAMPLE)
    assert torch.equal(prompts[place].input_ids, expected["input_ids"][0])
    assert torch.equal(prompts[place].vision["pixel_values"], expected["pixel_values"])
    alone = model.prepare(painted(size), question)
    assert prompts[place].frame == alone.frame, "boxes are of the picture that is asked about"


@torch.no_grad()
def test_completions_are_as_likely_as_in_one_forward_over_everything(model, prompts, family_folder):
    tokens = spelled(model, "<think> two dogs </think>")
    policy = Policy(model)
    plain = model.prepare(*_plain_prompt())
    together = [prompts[0], plain, *prompts[1:]]  # a prompt with one picture among them
    states = policy.run_prompts(together)
    ours = policy.logprobs(states, range(len(together)), [tokens] * len(together), temperature=1.0)
    wanted = [
        plain_inputs(family_folder, painted(size), question, EXAMPLE)
        for size, question in SIZES_AND_QUESTIONS
    ]
    wanted.insert(1, plain_inputs(family_folder, *_plain_prompt()))
    for mine, inputs in zip(ours, wanted, strict=True):
        theirs = plain_logprobs(model.network, inputs, tokens)
        assert torch.allclose(mine, theirs, atol=2e-4), (mine - theirs).abs().max()


def test_the_example_matters(model, prompts):
    size, question = SIZES_AND_QUESTIONS[0]
    other = Shown(painted((200, 60), 4), *EXAMPLE[1:])
    changed = model.prepare(painted(size), question, shown=other)
    assert torch.equal(changed.input_ids, prompts[0].input_ids)
    with torch.no_grad():
        states = Policy(model).run_prompts([prompts[0], changed])
    assert not torch.allclose(states.last_hidden[0], states.last_hidden[1])


def test_a_template_that_leaves_the_example_out_is_refused_with_the_number_of_places(model):
    tokenizer = model.tokenizer
    kept = tokenizer.chat_template
    try:
        tokenizer.chat_template = "IMAGE{{ messages[-1]['role'] }}".replace(
            "IMAGE", tokenizer.decode([model.network.config.image_token_id])
        )
        with pytest.raises(ModelError, match=r"has 1 places .* for 2 pictures"):
            dataclasses.replace(model).prepare(painted((56, 56)), "?", shown=Shown(*EXAMPLE))
    finally:
        tokenizer.chat_template = kept


def _plain_prompt():
    return painted((56, 112), 3), "What is it?"
