"""`grit sft`: few-shot supervised fine-tuning by a recipe, into a run folder like any other.

``fine_tune`` is the way in for analyses and comparisons; it is to SFT what ``app.train.train`` is
to GRPO-GR, and its run folder is evaluated, asked, exported and resumed alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from grit.app.interrupt import StopRequest, stop_on_signals
from grit.app.judges import open_judge
from grit.app.models import load_learner
from grit.app.processes import refuse_different_weights
from grit.app.recording import supervised_row
from grit.app.run import Listener, Run
from grit.app.samples import make_prompts
from grit.app.train import TrainingOutcome, checked_start
from grit.config.judge import RulesJudgeConfig
from grit.config.recipe import Recipe
from grit.config.sft import SftConfig
from grit.errors import ConfigError
from grit.models.family import LoadedModel
from grit.processes.processes import ALONE, Processes, by_writer
from grit.prompts.question import Mode
from grit.prompts.worked import worked_chain
from grit.records.folder import RunFolder
from grit.rollout.group import Prompt
from grit.training.checkpoint import TrainingState, load_checkpoint
from grit.training.optimizer import Optimizer
from grit.training.supervised import Lesson, SupervisedTrainer

__all__ = ["fine_tune", "make_lessons"]


def fine_tune(
    recipe: Recipe,
    listener: Listener,
    *,
    resume: bool = False,
    overwrite: bool = False,
    processes: Processes = ALONE,
) -> TrainingOutcome:
    """Run few-shot SFT by a recipe, or go on with a run that was cut short.

    Args:
        recipe: Its part ``sft`` says how, with defaults where it has none; rollout, rewards,
            group and loss are not used.
        listener: Told what happens, by the writer alone.
        resume: Go on with the run in the output folder.
        overwrite: Remove that run first.
        processes: Who make the run together; each calls this with the same arguments.

    Raises:
        GritError: Whatever is wrong with recipe, data, model or folder, before any step.
        TrainingStoppedError: If the loss is not finite. This and any other error that ends a run
            in the middle leave a checkpoint of the last whole step.
    """
    sft = recipe.sft or SftConfig()
    recipe = recipe.model_copy(update={"sft": sft})
    _refuse_idle(sft, processes)
    samples, checkpoint = by_writer(
        processes, lambda: checked_start(recipe, resume=resume, overwrite=overwrite)
    )
    learner = load_learner(
        recipe.model,
        needs_reference=False,
        checkpoint=checkpoint,
        seed=recipe.training.seed,
        stop=recipe.rollout.stop,
    )
    model, limit = learner.policy.model, recipe.data.picture_pixel_limit
    prompts = make_prompts(samples, model, Mode.GROUNDED, max_pixels=limit)
    lessons = make_lessons(prompts, model, with_boxes=sft.boxes)
    folder = by_writer(
        processes,
        lambda: RunFolder.create(Path(recipe.output), resume=resume, overwrite=overwrite),
    )
    optimizer = Optimizer(learner.trainable.items(), recipe.optimizer)
    state = TrainingState() if checkpoint is None else load_checkpoint(checkpoint, optimizer)
    refuse_different_weights(model, processes)
    trainer = SupervisedTrainer(
        learner.policy, lessons, optimizer, recipe.optimizer, recipe.training,
        per_step=sft.samples_per_step, processes=processes,
    )  # fmt: skip
    with ExitStack() as stack:
        # Targets need no judge; validations do.
        config = recipe.judge if recipe.training.validate_every else RulesJudgeConfig()
        judge = stack.enter_context(open_judge(config, say=listener.said))
        run = Run(
            recipe, folder, learner, optimizer, state, listener, stack,
            is_resumed=checkpoint is not None, processes=processes, judge=judge,
        )  # fmt: skip
        run.begin(samples)
        asked = stack.enter_context(stop_on_signals(StopRequest(processes)))
        try:
            last = trainer.run(
                state.step + 1, lambda result: run.on_row(supervised_row(result)), asked
            )
        except Exception as error:
            run.stop(error)
            raise
        stopped_by = asked.agreed if last < recipe.training.steps else None
        run.save("finished" if stopped_by is None else "stopped")
    return TrainingOutcome(folder, last, stopped_by, state.train_seconds)


def make_lessons(
    prompts: Sequence[Prompt], model: LoadedModel, *, with_boxes: bool = True
) -> list[Lesson]:
    """Each prompt with its grounded target, which ends as the model ends a turn.

    Args:
        prompts: Of the training samples.
        model: Whose tokens and space targets are written in.
        with_boxes: Whether targets draw true boxes.

    Raises:
        DataError: If an answer holds one of the format's tags.
    """
    return [
        Lesson(prompt.inputs, _tokens(model, _target(prompt, with_boxes=with_boxes)))
        for prompt in prompts
    ]


def _target(prompt: Prompt, *, with_boxes: bool) -> str:
    return worked_chain(prompt.sample, prompt.inputs.frame, with_boxes=with_boxes)


def _tokens(model: LoadedModel, text: str) -> torch.Tensor:
    said = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    ends = model.stop_ids
    preferred = model.tokenizer.eos_token_id
    end = preferred if preferred in ends else ends[0]
    return torch.tensor([*said, end])  # pyright: ignore[reportGeneralTypeIssues]


def _refuse_idle(sft: SftConfig, processes: Processes) -> None:
    if processes.size > sft.samples_per_step:
        raise ConfigError(
            f"there are {processes.size} processes and sft.samples_per_step is "
            f"{sft.samples_per_step}: some would have nothing to do; launch fewer, or raise it"
        )
