"""The trainer: one step against plain transformers, and what splitting must not change."""

from __future__ import annotations

import math

import pytest
import torch
from one_step import TEMPERATURE, Bench, furthest, variety

import grit.training.part_loss as part_loss_module
from grit.errors import TrainingStoppedError, UnscoredRateError
from grit.judges.verdict import Verdict
from grit.rewards.answer import AnswerReward
from grit.rewards.score import Score
from tiny_qwen import (
    all_plain_inputs,
    plain_logprobs,
)


def never(row):
    return Score(1.0)


def loss_by_hand(bench, result, plain, *, weigh):
    """Eq. 3 at a ratio of 1 over whole sequences, by plain transformers."""
    total = torch.zeros(())
    for scored in result.scored:
        group, number = scored.group, int(scored.group.prompt.sample.id.removeprefix("s-"))
        pay = torch.tensor([len(set(c.text)) / 10 for c in group.completions])
        advantages = (pay - pay.mean()) / (pay.std(correction=0) + 1e-4)
        for completion, advantage in zip(group.completions, advantages, strict=True):
            now = plain_logprobs(bench.start, plain[number], completion.tokens, TEMPERATURE)
            with torch.no_grad():
                far = plain_logprobs(
                    bench.reference_network, plain[number], completion.tokens, TEMPERATURE
                )
            kl = (far - now).exp() - (far - now) - 1
            each = 0.5 * kl - (now - now.detach()).exp() * advantage
            total = total + weigh(each)
    return total


@pytest.mark.parametrize(
    ("loss", "weigh"),
    [
        ({}, lambda each: each.mean() / 9),
        ({"aggregation": "constant", "constant_length": 50}, lambda each: each.sum() / 50 / 9),
    ],
)
def test_a_step_moves_weights_by_the_gradient_of_eq_3_over_plain_forwards(
    bench, tiny_folder, loss, weigh
):
    ours = bench(loss=loss)
    result = ours.step()
    loss_by_hand(ours, result, all_plain_inputs(tiny_folder), weigh=weigh).backward()
    gradients = {n: w.grad for n, w in ours.start.named_parameters() if w.grad is not None}
    moves = ours.moves()
    assert set(gradients) == {name for name, move in moves.items() if move.abs().max() > 0}
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
    assert norm > 0.1
    assert result.grad_norm == pytest.approx(norm, rel=1e-3)
    for name, gradient in gradients.items():
        assert torch.allclose(moves[name], -gradient, rtol=2e-3, atol=2e-4), name


def test_the_figures_of_a_step_are_those_of_its_loss(bench, tiny_folder):
    ours = bench()
    result = ours.step()
    by_hand = loss_by_hand(
        ours, result, all_plain_inputs(tiny_folder), weigh=lambda each: each.mean() / 9
    )
    assert result.sums["loss"] == pytest.approx(by_hand.item(), abs=1e-4)
    assert result.sums["kl"] > 0.0
    assert result.sums["policy_loss"] == pytest.approx(
        result.sums["loss"] - 0.5 * result.sums["kl"]
    )
    assert result.sums["clipped"] == 0.0


@pytest.mark.parametrize(
    ("shift", "cap", "times", "capped"),
    [
        (math.log(1.5), 2.0, 1.5, 0.0),
        (math.log(0.25), 2.0, 0.25, 0.0),
        (math.log(3.0), 2.0, 2.0, 1.0),
        (math.log(3.0), None, 1.0, 0.0),  # no engine of its own: taken at its word
    ],
)
def test_importance_weights_scale_the_gradient_of_the_gain(bench, shift, cap, times, capped):
    plain, weighted = bench(loss={"beta": 0.0}), bench(loss={"beta": 0.0}, shift=shift, cap=cap)
    plain.step()
    assert weighted.step().sums["capped"] == pytest.approx(capped)
    expected = plain.moves()
    for name, move in weighted.moves().items():
        assert torch.allclose(move, times * expected[name], rtol=2e-3, atol=2e-4), name


@pytest.mark.parametrize(
    "training",
    [
        {"micro_batch_groups": 3},
        {"micro_batch_groups": 2},
        {"max_sequences_per_forward": 2},
        {"max_sequences_per_forward": 1},
        {"micro_batch_groups": 3, "max_sequences_per_forward": 4},
        {"micro_batch_groups": 3, "max_padding": 0.0},
    ],
)
def test_splitting_groups_and_joining_them_gives_the_same_weights(bench, training):
    plain, cut = bench(), bench(training=training)
    first, second = plain.step(), cut.step()
    texts = [
        [c.text for each in result.scored for c in each.group.completions]
        for result in (first, second)
    ]
    assert texts[0] == texts[1]
    assert furthest(plain.weights(), cut.weights()) < 1e-5
    assert furthest(plain.weights(), dict(plain.start.named_parameters())) > 1e-2


