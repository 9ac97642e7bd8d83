"""`grit train`: a recipe becomes a run folder."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from grit.app.description import describe_run
from grit.app.interrupt import stop_on_signals
from grit.app.models import Learner, load_learner
from grit.app.recording import completion_rows, step_row
from grit.app.samples import make_prompts, read_source, source_file
from grit.app.tracking import Track, require_tracker, tracker
from grit.app.validation import Validator
from grit.config.recipe import Recipe
from grit.data.sample import Sample
from grit.errors import ConfigError, TrainingStoppedError
from grit.judges.rules import RulesJudge
from grit.prompts.question import Mode
from grit.records.changes import refuse_changed_recipe
from grit.records.folder import RunFolder
from grit.records.jsonl_log import JsonlLog, read_rows, truncate_after_step
from grit.records.rows import AlarmRow, CheckpointRow, CompletionRow, StepRow, ValidationRow
from grit.rewards.presets import build_rubric, load_preset
from grit.rollout.local import LocalEngine, Sampling
from grit.training.alarms import Alarms
from grit.training.checkpoint import TrainingState, load_checkpoint, prune, save_checkpoint
from grit.training.optimizer import Optimizer
from grit.training.scoring import Scorer
from grit.training.trainer import StepResult, Trainer, TrainerConfig

__all__ = ["Listener", "TrainingOutcome", "train"]

_MAY_DIFFER = (
    "output", "tracking", "training.keep_last",
    *(f"evaluation.{field}" for field in ("tasks", "limit", "batch_size", "temperature")),
)  # fmt: skip
"""What changes neither a step nor a validation."""


class Listener(Protocol):
    """Who watches a run; the command line draws progress."""

    def started(self, first: int, steps: int) -> None:
        """Everything is loaded; the first step to be made, and the last."""
        ...

    def stepped(self, row: StepRow) -> None:
        """A step was made."""
        ...

    def said(self, message: str) -> None:
        """Something that a person should read."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a run ended.

    Args:
        folder: Its run folder.
        last_step: Last step that was made.
        is_finished: Whether that was the recipe's last.
        train_seconds: Wall time of training, validations and checkpoints included.
    """

    folder: RunFolder
    last_step: int
    is_finished: bool
    train_seconds: float


def train(
    recipe: Recipe, listener: Listener, *, resume: bool = False, overwrite: bool = False
) -> TrainingOutcome:
    """Train by a recipe, or go on with a run that was cut short.

    Raises:
        GritError: Whatever is wrong with recipe, data, model or folder, before any step.
        TrainingStoppedError: If the run stopped itself; a checkpoint was written.
    """
    samples = _checked_samples(recipe, resume=resume, overwrite=overwrite)
    rubric = build_rubric(recipe.rewards, threshold=recipe.judge.threshold)
    checkpoint = RunFolder(Path(recipe.output)).latest_checkpoint() if resume else None
    learner = load_learner(
        recipe.model,
        needs_reference=recipe.loss.beta > 0.0,
        checkpoint=checkpoint,
        seed=recipe.training.seed,
    )
    prompts = make_prompts(
        samples, learner.policy.model, Mode.GROUNDED, max_pixels=recipe.data.picture_pixel_limit
    )
    folder = RunFolder.create(Path(recipe.output), resume=resume, overwrite=overwrite)
    optimizer = Optimizer(learner.trainable.items(), recipe.optimizer)
    state = TrainingState() if checkpoint is None else load_checkpoint(checkpoint, optimizer)
    scorer = Scorer(RulesJudge(), rubric)
    trainer = Trainer(
        learner.policy,
        learner.reference,
        LocalEngine(learner.policy, _sampling(recipe)),
        scorer,
        prompts,
        optimizer,
        _trainer_config(recipe),
    )
    with ExitStack() as stack:
        stack.callback(scorer.close)
        run = _Run(
            recipe, folder, learner, optimizer, state, listener, stack,
            is_resumed=checkpoint is not None,
        )  # fmt: skip
        run.begin(samples, is_new=not folder.recipe.exists())
        listener.started(state.step + 1, recipe.training.steps)
        asked = stack.enter_context(stop_on_signals())
        try:
            last = trainer.run(state.step + 1, run.on_step, asked)
        except TrainingStoppedError as error:
            run.stop(error)
            raise
        run.save("stopped" if asked() else "finished")
    return TrainingOutcome(folder, last, last == recipe.training.steps, state.train_seconds)


def _checked_samples(recipe: Recipe, *, resume: bool, overwrite: bool) -> list[Sample]:
    """The training samples; whatever can be known to be wrong is said before a run is removed."""
    folder = RunFolder(Path(recipe.output))
    RunFolder.refuse_taken(folder.path, resume=resume, overwrite=overwrite)
    if resume and folder.recipe.exists():
        plain = recipe.model_dump(mode="json")
        refuse_changed_recipe(folder, plain, may_differ=_MAY_DIFFER)
    require_tracker(recipe.tracking)
    data = recipe.data
    if source_file(data.train) is None:
        raise ConfigError(
            f"data.train {data.train} names held-out scenes; train on builtin, or on a JSONL file"
        )
    if data.validation is not None and source_file(data.validation) is not None:
        read_source(data.validation, images=data.images, pictures=folder.pictures)
    return read_source(data.train, images=data.images, pictures=folder.pictures)


class _Run:
    """Keeps the records, checkpoints and validations of a run."""

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        learner: Learner,
        optimizer: Optimizer,
        state: TrainingState,
        listener: Listener,
        stack: ExitStack,
        *,
        is_resumed: bool,
    ) -> None:
        self._recipe, self._folder, self._learner = recipe, folder, learner
        self._optimizer, self._state, self._listener = optimizer, state, listener
        self._stack = stack
        self._began = time.monotonic() - state.train_seconds
        self._saved_step: int | None = state.step if is_resumed else None

    def begin(self, samples: Sequence[Sample], *, is_new: bool) -> None:
        """Open the records: new ones, or those of the run that goes on, cut at its checkpoint."""
        recipe, folder = self._recipe, self._folder
        plain = recipe.model_dump(mode="json")
        # Without a checkpoint everything is done again, the untrained model's validation too.
        last_kept = self._state.step if self._saved_step is not None else -1
        if not is_new:
            for path in (
                folder.steps, folder.completions, folder.validation, folder.alarms,
                folder.checkpoint_log,
            ):  # fmt: skip
                if path.exists():
                    truncate_after_step(path, last_kept)
        self._validator = Validator.of(recipe, self._learner.policy, folder)
        if is_new:
            manifest = describe_run(
                recipe, self._learner.policy.model, samples, self._validator.samples
            )
            folder.write_manifest(manifest)
            folder.write_recipe(plain)
        sounded = (
            [row.kind for row in read_rows(folder.alarms, AlarmRow).rows]
            if folder.alarms.exists()
            else []
        )
        self._alarms = Alarms(recipe.training.alarms, sounded)
        opened = self._stack.enter_context
        self._steps = opened(JsonlLog(folder.steps, StepRow))
        self._completions = opened(JsonlLog(folder.completions, CompletionRow))
        self._validations = opened(JsonlLog(folder.validation, ValidationRow))
        self._alarm_log = opened(JsonlLog(folder.alarms, AlarmRow))
        self._checkpoint_log = opened(JsonlLog(folder.checkpoint_log, CheckpointRow))
        self._track: Track = opened(tracker(recipe.tracking, folder.tracker, plain))
        if last_kept < 0:
            self._validate(0)

    def on_step(self, result: StepResult) -> None:
        """Keep what a step did; validate and save where it is time."""
        training = self._recipe.training
        row = step_row(result, peak_memory_gib=_peak_memory_gib())
        self._state.step = result.step
        self._steps.append(row)
        self._completions.extend(completion_rows(result))
        alarms = self._alarms.check(row)
        self._alarm_log.extend(alarms)
        for alarm in alarms:
            self._listener.said(f"step {row.step}: {alarm.message}")
        self._track(_figures(row), row.step)
        self._listener.stepped(row)
        is_last = result.step == training.steps
        if training.validate_every and (is_last or result.step % training.validate_every == 0):
            self._validate(result.step)
        if result.step % training.checkpoint_every == 0 and not is_last:
            self.save("regular")

    def stop(self, error: TrainingStoppedError) -> None:
        """Keep why the run stopped itself, and what it had come to."""
        step = self._state.step + 1
        self._alarm_log.append(AlarmRow(step=step, kind="stopped", message=str(error)))
        self.save("alarm")

    def save(self, reason: str) -> None:
        """Write a checkpoint of the present step, and let old ones go as the recipe says."""
        step, folder = self._state.step, self._folder
        if self._saved_step == step:
            return
        began = time.monotonic()
        self._state.train_seconds = began - self._began
        path = folder.checkpoint(step)
        save_checkpoint(path, self._learner.save, self._optimizer, self._state)
        self._saved_step = step
        self._checkpoint_log.append(
            CheckpointRow(
                step=step,
                path=path.relative_to(folder.path).as_posix(),
                reason=reason,
                num_bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
                seconds=time.monotonic() - began,
            )
        )
        kept = [folder.checkpoint(number) for number in folder.checkpoint_steps()]
        prune(kept, keep=self._recipe.training.keep_last)

    def _validate(self, step: int) -> None:
        row = self._validator.validate(step, best=self._state.best_value)
        if row is None:
            return
        if row.best:
            self._state.best_step = step
            self._state.best_value = self._validator.value_of(row)
            if self._recipe.training.keep_best and step > 0:
                save_checkpoint(self._folder.best, self._learner.save, self._optimizer, self._state)
        self._validations.append(row)
        self._track(
            {"validation/accuracy": row.accuracy, "validation/grounding_iou": row.grounding_iou},
            step,
        )


def _sampling(recipe: Recipe) -> Sampling:
    rollout = recipe.rollout
    return Sampling(
        max_new_tokens=rollout.max_new_tokens,
        temperature=rollout.temperature,
        top_p=rollout.top_p,
        stop=rollout.stop,
        sequences_at_once=rollout.sequences_at_once,
        seed=recipe.training.seed,
    )


def _trainer_config(recipe: Recipe) -> TrainerConfig:
    preset = load_preset(recipe.rewards.preset)
    loss = recipe.loss
    return TrainerConfig(
        group=recipe.group,
        loss=loss,
        optimizer=recipe.optimizer,
        training=recipe.training,
        deviation=preset.deviation
        if loss.advantage_deviation is None
        else loss.advantage_deviation,
        epsilon=preset.epsilon if loss.advantage_epsilon is None else loss.advantage_epsilon,
        temperature=recipe.rollout.temperature,
    )


def _figures(row: StepRow) -> dict[str, float | None]:
    figures = {f"reward/{name}": value for name, value in row.components.items()}
    figures |= {"reward/total": row.reward_mean, "loss": row.loss, "kl": row.kl, "lr": row.lr}
    return figures | {"format_rate": row.format_rate, "grad_norm": row.grad_norm}


def _peak_memory_gib() -> float:
    """Most memory held so far: the GPU's where there is one, else the process's."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
