"""Attention to the picture, held against the weights of transformers' own eager attention."""

from __future__ import annotations

import pytest
import torch

from grit.analysis.attention import MOST_TOKENS, Watcher, reasons_against_splitting, watch
from grit.analysis.attention_figures import by_layer, by_token, mean_difference
from grit.analysis.interventions import Case, Turn
from grit.analysis.reasoner import PolicyReasoner
from grit.data.sample import Sample
from grit.errors import ModelError
from grit.geometry.spaces import Frame
from grit.policy.policy import Policy
from grit.prompts.question import Mode, question_turn
from grit.records.analyses import AttentionRow
from grit.rollout.local import Sampling
from tiny_models import plain_inputs
from tiny_qwen import load, painted, spelled

START, ADDED = "<think> [1, 2, 30, 40] </think>", " <rethink> two of them </rethink>"


@pytest.fixture
def watched(family_folder):
    model = load(family_folder)
    turn = Turn(Sample("s", family_folder, "How many?", "2", "t"), painted((112, 84)), START)
    return family_folder, model, turn


def eager_weights(folder, model, turn, added):
    """Attention of a whole sequence by transformers' eager way; (layer, head, token, key)."""
    inputs = plain_inputs(folder, turn.picture, question_turn(turn.sample.question, Mode.GROUNDED))
    said = torch.cat([spelled(model, turn.start), spelled(model, added)]).long()[None]
    prompt = inputs["input_ids"]
    whole = {
        **inputs,
        "input_ids": torch.cat([prompt, said], dim=1),
        "attention_mask": torch.ones(1, prompt.shape[1] + said.shape[1], dtype=torch.long),
    }
    if "mm_token_type_ids" in inputs:
        kinds = inputs["mm_token_type_ids"]
        whole["mm_token_type_ids"] = torch.cat([kinds, torch.zeros_like(said).int()], dim=1)
    eager = load(folder).network
    eager.set_attn_implementation("eager")
    with torch.no_grad():
        output = eager(**whole, use_cache=False, output_attentions=True)
    return torch.stack([layer[0] for layer in output.attentions]), prompt[0]


def test_shares_are_those_of_transformers_eager_attention(watched):
    folder, model, turn = watched
    ours = Watcher(Policy(model)).shares(turn, ADDED)
    weights, prompt = eager_weights(folder, model, turn, ADDED)
    image = prompt == model.network.config.image_token_id
    first = len(prompt) + len(spelled(model, START))
    on_picture = weights[:, :, first - 1 : -1, : len(prompt)][..., image].sum(-1).mean(1)
    assert ours.shape == (
        len(model.family.decoder_layers(model.network)),
        len(spelled(model, ADDED)),
    )
    torch.testing.assert_close(ours, on_picture, atol=2e-5, rtol=1e-3)
    assert float(ours.min()) > 0
    assert float(ours.max()) < 1


def test_the_model_is_as_before_afterwards(watched):
    _, model, turn = watched
    before = model.network.model.language_model.config._attn_implementation
    Watcher(Policy(model)).shares(turn, ADDED)
    assert model.network.model.language_model.config._attn_implementation == before


def test_attention_that_would_give_other_states_is_an_error(tiny_folder, monkeypatch):
    import grit.models.watched_attention as watched_attention

    model = load(tiny_folder)
    turn = Turn(Sample("s", tiny_folder, "How many?", "2", "t"), painted((112, 84)), START)
    monkeypatch.setattr(watched_attention, "_WATCHED", "eager_of_nothing")
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    def nothing(module, query, key, value, attention_mask, **keywords):
        watched_attention._SHARES.get().take(module.layer_idx, query @ key[:, :1].mT)
        return torch.zeros_like(query.transpose(1, 2)), None

    AttentionInterface.register("eager_of_nothing", nothing)
    AttentionMaskInterface.register("eager_of_nothing", eager_mask)
    with pytest.raises(ModelError, match="other states"):
        Watcher(Policy(model)).shares(turn, ADDED)


def test_at_most_fifty_tokens_are_looked_at(tiny_folder):
    model = load(tiny_folder)
    turn = Turn(Sample("s", tiny_folder, "How many?", "2", "t"), painted((112, 84)), START)
    assert Watcher(Policy(model)).shares(turn, "a b c d e " * 30).shape[1] == MOST_TOKENS == 50


def test_a_chain_is_watched_with_its_boxes_and_without(tiny_folder):
    model = load(tiny_folder)
    sample = Sample("s", tiny_folder, "How many?", "2", "t")
    text = START + ADDED + " <answer> 2 </answer>"
    case = Case(sample, painted((112, 84)), Frame((112, 84)), text)
    policy = Policy(model)
    reasoner = PolicyReasoner(policy, Sampling(max_new_tokens=4, temperature=0.0))
    (row,) = watch([case], Watcher(policy), reasoner, model="m")
    assert row.box_free_text.startswith("<think>  </think>")
    assert len(row.original) == len(row.box_free) == 2
    assert len(row.box_free[0]) <= 8


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (START, "no <rethink>"),
        ("<think> x </think> <rethink> [1, 2, 3, 4]", "no box before <rethink>"),
        (START + ADDED, None),
    ],
)
def test_chains_that_cannot_be_split_say_why(text, reason):
    case = Case(Sample("s", None, "?", "2", "t"), painted((9, 9)), Frame((9, 9)), text)
    assert reasons_against_splitting(case) == reason


def row_of(original, box_free):
    return AttentionRow(
        model="m", sample_id="s", task="t", text="", box_free_text="",
        original=original, box_free=box_free,
    )  # fmt: skip


def test_figures_are_means_over_layers_tokens_and_chains():
    rows = [
        row_of(((0.2, 0.4), (0.4, 0.6)), ((0.1,), (0.3,))),
        row_of(((0.4,), (0.6,)), ((0.2, 0.2), (0.2, 0.2))),
    ]
    tokens = by_token(rows, "original")
    assert [point.n for point in tokens] == [2, 1]
    assert [point.share for point in tokens] == pytest.approx([0.4, 0.5])
    assert [point.share for point in by_layer(rows, "original")] == pytest.approx([0.35, 0.55])
    # (0.4 - 0.2) and (0.5 - 0.2)
    assert mean_difference(rows).share == pytest.approx(0.25)
    assert mean_difference([row_of(((0.4,),), ())]) is None