def test_a_second_update_on_the_same_batch_has_a_ratio_that_is_not_one(bench, monkeypatch):
    ratios = []

    def watching(now, old, *rest, **settings):
        ratios.append((now.detach() - old).exp())
        return plain_loss(now, old, *rest, **settings)

    plain_loss = part_loss_module.token_loss
    monkeypatch.setattr(part_loss_module, "token_loss", watching)
    ours = bench(
        loss={"updates_per_batch": 2},
        training={"micro_batch_groups": 3, "max_padding": 1.0},
        optimizer={"lr": 100.0},
    )
    ours.step()
    first, second = ratios
    assert torch.equal(first, torch.ones_like(first))
    assert float((second - 1).abs().max()) > 1e-3


class FailingJudge:
    """Fails on every ``each``-th request."""

    name = "failing"

    def __init__(self, each):
        self.each, self.asked = each, 0

    async def judge(self, requests):
        return [self._verdict() for _ in requests]

    def _verdict(self):
        self.asked += 1
        failed = self.asked % self.each == 0
        return Verdict.unscored("away", judge="failing") if failed else Verdict(0.0, "", "failing")


def read_aloud(row):
    """Unscored whenever the judge failed, else variety."""
    return variety(row) if row.verdict.is_scored else Score.unscored(row.verdict.reason)


@pytest.mark.usefixtures("every_completion_answers")
def test_unscored_completions_weigh_nothing_and_the_rest_is_averaged_without_them(bench):
    ours = bench(judge=FailingJudge(each=4), reward=read_aloud)
    result = ours.step()
    unscored = [score.is_unscored for each in result.scored for score in each.scores]
    assert unscored == [False, False, False, True, False, False, False, True, False]
    weights, lengths = result.batch.weights, [len(tokens) for tokens in result.batch.tokens]
    assert weights == pytest.approx(
        [0.0 if gone else 1 / (7 * length) for gone, length in zip(unscored, lengths, strict=True)]
    )
    assert [result.batch.advantages[place] for place in (3, 7)] == [0.0, 0.0]


@pytest.mark.usefixtures("every_completion_answers")
def test_above_the_limit_a_step_stops_before_anything_moves(bench):
    ours = bench(judge=FailingJudge(each=1), reward=read_aloud)
    with pytest.raises(UnscoredRateError, match=r"100% .* step 1, .*max_unscored_rate 50%"):
        ours.step()
    assert furthest(ours.weights(), dict(ours.start.named_parameters())) == 0.0


@pytest.mark.usefixtures("every_completion_answers")
def test_when_all_groups_are_unscored_below_the_limit_nothing_is_learned(bench):
    ours = bench(judge=FailingJudge(each=1), reward=read_aloud, training={"max_unscored_rate": 1.0})
    result = ours.step()
    assert result.batch.weights == [0.0] * 9
    assert (result.sums["loss"], result.grad_norm) == (0.0, 0.0)
    assert furthest(ours.weights(), dict(ours.start.named_parameters())) == 0.0


def test_a_loss_that_is_not_finite_stops_and_nothing_has_moved(bench):
    ours = bench()
    with torch.no_grad():
        dict(ours.model.network.named_parameters())["model.language_model.norm.weight"][0] = (
            math.nan
        )
    before = ours.weights()
    with pytest.raises(TrainingStoppedError, match="step 1 is nan"):
        ours.step()
    for name, weight in ours.weights().items():
        assert torch.equal(weight.nan_to_num(7.0), before[name].nan_to_num(7.0)), name


def test_a_step_that_breaks_after_its_first_update_counts_as_made_and_ends_the_run(
    bench, monkeypatch
):
    plain_loss, calls = part_loss_module.token_loss, []

    def broken_from_the_second_update_on(*arguments, **settings):
        calls.append(1)
        loss = plain_loss(*arguments, **settings)
        return loss if len(calls) == 1 else loss._replace(loss=loss.loss * math.nan)

    monkeypatch.setattr(part_loss_module, "token_loss", broken_from_the_second_update_on)
    ours = bench(loss={"updates_per_batch": 3}, training={"micro_batch_groups": 3})
    kept = []
    with pytest.raises(TrainingStoppedError, match="step 1 is nan"):
        ours.trainer.run(1, kept.append, lambda: False)
    assert [result.step for result in kept] == [1], "to make it again would move weights twice"
    assert len(calls) == 2
    moved = ours.weights()
    assert furthest(moved, dict(ours.start.named_parameters())) > 0.0
    assert all(weight.isfinite().all() for weight in moved.values())


