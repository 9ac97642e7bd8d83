"""The policy as a reasoner, held against one forward of plain transformers over everything."""

from __future__ import annotations

import pytest
import torch

from grit.analysis.interventions import Turn
from grit.analysis.reasoner import PolicyReasoner
from grit.data.sample import Sample
from grit.policy.policy import Policy
from grit.prompts.question import Mode, question_turn
from grit.rollout.local import Sampling
from tiny_models import plain_inputs, plain_logprobs
from tiny_qwen import load, painted, spelled

STARTS = ("<think> [1, 2, 30, 40] </think>", "", "<think> two of them")
ENDINGS = (" 2 </answer>", " yes", "")


@pytest.fixture
def asked(family_folder):
    """A reasoner over a tiny model, three turns over two pictures, and both as plain inputs."""
    model = load(family_folder)
    pictures = [painted((112, 84)), painted((60, 84)), painted((112, 84))]
    turns = [
        Turn(Sample(f"s{n}", family_folder, f"How many {n}?", "2", "t"), picture, start)
        for n, (picture, start) in enumerate(zip(pictures, STARTS, strict=True))
    ]
    plain = [
        plain_inputs(
            family_folder, turn.picture, question_turn(turn.sample.question, Mode.GROUNDED)
        )
        for turn in turns
    ]
    reasoner = PolicyReasoner(Policy(model), Sampling(max_new_tokens=3, temperature=0.0))
    return model, reasoner, turns, plain


def test_scores_are_those_of_the_ending_in_one_plain_forward(asked):
    model, reasoner, turns, plain = asked
    found = reasoner.score(turns, ENDINGS)
    for turn, ending, inputs, score in zip(turns, ENDINGS, plain, found, strict=True):
        start, end = spelled(model, turn.start), spelled(model, ending)
        whole = torch.cat([start, end]).long()
        expected = 0.0
        if len(end):
            with torch.no_grad():
                expected = float(plain_logprobs(model.network, inputs, whole)[len(start) :].sum())
        assert score == pytest.approx(expected, abs=1e-4)


def likeliest(network, inputs, said):
    """The next token after prompt and beginning, by one plain forward."""
    prompt, rest = inputs["input_ids"], said.unsqueeze(0)
    whole = {
        **inputs,
        "input_ids": torch.cat([prompt, rest], dim=1),
        "attention_mask": torch.ones(1, prompt.shape[1] + len(said), dtype=torch.long),
    }
    if "mm_token_type_ids" in inputs:
        kinds = inputs["mm_token_type_ids"]
        whole["mm_token_type_ids"] = torch.cat([kinds, torch.zeros_like(rest).int()], dim=1)
    with torch.no_grad():
        return int(network(**whole, use_cache=False).logits[0, -1].argmax())


def test_it_goes_on_with_the_likeliest_tokens_after_its_beginning(asked):
    model, reasoner, turns, plain = asked
    for turn, inputs, added in zip(turns, plain, reasoner.go_on(turns), strict=True):
        said, greedy = spelled(model, turn.start).long(), []
        while len(greedy) < 3 and (not greedy or greedy[-1] not in model.stop_ids):
            greedy.append(likeliest(model.network, inputs, said))
            said = torch.cat([said, torch.tensor(greedy[-1:])])
        assert added == model.read(greedy)
