"""A run's records, checkpoints and validations, step by step.

All processes of a run go through here, and ask the validation's questions together; one of them,
the writer, keeps records and checkpoints and tells the listener.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import torch

from grit.app.description import describe_run
from grit.app.judges import JudgeOfRun
from grit.app.models import Learner
from grit.app.recording import completion_rows, step_row
from grit.app.tracking import Track, tracker
from grit.app.validation import Validator
from grit.config.recipe import Recipe
from grit.data.sample import Sample
from grit.errors import GritError
from grit.judges.spending import Spent
from grit.processes.processes import Processes
from grit.records.folder import RunFolder
from grit.records.jsonl_log import JsonlLog, read_rows, truncate_after_step
from grit.records.rows import AlarmRow, CheckpointRow, CompletionRow, StepRow, ValidationRow
from grit.training.alarms import Alarms
from grit.training.checkpoint import TrainingState, prune, save_checkpoint
from grit.training.optimizer import Optimizer
from grit.training.step import StepResult

__all__ = ["Listener", "Run"]


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


class Run:
    """Keeps the records, checkpoints and validations of a run.

    Args:
        recipe: What the run is made by.
        folder: Where everything goes.
        learner: What is saved.
        optimizer: What is saved beside it.
        state: How far the run is; kept up to date.
        listener: Told what happens.
        stack: Closes the records when the run ends.
        is_resumed: Whether the state is a checkpoint's.
        processes: Who make the run together.
        judge: Who judges the validation, too, and what it costs.
    """

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
        processes: Processes,
        judge: JudgeOfRun,
    ) -> None:
        self._judge, self._spent_before = judge, Spent(**state.judge_spent)
        judge.count_elsewhere(self._spent_before)
        self._recipe, self._folder, self._learner = recipe, folder, learner
        self._optimizer, self._state, self._listener = optimizer, state, listener
        self._stack, self._processes = stack, processes
        self._began = time.monotonic() - state.train_seconds
        self._saved_step: int | None = state.step if is_resumed else None

    def begin(self, samples: Sequence[Sample]) -> None:
        """Open the records: new ones, or those of the run that goes on, cut at its checkpoint."""
        # Without a checkpoint everything is done again, the untrained model's validation too.
        last_kept = self._state.step if self._saved_step is not None else -1
        is_new = not self._folder.recipe.exists()
        if self._processes.is_writer and not is_new:
            self._cut_records(last_kept)
        self._validator = Validator.of(
            self._recipe, self._learner.policy, self._folder, self._processes, self._judge.judge
        )
        if self._processes.is_writer:
            self._open_records(samples, is_new=is_new)
        if last_kept < 0:
            self._validate(0)
        if self._processes.is_writer:
            self._listener.started(self._state.step + 1, self._recipe.training.steps)

    def _cut_records(self, last_kept: int) -> None:
        folder = self._folder
        for path in (
            folder.steps, folder.completions, folder.validation, folder.alarms,
            folder.checkpoint_log,
        ):  # fmt: skip
            if path.exists():
                truncate_after_step(path, last_kept)

    def _open_records(self, samples: Sequence[Sample], *, is_new: bool) -> None:
        recipe, folder = self._recipe, self._folder
        plain = recipe.model_dump(mode="json")
        if is_new:
            manifest = describe_run(
                recipe,
                self._learner.policy.model,
                samples,
                self._validator.samples,
                num_processes=self._processes.size,
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

    def on_step(self, result: StepResult) -> None:
        """Keep what a step did; validate and save where it is time."""
        self._state.step = result.step
        spent = self._judge.share_spending(self._spent_before, self._processes)
        if self._processes.is_writer:
            self._keep(
                step_row(result, peak_memory_gib=_peak_memory_gib(), spent=spent),
                completion_rows(result),
                result.lowered,
            )
        self._after(result.step)

    def on_row(self, row: StepRow) -> None:
        """The same of a step that sampled nothing."""
        self._state.step = row.step
        if self._processes.is_writer:
            self._keep(row.model_copy(update={"peak_memory_gib": _peak_memory_gib()}))
        self._after(row.step)

    def _after(self, step: int) -> None:
        training = self._recipe.training
        is_last = step == training.steps
        if training.validate_every and (is_last or step % training.validate_every == 0):
            self._validate(step)
        if step % training.checkpoint_every == 0 and not is_last:
            self.save("regular")

    def _keep(
        self,
        row: StepRow,
        completions: Iterable[CompletionRow] = (),
        lowered: Sequence[str] = (),
    ) -> None:
        self._steps.append(row)
        self._completions.extend(completions)
        alarms = [
            *(AlarmRow(step=row.step, kind="memory", message=said) for said in lowered),
            *self._alarms.check(row),
        ]
        self._alarm_log.extend(alarms)
        for alarm in alarms:
            self._listener.said(f"step {row.step}: {alarm.message}")
        self._track(_figures(row), row.step)
        self._listener.stepped(row)

    def stop(self, error: Exception) -> None:
        """Keep why the run ended in the middle, and what it had come to; never hides the error."""
        if not self._processes.is_writer:
            return
        try:
            step = self._state.step + 1
            self._alarm_log.append(AlarmRow(step=step, kind="stopped", message=str(error)))
            self.save("alarm")
        except (GritError, OSError) as another:
            self._listener.said(f"the run could not be saved as it stood: {another}")

    def save(self, reason: str) -> None:
        """Write a checkpoint of the present step, and let old ones go as the recipe says."""
        step, folder = self._state.step, self._folder
        if self._saved_step == step or not self._processes.is_writer:
            return
        self._write(folder.checkpoint(step), reason)
        self._saved_step = step
        kept = [folder.checkpoint(number) for number in folder.checkpoint_steps()]
        prune(kept, keep=self._recipe.training.keep_last)

    def _write(self, path: Path, reason: str) -> None:
        began = time.monotonic()
        self._state.train_seconds = began - self._began
        self._state.judge_spent = self._judge.spent()
        save_checkpoint(path, self._learner.save, self._optimizer, self._state)
        self._checkpoint_log.append(
            CheckpointRow(
                step=self._state.step,
                path=path.relative_to(self._folder.path).as_posix(),
                reason=reason,
                num_bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
                seconds=time.monotonic() - began,
            )
        )

    def _validate(self, step: int) -> None:
        row = self._validator.validate(step, best=self._state.best_value)
        if row is None or not self._processes.is_writer:
            return
        if row.best:
            self._state.best_step = step
            self._state.best_value = self._validator.value_of(row)
            if self._recipe.training.keep_best and step > 0:
                self._write(self._folder.best, "best")
        self._validations.append(row)
        self._track(
            {"validation/accuracy": row.accuracy, "validation/grounding_iou": row.grounding_iou},
            step,
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
