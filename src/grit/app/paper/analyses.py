"""The paper's analyses of trained models' chains, and faithfulness beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from grit.analysis.chains import chain_of_row, shuffled_chains
from grit.analysis.correlation import DRAWS, fitting
from grit.analysis.effects import largest_effects
from grit.app.attention import run_attention
from grit.app.chains import Chains
from grit.app.correlation import Named, correlate_into
from grit.app.faithfulness import run_faithfulness
from grit.app.models import load_source
from grit.app.paper.course import Course, folder_at
from grit.app.paper.world import trainings
from grit.config.recipe import Recipe
from grit.errors import DataError
from grit.prompts.question import Mode
from grit.records.analyses import FaithfulnessRow
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.paper import PaperExample

__all__ = ["ANALYSES", "analyse"]


def analyse(course: Course, part: str, seed: int) -> None:
    """Run one of ``ANALYSES``; where no chain can be looked at, the page says so."""
    try:
        ANALYSES[part](course, seed)
    except DataError as error:
        course.without.append(f"{part}, seed {seed}: {error}")
        course.progress.said(course.without[-1])


def correlation(course: Course, seed: int) -> None:
    """Chains of grit, and with the first seed those of the base; each with its control."""
    names: list[tuple[str, int | None]] = [("grit", seed)]
    if seed == 0:
        names += [("cot", None), ("icl", None)]
    names += [("sft", seed)] if ("sft", seed) in course.answers else []
    folder = folder_at(course.folder / "base")
    tables = list(course.record.correlation)
    for name, own in names:
        chains = [chain_of_row(row) for row in course.answers[name, own].rows]
        label = name if own is None else f"{name}-seed-{own}"
        for named in (Named(label, chains), Named(f"{label}.shuffled", shuffled_chains(chains))):
            kept, _ = fitting(named.chains)
            if not kept:
                continue
            total = len(kept) * 3 * len(DRAWS)
            with course.progress.bar(f"correlation, {named.name}", total) as on_rows:
                tables.append(
                    correlate_into(folder, named, course.judge, resume=True, on_rows=on_rows)
                )
    course.record = course.record.model_copy(update={"correlation": tuple(tables)})


def faithfulness(course: Course, seed: int) -> None:
    chains, recipe = _chains(course, seed, course.scale.faithfulness)
    config = recipe.evaluation.model_copy(update={"batch_size": 48})
    table = run_faithfulness(chains, config, course.progress.bar, resume=True)
    update: dict[str, object] = {
        "faithfulness": (
            *course.record.faithfulness,
            table.model_copy(update={"source": f"grit, seed {seed}"}),
        )
    }
    if seed == 0:
        rows, _ = chains.folder.analysis("faithfulness", chains.name)
        update["examples"] = _examples(read_rows(rows, FaithfulnessRow).rows, course.folder)
    course.record = course.record.model_copy(update=update)


def attention(course: Course, seed: int) -> None:
    chains, recipe = _chains(course, seed, course.scale.attention)
    table = run_attention(chains, recipe.evaluation, course.progress.bar, resume=True)
    named = table.model_copy(update={"source": f"grit, seed {seed}"})
    course.record = course.record.model_copy(
        update={"attention": (*course.record.attention, named)}
    )


def _chains(course: Course, seed: int, limit: int) -> tuple[Chains, Recipe]:
    """The first chains of each task of the trained model, and its recipe."""
    recipe = trainings(["grit"], course.folder, course.scale, seed=seed)[0].recipe
    loaded = load_source(recipe.output, recipe.model)
    found = course.answers["grit", seed]
    taken: dict[str, int] = {}
    rows = []
    for row in found.rows:
        taken[row.task] = taken.get(row.task, 0) + 1
        if taken[row.task] <= limit:
            rows.append(row)
    chains = Chains(
        RunFolder(Path(recipe.output)),
        found.path.stem,
        loaded.model,
        recipe.rollout.stop,
        Mode.GROUNDED,
        {sample.id: sample for sample in course.samples},
        rows,
    )
    return chains, recipe


def _examples(rows: Sequence[FaithfulnessRow], folder: Path) -> tuple[PaperExample, ...]:
    shown: list[PaperExample] = []
    for row in largest_effects(rows, 6):
        image = Path(row.image)
        inside = image.is_relative_to(folder)
        shown.append(
            PaperExample(
                task=row.task,
                question=row.question,
                answer=row.answer,
                reference=row.reference,
                image=str(image.relative_to(folder) if inside else image.resolve()),
                text=row.text,
                boxes=row.cited,
                size=row.image_size,
            )
        )
    return tuple(shown)


ANALYSES: dict[str, Callable[[Course, int], None]] = {
    "correlation": correlation,
    "faithfulness": faithfulness,
    "attention": attention,
}
"""What is done to the chains of grit, by part; each takes the training seed."""
