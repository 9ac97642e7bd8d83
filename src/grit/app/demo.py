"""`grit demo`: the main job on the built-in model and triplets, before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.app.evaluate import Asked, EvaluationProgress, evaluate_rows
from grit.app.models import load_source
from grit.app.run import Listener
from grit.app.samples import BUILTIN_TEST, read_source
from grit.app.train import train
from grit.config.compose import load_recipe
from grit.config.recipe import Recipe
from grit.data.builtin import TRAINING_TASKS
from grit.data.sample import Sample
from grit.data.scenes.tasks import TASKS
from grit.errors import StoppedBySignalError
from grit.prompts.question import Mode
from grit.records.atomic import atomic_write_text
from grit.records.changes import recipe_differences
from grit.records.folder import RunFolder
from grit.records.rows import TRAINING_TASKS as TRAINED
from grit.records.rows import EvaluationSummary
from grit.viewer.report import build_report

__all__ = ["DEMO_RECIPE", "Demo", "demo_recipe", "run_demo"]

DEMO_RECIPE = Path(__file__).with_name("demo.yaml")


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo left behind.

    Args:
        folder: Its run folder.
        summaries: Every figure, of base and trained model.
        train_seconds: Wall time of training.
        report: The page.
        was_finished: Whether all of it stood there already.
    """

    folder: RunFolder
    summaries: tuple[EvaluationSummary, ...]
    train_seconds: float
    report: Path
    was_finished: bool


def demo_recipe(flags: Sequence[str] = ()) -> Recipe:
    """The demo's recipe, with flags over it."""
    return load_recipe([DEMO_RECIPE], list(flags), prog="grit demo")


def run_demo(
    recipe: Recipe,
    listener: Listener,
    bar: EvaluationProgress,
    *,
    overwrite: bool = False,
) -> Demo:
    """Train, evaluate before and after, and write the page; go on where an earlier call stopped.

    Args:
        recipe: What to train, and which test tasks to ask, 300 questions each without a limit.
        listener: Watches the training.
        bar: Draws the evaluations.
        overwrite: Start anew.

    Raises:
        StoppedBySignalError: If training was stopped by hand before its last step.
    """
    folder = RunFolder(Path(recipe.output))
    if folder.holds_run and not overwrite and folder.summary.exists() and folder.report.exists():
        plain, defaults = (each.model_dump(mode="json") for each in (recipe, Recipe()))
        changed = recipe_differences(folder.read_recipe(), plain, defaults=defaults)
        if changed:
            listener.said(f"{folder.path} was made by another recipe; {'; '.join(changed)}")
        return _finished(folder)
    outcome = train(
        recipe, listener, resume=folder.holds_run and not overwrite, overwrite=overwrite
    )
    if outcome.stopped_by is not None:
        raise StoppedBySignalError(
            f"the demo stopped after step {outcome.last_step}; the same command goes on from there",
            outcome.stopped_by,
        )
    samples = read_source(
        BUILTIN_TEST,
        pictures=folder.pictures,
        tasks=recipe.evaluation.tasks,
        limit=recipe.evaluation.limit,
        seed=recipe.evaluation.seed,
    )
    base = load_source(recipe.model.path, recipe.model)
    trained = load_source(str(folder.path), recipe.model)
    stop = recipe.rollout.stop
    for asked in (
        Asked(base.model, "base", Mode.DIRECT),
        Asked(base.model, "base", Mode.COT, stop=stop),
        Asked(trained.model, "grit", Mode.GROUNDED, stop=stop),
    ):
        _evaluate(recipe, folder, asked, samples, bar)
    summaries = folder.read_evaluation_table().rows
    content = {**_tree(summaries), "train_seconds": round(outcome.train_seconds, 1)}
    atomic_write_text(folder.summary, json.dumps(content, indent=2) + "\n")
    return Demo(folder, summaries, outcome.train_seconds, build_report(folder), was_finished=False)


def _evaluate(
    recipe: Recipe,
    folder: RunFolder,
    asked: Asked,
    samples: Sequence[Sample],
    bar: EvaluationProgress,
) -> None:
    with bar(f"{asked.label}, {asked.mode}", len(samples)) as on_rows:
        evaluate_rows(
            folder,
            asked,
            samples,
            recipe.evaluation,
            threshold=recipe.judge.threshold,
            max_pixels=recipe.data.picture_pixel_limit,
            training_tasks=TRAINING_TASKS,
            on_rows=on_rows,
        )


def _finished(folder: RunFolder) -> Demo:
    content = json.loads(folder.summary.read_text(encoding="utf-8"))
    return Demo(
        folder,
        folder.read_evaluation_table().rows,
        float(content["train_seconds"]),
        folder.report,
        was_finished=True,
    )


def _tree(summaries: Sequence[EvaluationSummary]) -> dict[str, Any]:
    """Figures by model and mode: over the training tasks, and by task."""
    tree: dict[str, Any] = {}
    for row in summaries:
        figures = {
            "accuracy": row.accuracy,
            "giou": row.grounding_iou,
            "format": row.format_rate,
            "n": row.n,
        }
        mode = tree.setdefault(row.model, {}).setdefault(row.mode, {"tasks": {}})
        if row.task == TRAINED:
            mode.update(figures)
        elif row.task in TASKS:
            mode["tasks"][row.task] = figures
    return tree
