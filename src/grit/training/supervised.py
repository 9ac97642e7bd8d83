"""Few-shot SFT on the shared prefix: the likelihood of written targets, prompts run once.

The baseline beside GRPO-GR. Sampler, optimiser, schedule and processes are those of the trainer;
what is learned was written, not sampled.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from grit.config.optimizer import OptimizerConfig
from grit.config.training import TrainingConfig
from grit.errors import TrainingStoppedError
from grit.models.family import PromptInputs
from grit.policy.policy import Policy
from grit.processes.processes import ALONE, Processes, share_of
from grit.training.optimizer import Optimizer, rate_at
from grit.training.sampler import PromptSampler
from grit.training.step import Clock

__all__ = ["Lesson", "SupervisedResult", "SupervisedTrainer"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt and what should be said to it.

    Args:
        prompt: Picture and question.
        tokens: The target, an end token included; shape (token,).
    """

    prompt: PromptInputs
    tokens: Tensor


@dataclass(slots=True)
class SupervisedResult:
    """What one step did in all processes, for the records.

    Args:
        step: Counts from 1.
        epoch: Passes over the lessons so far.
        rate: Learning rate.
        loss: Mean negative log-likelihood of the step's target tokens, in nats.
        grad_norm: Before clipping.
        num_targets: Targets learned from, those taken twice counted twice.
        num_tokens: Their tokens.
        seconds: Wall time of this process by phase.
    """

    step: int
    epoch: float
    rate: float
    loss: float
    grad_norm: float
    num_targets: int
    num_tokens: int
    seconds: dict[str, float] = field(default_factory=dict[str, float])


class SupervisedTrainer:
    """Learns from lessons.

    Args:
        policy: What learns.
        lessons: One per sample.
        optimizer: Moves the policy's trainable weights.
        schedule: The optimiser's settings, for the rate of each step.
        training: Steps, seed and size of a micro-batch.
        per_step: Lessons of one update.
        processes: Who make each step together, a share of its lessons each.
    """

    def __init__(
        self,
        policy: Policy,
        lessons: Sequence[Lesson],
        optimizer: Optimizer,
        schedule: OptimizerConfig,
        training: TrainingConfig,
        *,
        per_step: int,
        processes: Processes = ALONE,
    ) -> None:
        self._policy = policy
        self._lessons = lessons
        self._optimizer = optimizer
        self._schedule = schedule
        self._training = training
        self._processes = processes
        self._sampler = PromptSampler(len(lessons), per_step, training.seed)

    def run(
        self,
        first: int,
        on_step: Callable[[SupervisedResult], None],
        should_stop: Callable[[], bool],
    ) -> int:
        """Make steps until the last one, or until asked to stop; see ``Trainer.run``.

        Raises:
            TrainingStoppedError: If the loss or its gradient is not finite.
            OtherProcessError: If another process has failed.
        """
        step = first - 1
        for step in range(first, self._training.steps + 1):
            on_step(self.step(step))
            if should_stop():
                break
        return step

    def step(self, step: int) -> SupervisedResult:
        """One update from the lessons of a step: each token of all targets weighs the same."""
        processes, clock = self._processes, Clock()
        places = self._sampler.places(step)
        num_tokens = sum(len(self._lessons[place].tokens) for place in places)
        rate = rate_at(step, self._training.steps, self._schedule)
        with clock("training"):
            loss = self._learn(places[share_of(len(places), processes)], num_tokens)
            processes.sum_gradients(self._optimizer.masters)
            loss = sum(processes.gather(loss))
            grad_norm = self._optimizer.step(rate)
        clock.seconds["total"] = clock.seconds["training"]
        if not math.isfinite(loss) or not math.isfinite(grad_norm):
            raise TrainingStoppedError(
                f"the loss of step {step} is {loss:g} and its gradient's norm {grad_norm:g}; this "
                "update moved nothing. Lower optimizer.lr"
            )
        return SupervisedResult(
            step, self._sampler.epoch(step), rate, loss, grad_norm, len(places), num_tokens,
            clock.seconds,
        )  # fmt: skip

    def _learn(self, places: Sequence[int], num_tokens: int) -> float:
        """Gather gradients of this process's share; what comes twice is run once and weighs two."""
        times = Counter(places)
        distinct, at_once = list(times), self._training.micro_batch_groups
        total = 0.0
        for first in range(0, len(distinct), at_once):
            chosen = distinct[first : first + at_once]
            lessons = [self._lessons[place] for place in chosen]
            states = self._policy.run_prompts([lesson.prompt for lesson in lessons])
            logprobs = self._policy.logprobs(
                states,
                range(len(lessons)),
                [lesson.tokens for lesson in lessons],
                temperature=1.0,
            )
            likelihood = sum(
                (times[place] * each.sum() for place, each in zip(chosen, logprobs, strict=True)),
                start=logprobs[0].new_zeros(()),
            )
            loss = -likelihood / num_tokens
            loss.backward()
            self._optimizer.collect()
            total += float(loss.detach())
        return total
