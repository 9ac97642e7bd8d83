"""The built-in world as the paper's experiments need it: recipes, training files, test samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grit.app.demo import DEMO_RECIPE
from grit.app.samples import BUILTIN_TEST, read_source
from grit.config.compose import load_recipe
from grit.config.recipe import Recipe
from grit.data.builtin import builtin_triplets
from grit.data.drawn import draw_triplets, with_shuffled_answers, write_triplets
from grit.data.sample import Sample
from grit.data.summary import summarise
from grit.records.paper import TestSet

__all__ = ["Scale", "Training", "asked_samples", "scale_of", "sets_of", "trainings"]

_EXPERIMENTS = DEMO_RECIPE.with_name("experiments")
_SFT = DEMO_RECIPE.with_name("sft.yaml")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is.

    Args:
        flags: Over the recipe of every training.
        grit_flags: Over those of GRPO-GR besides.
        sft_flags: Over that of SFT besides.
        limit: Test questions of each task.
        faithfulness: Chains of each task that are examined.
        attention: Chains of each task that are watched.
        sizes: Triplets of the scaling runs.
    """

    flags: tuple[str, ...]
    grit_flags: tuple[str, ...]
    sft_flags: tuple[str, ...]
    limit: int
    faithfulness: int
    attention: int
    sizes: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Training:
    """One run: its name and its recipe, with its data written."""

    name: str
    recipe: Recipe


def scale_of(*, quick: bool) -> Scale:
    """The whole set, or a quick look at all parts."""
    always = ("--training.validate-every", "none")
    if not quick:
        return Scale(always, (), (), 200, 40, 20, (20, 500, 7000))
    grit = "--training.steps 40 --training.checkpoint-every 40 --optimizer.lr 1e-4 --group.size 8"
    sft = "--training.steps 60 --training.checkpoint-every 60"
    return Scale(always, tuple(grit.split()), tuple(sft.split()), 30, 8, 6, (20, 60, 200))


def trainings(names: Sequence[str], folder: Path, scale: Scale, *, seed: int) -> list[Training]:
    """Recipes of some runs, with a seed; data that is missing is drawn.

    Args:
        names: ``grit``, ``sft``, ``no-counting``, ``triplets-N``, ``no-answer-reward``,
            ``shuffled-answers``.
        folder: Of all experiments; data goes into ``data``, runs into ``seed-N``.
        scale: How large.
        seed: Of training; data is the same for every seed.
    """
    made: list[Training] = []
    for name in names:
        layer = _EXPERIMENTS / f"{name}.yaml"
        files = [DEMO_RECIPE, *([layer] if layer.exists() else [])]
        own = scale.grit_flags
        if name == "sft":
            files, own = [_SFT], scale.sft_flags
        flags = [*scale.flags, *own, "--training.seed", str(seed)]
        flags += ["--output", str(folder / f"seed-{seed}" / name)]
        data = _training_file(name, folder / "data" / name)
        if data is not None:
            flags += ["--data.train", str(data)]
        made.append(Training(name, load_recipe(files, flags, prog="grit paper")))
    return made


def asked_samples(folder: Path, scale: Scale) -> list[Sample]:
    """Test questions of every task; their pictures lie in ``pictures``."""
    return read_source(BUILTIN_TEST, pictures=folder / "pictures", limit=scale.limit)


def sets_of(samples: Sequence[Sample]) -> tuple[TestSet, ...]:
    """Test samples by task, counted as the paper's Table 2 does."""
    return tuple(
        TestSet(
            task=each.dataset,
            num_samples=each.num_samples,
            question_words=each.mean_question_words,
            answer_words=each.mean_answer_words,
            closed=each.share_closed,
            covered=each.box_coverage,
        )
        for each in summarise(samples, {})
    )


def _training_file(name: str, folder: Path) -> Path | None:
    """The file that a run learns from; None for the 20 built-in triplets."""
    file = folder / "triplets.jsonl"
    if file.exists():
        return file
    if name == "no-counting":
        return write_triplets(file, draw_triplets(20, folder / "pictures", tasks=("relation",)))
    if name == "shuffled-answers":
        folder.mkdir(parents=True, exist_ok=True)
        return write_triplets(file, with_shuffled_answers(builtin_triplets()))
    if name.startswith("triplets-"):
        number = int(name.removeprefix("triplets-"))
        return write_triplets(file, draw_triplets(number, folder / "pictures"))
    return None
