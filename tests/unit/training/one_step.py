"""A trainer on the tiny model, for tests that look at one step of it."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch

from grit.config.group import GroupConfig
from grit.config.loss import LossConfig
from grit.config.optimizer import OptimizerConfig
from grit.config.training import TrainingConfig
from grit.data.sample import Sample
from grit.judges.rules import RulesJudge
from grit.policy.policy import Policy
from grit.policy.reference import FrozenReference, frozen_copy
from grit.rewards.rubric import Rubric
from grit.rewards.score import Score
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling
from grit.training.optimizer import Optimizer
from grit.training.scoring import Scorer
from grit.training.step import TrainerConfig
from grit.training.trainer import Trainer
from tiny_qwen import SIZES_AND_QUESTIONS, load, prompts_of

TEMPERATURE = 0.9
LINEAR = {"lr": 1e4, "eps": 1e4, "max_grad_norm": 1e9}
"""Rate and eps so large that AdamW's first step is the gradient itself, to a part in 1e4."""


def variety(row):
    """A reward that random text earns in different amounts."""
    return Score(len(set(row.trace.text)) / 10)


class Elsewhere:
    """An engine whose log-probabilities differ from the trainer's, all by the same."""

    def __init__(self, engine, shift):
        self._engine, self._shift = engine, shift

    def roll_out(self, prompts, *, size, step):
        return [
            dataclasses.replace(
                group,
                completions=tuple(
                    dataclasses.replace(c, logprobs=c.logprobs - self._shift)
                    for c in group.completions
                ),
            )
            for group in self._engine.roll_out(prompts, size=size, step=step)
        ]


class Bench:
    """A trainer on the tiny model, and everything around it that a test looks at."""

    def __init__(
        self, folder, *, reward=variety, judge=None, nudge=0.02, shift=0.0, cap=None, **parts
    ):
        self.model = load(folder, **parts.get("model", {}))
        self.policy = Policy(self.model)
        reference = FrozenReference(Policy(frozen_copy(self.policy.model)))
        self.reference_network = copy.deepcopy(self.model.network)
        if nudge:
            # A policy that has left its reference, so that the KL pulls.
            torch.manual_seed(1)
            with torch.no_grad():
                for weight in self.model.network.parameters():
                    weight.add_(nudge * torch.randn_like(weight) * weight.std())
        self.model.network.requires_grad_(True)
        self.start = copy.deepcopy(self.model.network)
        self.config = TrainerConfig(
            group=GroupConfig(**{"size": 3, "prompts_per_step": 3, **parts.get("group", {})}),
            loss=LossConfig(**{"beta": 0.5, **parts.get("loss", {})}),
            optimizer=OptimizerConfig(**{**LINEAR, **parts.get("optimizer", {})}),
            training=TrainingConfig(**{"steps": 20, **parts.get("training", {})}),
            deviation="biased",
            epsilon=1e-4,
            temperature=TEMPERATURE,
            max_importance_weight=cap,
        )
        named = dict(self.model.network.named_parameters())
        sampling = {"max_new_tokens": 10, "temperature": TEMPERATURE, **parts.get("sampling", {})}
        self.scorer = Scorer(judge or RulesJudge(), Rubric({"reward": (reward, 1.0)}))
        self.trainer = Trainer(
            self.policy,
            reference if self.config.loss.beta else None,
            Elsewhere(LocalEngine(self.policy, Sampling(**sampling)), shift),
            self.scorer,
            [
                Prompt(Sample(f"s-{n}", Path("p.png"), question, "2", "counting"), inputs)
                for n, (inputs, (_, question)) in enumerate(
                    zip(prompts_of(self.model), SIZES_AND_QUESTIONS, strict=True)
                )
            ],
            Optimizer(named.items(), self.config.optimizer),
            self.config,
        )

    def step(self, number=1):
        return self.trainer.step(number)

    def weights(self):
        return {
            name: weight.detach().clone() for name, weight in self.model.network.named_parameters()
        }

    def moves(self):
        before = dict(self.start.named_parameters())
        return {name: weight - before[name].detach() for name, weight in self.weights().items()}


def furthest(one, two):
    return max((one[name] - two[name]).detach().abs().max().item() for name in one)