def test_cut_off_completions_are_marked_and_can_be_left_out(bench):
    kept = bench(sampling={"max_new_tokens": 6}).step()
    masked = bench(sampling={"max_new_tokens": 6}, loss={"mask_cut_off": True}).step()
    finishes = [c.finish for each in masked.scored for c in each.group.completions]
    assert "cut_off" in finishes
    assert all(weight > 0 for weight in kept.batch.weights)
    assert [weight == 0.0 for weight in masked.batch.weights] == [f == "cut_off" for f in finishes]


def test_groups_that_agree_teach_nothing_when_there_is_no_kl(bench):
    ours = bench(reward=never, loss={"beta": 0.0})
    result = ours.step()
    assert result.batch.advantages == [0.0] * 9
    assert result.grad_norm == 0.0
    assert furthest(ours.weights(), dict(ours.start.named_parameters())) == 0.0


def test_without_beta_no_reference_is_asked(bench):
    result = bench(loss={"beta": 0.0}).step()
    assert result.batch.reference is None
    assert result.sums["kl"] == 0.0
    assert result.grad_norm > 0.0


def test_a_sample_that_comes_twice_in_a_step_is_sampled_anew(bench):
    result = bench(group={"prompts_per_step": 8, "size": 2}).step()
    texts = {}
    for each in result.scored:
        prompt = each.group.prompt
        key = (prompt.sample.id, prompt.draw)
        texts[key] = tuple(c.text for c in each.group.completions)
    assert len(texts) == 8
    assert {draw for _, draw in texts} == {0, 1, 2}
    assert len(set(texts.values())) > 5
    assert result.epoch == pytest.approx(8 / 3)


def test_a_run_makes_the_steps_that_are_left_and_stops_when_asked(bench):
    ours = bench(training={"steps": 3}, optimizer={"lr": 1e-3})
    made = []
    assert ours.trainer.run(2, lambda result: made.append(result.step), lambda: False) == 3
    assert made == [2, 3]
    made.clear()
    assert ours.trainer.run(1, lambda result: made.append(result.step), lambda: True) == 1
    assert made == [1]
    assert ours.trainer.run(4, lambda result: made.append(result.step), lambda: True) == 3


def test_seconds_are_told_by_phase(bench):
    seconds = bench().step().seconds
    assert list(seconds) == ["rollout", "reference", "judge", "waiting", "training", "total"]
    assert seconds["total"] == pytest.approx(sum(list(seconds.values())[:-1]))


def test_what_is_paid_for_becomes_more(bench):
    def short(row):
        return Score(-len(row.trace.text) / 20)

    ours = bench(
        reward=short,
        nudge=0.0,
        group={"size": 8},
        loss={"beta": 0.0},
        optimizer={"lr": 3e-3, "eps": 1e-8, "max_grad_norm": 1.0, "schedule": "constant"},
        sampling={"max_new_tokens": 16},
        training={"micro_batch_groups": 3},
    )
    lengths = []

    def keep(result):
        texts = [c.text for each in result.scored for c in each.group.completions]
        lengths.append(sum(map(len, texts)) / len(texts))

    ours.trainer.run(1, keep, lambda: len(lengths) == 9)
    assert sum(lengths[-2:]) < 0.75 * sum(lengths[:2])


def test_the_judges_word_reaches_the_pay(bench):
    # AnswerReward pays 1 and BLEU for a right answer; random text has none.
    result = bench(reward=AnswerReward(0.5)).step()
    assert {score.total for each in result.scored for score in each.scores} == {0.0}


def test_rewards_are_told_how_far_training_is(tiny_folder):
    told = []

    def watching(row):
        told.append(row.progress)
        return Score(len(told) / 10)

    bench = Bench(tiny_folder, reward=watching, training={"steps": 5})
    for step, progress in ((1, 0.0), (3, 0.5), (5, 1.0)):
        told.clear()
        bench.trainer.step(step)
        assert set(told) == {progress}
