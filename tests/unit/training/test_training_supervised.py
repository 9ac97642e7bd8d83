"""SFT: one step against plain transformers, and what sharing must not change."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from grit.config.optimizer import OptimizerConfig
from grit.config.training import TrainingConfig
from grit.errors import TrainingStoppedError
from grit.policy.policy import Policy
from grit.training.optimizer import Optimizer
from grit.training.supervised import Lesson, SupervisedTrainer
from tiny_qwen import all_plain_inputs, load, plain_logprobs, prompts_of, spelled

TARGETS = ("<think> two dogs </think> 2", "yes", "it is a red star")
LINEAR = {"lr": 1e4, "eps": 1e4, "max_grad_norm": 1e9, "schedule": "constant"}
"""Rate and eps so large that AdamW's first step is the gradient itself, to a part in 1e4."""


class Half:
    """One of two processes, whose partner brings what a test says."""

    size, is_writer = 2, True

    def __init__(self, rank):
        self.rank = rank

    def gather(self, value):
        return [value]

    def sum_gradients(self, weights):
        pass


def trainer_of(model, *, per_step=3, optimizer=LINEAR, processes=None, **training):
    model.network.requires_grad_(True)
    lessons = [
        Lesson(prompt, spelled(model, text))
        for prompt, text in zip(prompts_of(model), TARGETS, strict=True)
    ]
    schedule = OptimizerConfig(**optimizer)
    more = {} if processes is None else {"processes": processes}
    return SupervisedTrainer(
        Policy(model), lessons, Optimizer(model.network.named_parameters(), schedule), schedule,
        TrainingConfig(**{"steps": 20, "micro_batch_groups": 2, **training}), per_step=per_step,
        **more,
    )  # fmt: skip


def moved(model, before):
    """The step that the weights made, which under LINEAR is the gradient."""
    after = dict(model.network.named_parameters())
    return {name: (weight - after[name]).detach() for name, weight in before.items()}


def copied(model):
    return {name: w.detach().clone() for name, w in model.network.named_parameters()}


def test_a_step_is_the_gradient_of_the_mean_token_loss_by_plain_transformers(tiny_folder):
    model = load(tiny_folder)
    before = copied(model)
    plain = copy.deepcopy(model.network).requires_grad_(True)
    tokens = [spelled(model, text) for text in TARGETS]
    logprobs = [
        plain_logprobs(plain, inputs, each)
        for inputs, each in zip(all_plain_inputs(tiny_folder), tokens, strict=True)
    ]
    loss = -torch.cat(logprobs).mean()
    loss.backward()
    result = trainer_of(model).step(1)
    assert result.loss == pytest.approx(float(loss.detach()), rel=1e-4)
    assert result.num_tokens == sum(map(len, tokens))
    ours = moved(model, before)
    norm = math.sqrt(sum(float(w.grad.square().sum()) for w in plain.parameters()))
    assert result.grad_norm == pytest.approx(norm, rel=1e-3)
    for name, weight in plain.named_parameters():
        assert torch.allclose(ours[name], weight.grad, rtol=5e-3, atol=2e-5), name


def test_a_lesson_that_a_step_takes_twice_weighs_two(tiny_folder):
    model = load(tiny_folder)
    result = trainer_of(model, per_step=6).step(1)
    once = trainer_of(load(tiny_folder), per_step=3).step(1)
    assert (result.num_targets, once.num_targets) == (6, 3)
    assert result.loss == pytest.approx(once.loss, rel=1e-5)
    assert result.grad_norm == pytest.approx(once.grad_norm, rel=1e-4)


def test_two_processes_gather_what_one_does(tiny_folder):
    losses, steps = [], []
    for processes in (None, Half(0), Half(1)):
        model = load(tiny_folder)
        before = copied(model)
        losses.append(trainer_of(model, processes=processes).step(1).loss)
        steps.append(moved(model, before))
    assert losses[0] == pytest.approx(losses[1] + losses[2], rel=1e-5)
    for name, whole in steps[0].items():
        assert torch.allclose(whole, steps[1][name] + steps[2][name], rtol=5e-3, atol=2e-5), name


def test_targets_become_likelier(tiny_folder):
    quick = {"lr": 3e-3, "schedule": "constant"}
    trainer = trainer_of(load(tiny_folder), optimizer=quick)
    results = []
    assert trainer.run(1, results.append, lambda: len(results) == 8) == 8
    assert [r.step for r in results] == list(range(1, 9))
    assert results[-1].loss < 0.6 * results[0].loss


def test_a_loss_that_is_no_number_stops_the_run_and_moves_nothing(tiny_folder):
    model = load(tiny_folder)
    with torch.no_grad():
        model.network.lm_head.weight[0] = float("nan")
    before = copied(model)
    with pytest.raises(TrainingStoppedError, match=r"loss of step 1 is nan .*optimizer\.lr"):
        trainer_of(model).step(1)
    same = dict(model.network.named_parameters())
    assert all(torch.equal(w, same[name]) or w.isnan().any() for name, w in before.items())
