"""GRPO-GR. The step reads as the algorithm; the run around it keeps records and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from grit.errors import OtherProcessError, TrainingStoppedError, UnscoredRateError
from grit.policy.policy import Policy
from grit.policy.prefix import detached
from grit.policy.reference import Reference
from grit.processes.processes import ALONE, Processes, share_of
from grit.rollout.group import Group, Prompt, RolloutEngine
from grit.training.advantages import group_advantages
from grit.training.batch import Batch, MicroBatch, micro_batches
from grit.training.loss import completion_weights
from grit.training.memory import MemoryLimits
from grit.training.optimizer import Optimizer, rate_at
from grit.training.part_loss import FIGURES, part_loss
from grit.training.sampler import PromptSampler
from grit.training.scoring import ScoredGroup, Scorer, rewards_of, waited_for
from grit.training.sharing import all_figures, all_groups, all_old, all_reference
from grit.training.step import Clock, StepResult, TrainerConfig

__all__ = ["Trainer"]


def _nothing() -> None:
    """What is done while judging, where nothing is."""


class Trainer:
    """Learns from groups of completions.

    Args:
        policy: What learns.
        reference: The untrained model; None when ``loss.beta`` is 0.
        engine: Samples from the policy.
        scorer: Judges and pays completions.
        prompts: One per sample, made ready once.
        optimizer: Moves the policy's trainable weights.
        config: How.
        processes: Who make each step together, a share of its groups each.
        while_judging: Called now and then while a step waits for nothing but its verdicts; may
            raise, and then the step is not made.
    """

    def __init__(
        self,
        policy: Policy,
        reference: Reference | None,
        engine: RolloutEngine,
        scorer: Scorer,
        prompts: Sequence[Prompt],
        optimizer: Optimizer,
        config: TrainerConfig,
        processes: Processes = ALONE,
        *,
        while_judging: Callable[[], None] = _nothing,
    ) -> None:
        self._while_judging = while_judging
        self._policy = policy
        self._reference = reference
        self._engine = engine
        self._scorer = scorer
        self._prompts = prompts
        self._optimizer = optimizer
        self._config = config
        self._processes = processes
        self._limits = MemoryLimits(config.training, config.group.size)
        self._sampler = PromptSampler(
            len(prompts), config.group.prompts_per_step, config.training.seed
        )

    def run(
        self, first: int, on_step: Callable[[StepResult], None], should_stop: Callable[[], bool]
    ) -> int:
        """Make steps until the last one, or until asked to stop.

        Args:
            first: First step to make; steps count from 1.
            on_step: Told of every step when it is done.
            should_stop: Asked after every step; all processes must answer alike.

        Returns:
            The last step that was made.

        Raises:
            UnscoredRateError: If too many completions of a step could not be judged.
            TrainingStoppedError: If the loss or its gradient is not finite. A step none of whose
                updates was made is not told to ``on_step``; one with some of them made is.
            OtherProcessError: If another process has failed.
        """
        step = first - 1
        for step in range(first, self._config.training.steps + 1):
            result = self.step(step)
            on_step(result)
            if result.stopped is not None:
                raise result.stopped
            if should_stop():
                break
        return step

    def step(self, step: int) -> StepResult:
        """One step: sample, judge, compare within groups, and learn."""
        config, processes, clock = self._config, self._processes, Clock()
        prompts = self._prompts_of(step)
        share = share_of(len(prompts), processes)
        with clock("rollout"):
            groups = self._engine.roll_out(prompts[share], size=config.group.size, step=step)
        progress = (step - 1) / max(1, config.training.steps - 1)
        # Judging runs while the device works.
        pending = self._scorer.start(groups, progress=progress)
        with clock("reference"):
            reference = self._limits.fit(
                lambda: self._reference_logprobs(groups), num_groups=len(groups)
            )
        with clock("judge"):
            own = waited_for(pending, self._while_judging)
        with clock("waiting"):  # for the slowest process
            scored = all_groups(processes, prompts, own)
            reference = all_reference(processes, reference)
        self._refuse_unscored(step, rewards_of(scored))
        advantages = group_advantages(
            rewards_of(scored), eps=config.epsilon, deviation=config.deviation
        )
        batch = self._batch(scored, advantages, reference, share)
        result = StepResult(
            step, self._sampler.epoch(step), self._rate(step), scored, batch, seconds=clock.seconds
        )
        with clock("training"):
            for number in range(config.loss.updates_per_batch):
                try:
                    self._update(result)
                except (TrainingStoppedError, OtherProcessError) as error:
                    if number == 0:
                        raise
                    # Weights have moved: to make this step again would count its updates twice.
                    result.stopped = error
                    break
        result.lowered = self._limits.news()
        clock.seconds["total"] = sum(clock.seconds.values())
        return result

    def _prompts_of(self, step: int) -> list[Prompt]:
        draws: dict[int, int] = {}
        prompts: list[Prompt] = []
        for place in self._sampler.places(step):
            prompt = self._prompts[place]
            prompts.append(Prompt(prompt.sample, prompt.inputs, draws.get(place, 0)))
            draws[place] = draws.get(place, 0) + 1
        return prompts

    def _rate(self, step: int) -> float:
        return rate_at(step, self._config.training.steps, self._config.optimizer)

    def _micro_batches(self, groups: list[Group], keep: list[bool] | None) -> Iterator[MicroBatch]:
        return micro_batches(
            groups,
            groups_at_once=self._limits.groups_at_once,
            max_sequences=self._limits.max_sequences,
            max_padding=self._config.training.max_padding,
            keep=keep,
        )

    def _reference_logprobs(self, groups: list[Group]) -> list[Tensor] | None:
        if self._reference is None:
            return None
        tokens = [completion.tokens for group in groups for completion in group.completions]
        found: dict[int, Tensor] = {}
        for micro in self._micro_batches(groups, None):
            logprobs = self._reference.logprobs(
                micro.prompts,
                [(part.owners, [tokens[p] for p in part.places]) for part in micro.parts],
                temperature=self._config.temperature,
            )
            for part, rows in zip(micro.parts, logprobs, strict=True):
                found.update(zip(part.places, rows, strict=True))
        return [found[place] for place in range(len(tokens))]

    def _batch(
        self,
        scored: list[ScoredGroup],
        advantages: Tensor,
        reference: list[Tensor] | None,
        share: slice,
    ) -> Batch:
        groups = [each.group for each in scored]
        completions = [completion for group in groups for completion in group.completions]
        size = self._config.group.size
        judged = ~rewards_of(scored).isnan()
        # A group with one scored completion has nothing to compare it with, and teaches nothing.
        counts = (judged & (judged.sum(dim=1, keepdim=True) >= 2)).flatten().tolist()
        if self._config.loss.mask_cut_off:
            counts = [c and r.finish != "cut_off" for c, r in zip(counts, completions, strict=True)]
        weights = completion_weights(
            [len(completion.tokens) for completion in completions],
            counts,
            self._config.loss.aggregation,
            constant_length=self._config.loss.constant_length,
        )
        return Batch(
            groups=groups,
            tokens=[completion.tokens for completion in completions],
            advantages=advantages.flatten().tolist(),
            weights=weights,
            reference=reference,
            old=[None] * len(completions),
            sampler=[completion.logprobs for completion in completions],
            own=slice(share.start * size, share.stop * size),
        )

    def _update(self, result: StepResult) -> None:
        """One update of the weights from the whole batch, micro-batch by micro-batch."""
        batch, old = result.batch, list(result.batch.old)

        def forget() -> None:
            self._optimizer.forget()
            batch.old[:] = old

        sums = self._limits.fit(
            lambda: self._accumulate(batch), num_groups=len(batch.groups), forget=forget
        )
        # Each process has learned from its own completions. They meet before weights move, and not
        # again before the step is in the records: one that is gone cannot leave it half made.
        self._processes.sum_gradients(self._optimizer.masters)
        result.sums = sums = all_figures(self._processes, sums)
        batch.old = all_old(self._processes, batch)
        result.grad_norm = self._optimizer.step(result.rate)
        if not math.isfinite(result.grad_norm) or not math.isfinite(sums["loss"]):
            raise TrainingStoppedError(
                f"the loss of step {result.step} is {sums['loss']:g} and its gradient's norm "
                f"{result.grad_norm:g}; this update moved nothing. Lower optimizer.lr, or look at "
                "the step's completions"
            )

    def _accumulate(self, batch: Batch) -> dict[str, float]:
        """Gradients of this process's share of the batch, and the figures of its loss."""
        sums = dict.fromkeys(FIGURES, 0.0)
        for micro in self._micro_batches(batch.groups, batch.to_learn_from()):
            states = self._policy.run_prompts(micro.prompts)
            leaves, pairs = detached(states)
            for part in micro.parts:
                logprobs = self._policy.logprobs(
                    leaves,
                    part.owners,
                    [batch.tokens[place] for place in part.places],
                    temperature=self._config.temperature,
                )
                part_loss(
                    batch,
                    part.places,
                    logprobs,
                    sums,
                    self._config.loss,
                    self._config.max_importance_weight,
                ).backward()
            # Gradients of all branches have met at the prefix; one pass takes them on from there.
            met = [(state, leaf.grad) for state, leaf in pairs if state.requires_grad]
            met = [(state, grad) for state, grad in met if grad is not None]
            if met:
                torch.autograd.backward([state for state, _ in met], [grad for _, grad in met])
            self._optimizer.collect()
        return sums

    def _refuse_unscored(self, step: int, rewards: Tensor) -> None:
        share = float(rewards.isnan().double().mean())
        limit = self._config.training.max_unscored_rate
        if share > limit:
            raise UnscoredRateError(
                f"the judge failed on {share:.0%} of the completions of step {step}, more than "
                f"training.max_unscored_rate {limit:.0%}; mend the judge and resume, or raise the "
                "limit"
            )
