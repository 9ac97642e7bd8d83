"""Where completions end, with a policy that says what a script tells it to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, DynamicCache

import grit.models
from grit.data.sample import Sample
from grit.geometry.spaces import Frame
from grit.models.family import LoadedModel, PixelLimits, PromptInputs, PromptStates
from grit.models.qwen2_5_vl import Qwen25VL
from grit.policy.prefix import Branches
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling

GREEDY = Sampling(max_new_tokens=40, temperature=0.0)


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(Path(grit.models.__file__).parent / "builtin")


class ScriptedPolicy:
    """Says row by row what it is told to, token by token; its states are (row, place)."""

    device = torch.device("cpu")

    def __init__(self, tokenizer, scripts: list[list[int]]) -> None:
        ends = (tokenizer.eos_token_id, tokenizer.pad_token_id)
        self.model = LoadedModel(
            family=Qwen25VL(),
            network=torch.nn.Identity(),
            tokenizer=tokenizer,
            image_processor=None,
            limits=PixelLimits(1, 1),
            stop_ids=ends,
            source="a script",
        )
        self._scripts = scripts
        self.seen: list[list[int]] = []
        """Tokens that each row was stepped with."""

    def run_prompts(self, prompts):
        rows = torch.zeros(len(prompts), 1)
        return PromptStates(
            cache=(),
            attention_mask=torch.ones(len(prompts), 1),
            last_hidden=rows,
            next_position=torch.zeros(len(prompts)),
        )

    def branch(self, states, owners):
        self.seen = [[] for _ in owners]
        filler = torch.zeros(len(owners), 1, 1, 1)
        return Branches(
            cache=DynamicCache([(filler, filler)]),
            attention_mask=torch.ones(len(owners), 1),
            last_hidden=torch.arange(len(owners)).float().unsqueeze(1),
            next_position=torch.zeros(len(owners)).long(),
        )

    def step(self, branches, tokens):
        assert branches.cache.layers[0].keys.shape[0] == len(tokens) == len(branches.attention_mask)
        for row, token in zip(branches.last_hidden[:, 0].int().tolist(), tokens, strict=True):
            self.seen[row].append(int(token))
        branches.next_position = branches.next_position + 1

    def logits(self, branches):
        scores = torch.zeros(len(branches.last_hidden), len(self.model.tokenizer))
        for k, row in enumerate(branches.last_hidden[:, 0].int().tolist()):
            place = int(branches.next_position[k])
            script = self._scripts[row]
            scores[k, script[place] if place < len(script) else 0] = 30.0
        return scores


def decode(tokenizer, *scripts, sampling=GREEDY):
    """One group whose completions are forced; also the policy that said them."""
    policy = ScriptedPolicy(tokenizer, list(scripts))
    inputs = PromptInputs(
        text="",
        input_ids=torch.zeros(1).long(),
        image_mask=torch.zeros(1).bool(),
        vision={},
        frame=Frame(Image.new("RGB", (8, 8)).size),
    )
    prompt = Prompt(Sample("one", Path("none.png"), "?", "yes", "relation"), inputs)
    (group,) = LocalEngine(policy, sampling).roll_out([prompt], size=len(scripts), step=0)
    return group.completions, policy


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def letters(tokenizer, text):
    """A text spelled one character a token, as no tokenizer would by itself."""
    return [token for letter in text for token in ids(tokenizer, letter)]


TEXT = "<think> two </think> <answer> 2 </answer>"


def test_the_stop_text_ends_a_completion_as_finished(tokenizer):
    said = ids(tokenizer, TEXT)
    ((completion,), _) = decode(tokenizer, [*said, *ids(tokenizer, " and more")])
    assert completion.finish == "finished"
    assert completion.text == TEXT
    assert completion.tokens.tolist() == said
    assert len(completion.logprobs) == len(said)


def test_a_stop_text_split_over_many_tokens_ends_it_too(tokenizer):
    said = letters(tokenizer, TEXT)
    assert len(said) > 30
    sampling = replace(GREEDY, max_new_tokens=80)
    ((completion,), _) = decode(tokenizer, [*said, *ids(tokenizer, "x")], sampling=sampling)
    assert (completion.finish, completion.text) == ("finished", TEXT)
    assert completion.tokens.tolist() == said


def test_nothing_is_among_the_tokens_that_was_not_sampled(tokenizer):
    """The end token is no part of a completion that its stop text ended."""
    ((completion,), _) = decode(tokenizer, ids(tokenizer, "<answer> no </answer>"))
    assert tokenizer.eos_token_id not in completion.tokens.tolist()
    assert tokenizer.pad_token_id not in completion.tokens.tolist()


def test_an_end_token_finishes_and_is_among_the_tokens_but_not_in_the_text(tokenizer):
    said = [*ids(tokenizer, "yes"), tokenizer.eos_token_id]
    ((completion,), _) = decode(tokenizer, [*said, *ids(tokenizer, " no")])
    assert completion.finish == "finished"
    assert completion.tokens.tolist() == said
    assert completion.text == "yes"


def test_an_end_token_at_once_is_an_empty_text_of_one_token(tokenizer):
    ((completion,), _) = decode(tokenizer, [tokenizer.eos_token_id])
    assert (completion.finish, completion.text) == ("finished", "")
    assert completion.tokens.tolist() == [tokenizer.eos_token_id]


def test_the_length_limit_cuts_off(tokenizer):
    said = ids(tokenizer, "<think> a long thought that goes on and on")
    sampling = replace(GREEDY, max_new_tokens=5)
    ((completion,), policy) = decode(tokenizer, said, sampling=sampling)
    assert completion.finish == "cut_off"
    assert completion.tokens.tolist() == said[:5]
    assert policy.seen == [said[:4]]


def test_a_completion_that_ends_on_the_last_token_allowed_is_finished(tokenizer):
    said = ids(tokenizer, TEXT)
    sampling = replace(GREEDY, max_new_tokens=len(said))
    ((completion,), _) = decode(tokenizer, said, sampling=sampling)
    assert completion.finish == "finished"


def test_one_token_is_allowed_to_be_all(tokenizer):
    sampling = replace(GREEDY, max_new_tokens=1)
    ((completion,), policy) = decode(tokenizer, ids(tokenizer, "yes no"), sampling=sampling)
    assert (completion.finish, len(completion.tokens)) == ("cut_off", 1)
    assert policy.seen == [[]]


@pytest.mark.parametrize("near", ["<answer>", "</think>", "</ answer>", "answer>", "</Answer>"])
def test_what_only_looks_like_the_stop_text_does_not_stop(tokenizer, near):
    said = [*letters(tokenizer, near), *ids(tokenizer, " go on"), tokenizer.eos_token_id]
    ((completion,), _) = decode(tokenizer, said)
    assert completion.tokens.tolist() == said


def test_without_a_stop_text_only_end_tokens_end(tokenizer):
    said = [*ids(tokenizer, TEXT), *ids(tokenizer, " again"), tokenizer.eos_token_id]
    ((completion,), _) = decode(tokenizer, said, sampling=replace(GREEDY, stop=None))
    assert completion.tokens.tolist() == said


def test_another_stop_text_can_be_asked_for(tokenizer):
    said = ids(tokenizer, "one, two. three")
    sampling = replace(GREEDY, stop="two.")
    ((completion,), _) = decode(tokenizer, said, sampling=sampling)
    assert (completion.finish, completion.text) == ("finished", "one, two.")


@pytest.mark.parametrize("stop", ["終", "終 ", "one\n", " "])
def test_a_stop_text_that_vocabularies_spell_in_their_own_way_stops(tokenizer, stop):
    said = letters(tokenizer, f"x{stop}two")
    ((completion,), _) = decode(tokenizer, said, sampling=replace(GREEDY, stop=stop))
    assert (completion.finish, completion.text) == ("finished", f"x{stop}")


def test_a_long_stop_text_spelled_letter_by_letter_stops(tokenizer):
    stop = "this is the very end of what I have to say."
    said = letters(tokenizer, stop)
    sampling = replace(GREEDY, stop=stop, max_new_tokens=80)
    ((completion,), _) = decode(tokenizer, [*said, *said[:3]], sampling=sampling)
    assert (completion.finish, completion.text) == ("finished", stop)


def test_rows_of_many_lengths_leave_the_batch_and_keep_their_own_tokens(tokenizer):
    texts = ["<answer> 1 </answer>", TEXT, "<answer> yes it is </answer>", "2 </answer>"]
    scripts = [ids(tokenizer, text) for text in texts]
    scripts.append([*ids(tokenizer, "red"), tokenizer.eos_token_id])
    scripts.append(ids(tokenizer, "word " * 60)[:60])
    completions, policy = decode(tokenizer, *scripts)
    assert [c.tokens.tolist() for c in completions] == [*scripts[:5], scripts[5][:40]]
    assert [c.finish for c in completions] == ["finished"] * 5 + ["cut_off"]
    # A row is decoded on for a while at most, not to the end of the longest.
    assert sum(map(len, policy.seen[:5])) < 5 * 39 / 2


def test_bytes_that_spell_no_character_are_text_all_the_same(tokenizer):
    half = ids(tokenizer, "é")[:1]
    ((completion,), _) = decode(tokenizer, [*half, tokenizer.eos_token_id])
    assert completion.text == "\N{REPLACEMENT CHARACTER}"


def test_spaces_before_punctuation_stay_as_they_were_sampled(tokenizer):
    said = ids(tokenizer, "It 's a box , is n't it ? </answer>")
    ((completion,), _) = decode(tokenizer, said)
    assert completion.text == "It 's a box , is n't it ? </answer>"
