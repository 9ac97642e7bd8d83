"""The held-out set, met in the course of training."""

from __future__ import annotations

import time
from collections.abc import Sequence

from grit.app.samples import make_prompts, read_source
from grit.config.data import BUILTIN_VALIDATION
from grit.config.recipe import Recipe
from grit.data.builtin import TRAINING_TASKS
from grit.data.sample import Sample
from grit.evaluation.evaluate import evaluate
from grit.evaluation.summary import summarise_rows
from grit.judges.verdict import Judge
from grit.policy.policy import Policy
from grit.processes.processes import Processes, by_writer
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.rows import ALL_TASKS, EvaluationRow, ValidationRow
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling

__all__ = ["Validator"]


class Validator:
    """Asks the policy the same held-out questions again and again, greedily.

    Args:
        recipe: What to hold on to, and how often.
        policy: Who is asked, as it is at each call.
        prompts: The questions; none switches validation off.
        processes: Who ask them together.
        judge: Who says what is right.
    """

    def __init__(
        self,
        recipe: Recipe,
        policy: Policy,
        prompts: Sequence[Prompt],
        processes: Processes,
        judge: Judge,
    ) -> None:
        self._judge = judge
        self._recipe = recipe
        self._policy = policy
        self._prompts = prompts
        self._processes = processes
        self._engine = LocalEngine(policy, _sampling(recipe))

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        policy: Policy,
        folder: RunFolder,
        processes: Processes,
        judge: Judge,
    ) -> Validator:
        """The validator of a recipe; for the built-in world it asks the training tasks."""
        source = recipe.data.validation
        if source is None or recipe.training.validate_every is None:
            return cls(recipe, policy, [], processes, judge)
        # Scenes are drawn into the folder, by one process.
        samples = by_writer(
            processes,
            lambda: read_source(
                source,
                images=recipe.data.images,
                pictures=folder.pictures,
                tasks=TRAINING_TASKS if source == BUILTIN_VALIDATION else None,
                limit=recipe.training.validation_limit,
                seed=recipe.evaluation.seed,
            ),
        )
        limit = recipe.data.picture_pixel_limit
        prompts = make_prompts(samples, policy.model, Mode.GROUNDED, max_pixels=limit)
        return cls(recipe, policy, prompts, processes, judge)

    @property
    def samples(self) -> list[Sample]:
        """What it asks about."""
        return [prompt.sample for prompt in self._prompts]

    def validate(self, step: int, *, best: float | None) -> ValidationRow | None:
        """Figures of the policy as it is; None when there is nothing to ask.

        Args:
            step: Of the weights.
            best: Best value so far.
        """
        if not self._prompts:
            return None
        began = time.monotonic()
        settings = self._recipe.evaluation
        rows = list(
            evaluate(
                self._engine,
                self._policy.model,
                self._judge,
                self._prompts,
                label="validation",
                mode=Mode.GROUNDED,
                batch_size=settings.batch_size,
                threshold=self._recipe.judge.threshold,
                step=step,
                processes=self._processes,
            )
        )
        return self._row(rows, step, best, time.monotonic() - began)

    def value_of(self, row: ValidationRow) -> float | None:
        """What the best checkpoint is best at."""
        match self._recipe.training.best_metric:
            case "accuracy":
                return row.accuracy
            case "grounding_iou":
                return row.grounding_iou
            case "format_rate":
                return row.format_rate

    def _row(
        self, rows: list[EvaluationRow], step: int, best: float | None, seconds: float
    ) -> ValidationRow:
        summaries = summarise_rows(rows)
        whole = next((s for s in summaries if s.task == ALL_TASKS), summaries[0])
        row = ValidationRow(
            step=step,
            n=whole.n,
            accuracy=whole.accuracy,
            grounding_iou=whole.grounding_iou,
            format_rate=whole.format_rate,
            box_rate=whole.box_rate,
            tasks={s.task: s.accuracy for s in summaries if s.task != ALL_TASKS},
            seconds=seconds,
        )
        value = self.value_of(row)
        is_best = value is not None and (best is None or value > best)
        return row.model_copy(update={"best": is_best})


def _sampling(recipe: Recipe) -> Sampling:
    """Greedily, to the same end as in training."""
    settings = recipe.evaluation
    return Sampling(
        max_new_tokens=settings.max_new_tokens,
        temperature=0.0,
        stop=recipe.rollout.stop,
        sequences_at_once=settings.batch_size,
    )
