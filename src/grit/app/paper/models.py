"""Models of the paper's experiments: the base as it is, and every training; all asked alike."""

from __future__ import annotations

from pathlib import Path

from grit.app.evaluate import Asked, Evaluation, evaluate_rows
from grit.app.models import load_source
from grit.app.paper.course import Course, folder_at
from grit.app.paper.world import Training, trainings
from grit.app.sft import fine_tune
from grit.app.train import train
from grit.config.recipe import Recipe
from grit.errors import StoppedBySignalError
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.paper import PaperRun

__all__ = ["ask_base", "train_and_ask"]


def ask_base(course: Course, mode: Mode) -> None:
    """Ask the untrained model all test questions in a mode."""
    recipe = trainings(["grit"], course.folder, course.scale, seed=0)[0].recipe
    loaded = load_source(recipe.model.path, recipe.model)
    folder = folder_at(course.folder / "base")
    asked = Asked(loaded.model, "base", mode, stop=recipe.rollout.stop)
    _keep(course, mode.value, None, _evaluate(course, folder, asked, recipe), None)


def train_and_ask(course: Course, training: Training, seed: int) -> None:
    """Train, or go on, or open what is there; then ask all test questions.

    Raises:
        StoppedBySignalError: If the training was stopped by hand.
    """
    recipe = training.recipe
    folder = RunFolder(Path(recipe.output))
    seconds: float | None = None
    if recipe.training.steps not in folder.checkpoint_steps():
        with course.progress.listener() as listener:
            teach = train if recipe.sft is None else fine_tune
            outcome = teach(recipe, listener, resume=folder.holds_run)
        if outcome.stopped_by is not None:
            raise StoppedBySignalError(
                f"stopped in {training.name} after step {outcome.last_step}; the same command goes "
                "on from there",
                outcome.stopped_by,
            )
        seconds = outcome.train_seconds
    loaded = load_source(str(folder.path), recipe.model)
    asked = Asked(loaded.model, training.name, Mode.GROUNDED, loaded.step, recipe.rollout.stop)
    _keep(course, training.name, seed, _evaluate(course, folder, asked, recipe), seconds)


def _evaluate(course: Course, folder: RunFolder, asked: Asked, recipe: Recipe) -> Evaluation:
    with course.progress.bar(f"{asked.label}, {asked.mode}", len(course.samples)) as on_rows:
        return evaluate_rows(
            folder,
            asked,
            course.samples,
            recipe.evaluation,
            threshold=recipe.judge.threshold,
            max_pixels=recipe.data.picture_pixel_limit,
            on_rows=on_rows,
        )


def _keep(
    course: Course, name: str, seed: int | None, found: Evaluation, seconds: float | None
) -> None:
    course.answers[name, seed] = found
    course.runs[name, seed] = PaperRun(
        name=name, seed=seed, summaries=found.summaries, train_seconds=seconds
    )
