"""`grit train`: a recipe becomes a run folder."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from grit.app.engines import build_engine, require_engine
from grit.app.interrupt import StopRequest, stop_on_signals
from grit.app.judges import JudgeOfRun, open_judge, require_judge
from grit.app.models import load_learner
from grit.app.processes import refuse_different_weights, refuse_idle_processes
from grit.app.run import Listener, Run
from grit.app.samples import make_prompts, read_source, source_file
from grit.app.tracking import require_tracker
from grit.config.recipe import Recipe
from grit.config.rollout import VllmRolloutConfig
from grit.data.sample import Sample
from grit.errors import ConfigError, StoppedBySignalError
from grit.processes.processes import ALONE, Processes, by_writer
from grit.prompts.question import Mode
from grit.records.changes import refuse_changed_recipe
from grit.records.folder import RunFolder
from grit.rewards.presets import build_rubric, load_preset
from grit.training.checkpoint import TrainingState, load_checkpoint
from grit.training.optimizer import Optimizer
from grit.training.scoring import Scorer
from grit.training.step import TrainerConfig
from grit.training.trainer import Trainer

__all__ = ["TrainingOutcome", "checked_start", "train"]

_MAY_DIFFER = (
    "output", "tracking", "training.keep_last",
    *(f"evaluation.{field}" for field in ("tasks", "limit", "batch_size", "temperature")),
    *(f"rollout.{field}"
      for field in ("python", "gpu_memory_share", "sleep", "eager", "start_timeout", "timeout")),
    *(f"judge.{field}"
      for field in (
          "api_key_env", "api_key_file", "concurrency", "request_timeout", "batch_timeout",
          "max_retries", "retry_wait", "longest_wait", "circuit_failures", "circuit_wait", "outage",
          "pause_wait", "longest_pause", "max_usd", "max_requests", "prices", "cache")),
)  # fmt: skip
"""What changes neither a step nor a validation."""


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a run ended.

    Args:
        folder: Its run folder.
        last_step: Last step that was made.
        stopped_by: The signal that asked it to stop before the recipe's last step; None when it
            went all the way.
        train_seconds: Wall time of training, validations and checkpoints included.
    """

    folder: RunFolder
    last_step: int
    stopped_by: int | None
    train_seconds: float


def train(
    recipe: Recipe,
    listener: Listener,
    *,
    resume: bool = False,
    overwrite: bool = False,
    processes: Processes = ALONE,
) -> TrainingOutcome:
    """Train by a recipe, or go on with a run that was cut short.

    Args:
        recipe: What to do.
        listener: Told what happens, by the writer alone.
        resume: Go on with the run in the output folder.
        overwrite: Remove that run first.
        processes: Who make the run together; each calls this with the same arguments.

    Raises:
        GritError: Whatever is wrong with recipe, data, model or folder, before any step.
        TrainingStoppedError: If the run stopped itself. This and any other error that ends a run
            in the middle leave a checkpoint of the last whole step.
    """
    if recipe.sft is not None:
        raise ConfigError(
            "the recipe has a part sft, which grit train would leave aside; run it with grit sft, "
            "or remove the part"
        )
    refuse_idle_processes(recipe, processes)
    samples, checkpoint = by_writer(
        processes, lambda: checked_start(recipe, resume=resume, overwrite=overwrite)
    )
    rubric = build_rubric(recipe.rewards, threshold=recipe.judge.threshold)
    learner = load_learner(
        recipe.model,
        needs_reference=recipe.loss.beta > 0.0,
        checkpoint=checkpoint,
        seed=recipe.training.seed,
        stop=recipe.rollout.stop,
    )
    prompts = make_prompts(
        samples, learner.policy.model, Mode.GROUNDED, max_pixels=recipe.data.picture_pixel_limit
    )
    folder = by_writer(
        processes,
        lambda: RunFolder.create(Path(recipe.output), resume=resume, overwrite=overwrite),
    )
    optimizer = Optimizer(learner.trainable.items(), recipe.optimizer)
    state = TrainingState() if checkpoint is None else load_checkpoint(checkpoint, optimizer)
    refuse_different_weights(learner.policy.model, processes)
    with ExitStack() as stack:
        judge = stack.enter_context(open_judge(recipe.judge, say=listener.said))
        scorer = Scorer(judge.judge, rubric)
        stack.callback(scorer.close)
        asked = StopRequest(processes)
        run = Run(
            recipe, folder, learner, optimizer, state, listener, stack,
            is_resumed=checkpoint is not None, processes=processes, judge=judge,
        )  # fmt: skip
        trainer = Trainer(
            learner.policy,
            learner.reference,
            build_engine(recipe, learner, prompts, log=folder.engine_log, stack=stack),
            scorer,
            prompts,
            optimizer,
            _trainer_config(recipe),
            processes,
            while_judging=lambda: _while_judging(judge, run, asked),
        )
        run.begin(samples)
        stack.enter_context(stop_on_signals(asked))
        try:
            last = trainer.run(state.step + 1, run.on_step, asked)
            stopped_by = asked.agreed if last < recipe.training.steps else None
        except StoppedBySignalError as stopped:  # while it waited for its judge
            last, stopped_by = state.step, stopped.signal
        except Exception as error:
            run.stop(error)
            raise
        run.save("finished" if stopped_by is None else "stopped")
    return TrainingOutcome(folder, last, stopped_by, state.train_seconds)


def _while_judging(judge: JudgeOfRun, run: Run, asked: StopRequest) -> None:
    """A judge that cannot be had may be away for hours: keep what there is, and heed a signal."""
    if judge.outage is None:
        return
    run.save("paused")
    if asked.signal is not None:
        raise StoppedBySignalError(
            f"stopped while the judge was away: {judge.outage}", asked.signal
        )


def checked_start(
    recipe: Recipe, *, resume: bool, overwrite: bool
) -> tuple[list[Sample], Path | None]:
    """The training samples, and the checkpoint to go on from."""
    samples = _checked_samples(recipe, resume=resume, overwrite=overwrite)
    return samples, RunFolder(Path(recipe.output)).latest_checkpoint() if resume else None


def _checked_samples(recipe: Recipe, *, resume: bool, overwrite: bool) -> list[Sample]:
    """The training samples; whatever can be known to be wrong is said before a run is removed."""
    folder = RunFolder(Path(recipe.output))
    RunFolder.refuse_taken(folder.path, resume=resume, overwrite=overwrite)
    if resume and folder.recipe.exists():
        plain, defaults = (each.model_dump(mode="json") for each in (recipe, Recipe()))
        refuse_changed_recipe(folder, plain, may_differ=_MAY_DIFFER, defaults=defaults)
    require_tracker(recipe.tracking)
    require_engine(recipe)
    require_judge(recipe.judge)
    data = recipe.data
    if source_file(data.train) is None:
        raise ConfigError(
            f"data.train {data.train} names held-out scenes; train on builtin, or on a JSONL file"
        )
    if data.validation is not None and source_file(data.validation) is not None:
        read_source(data.validation, images=data.images, pictures=folder.pictures)
    return read_source(data.train, images=data.images, pictures=folder.pictures)


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
        max_importance_weight=loss.max_importance_weight
        if isinstance(recipe.rollout, VllmRolloutConfig)
        else None,
    )
