"""What a step is made by, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from grit.config.group import GroupConfig
from grit.config.loss import LossConfig
from grit.config.optimizer import OptimizerConfig
from grit.config.training import TrainingConfig
from grit.errors import GritError
from grit.training.advantages import Deviation
from grit.training.batch import Batch
from grit.training.scoring import ScoredGroup

__all__ = ["Clock", "StepResult", "TrainerConfig"]


@dataclass(frozen=True, slots=True)
class TrainerConfig:
    """The parts of a recipe that the trainer reads.

    Args:
        deviation: What advantages are divided by.
        epsilon: Added to it, in reward units.
        temperature: At which completions are sampled and log-probabilities taken.
        max_importance_weight: Bound of the importance weights; None gives none, for an engine
            that samples by the very code that learns.
    """

    group: GroupConfig
    loss: LossConfig
    optimizer: OptimizerConfig
    training: TrainingConfig
    deviation: Deviation
    epsilon: float
    temperature: float
    max_importance_weight: float | None = None


@dataclass(slots=True)
class StepResult:
    """What one step did in all processes, for the records.

    Args:
        scored: Every group with its traces, verdicts and scores.
        batch: What was learned from, old and reference log-probabilities included.
        sums: Weighted sums over the step of ``loss``, ``policy_loss``, ``kl``, ``clipped`` and
            ``capped``, the importance weights at their bound.
        seconds: Wall time of this process by phase.
        lowered: What this process had to lower to fit into memory, a sentence each.
        stopped: Why training cannot go on after this step, though some of its updates were made.
    """

    step: int
    epoch: float
    rate: float
    scored: list[ScoredGroup]
    batch: Batch
    grad_norm: float = 0.0
    sums: dict[str, float] = field(default_factory=dict[str, float])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    lowered: list[str] = field(default_factory=list[str])
    stopped: GritError | None = None


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Count the block's seconds under a phase; several blocks of one phase add up."""
        began = time.perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - began
