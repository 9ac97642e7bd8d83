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

__all__ = ["DIFFERENCES", "Scale", "Training", "asked_samples", "scale_of", "sets_of", "trainings"]

_EXPERIMENTS = Path(__file__).with_name("experiments")

DIFFERENCES = (
    "World: scenes of plain shapes with exact boxes stand for VSR, TallyQA, GQA, MathVista, MME "
    "and OVDEval; each task is named beside its set. It is no evidence about real pictures.",
    "Model: the built-in base of 2 million weights, pretrained to answer directly, to locate on "
    "request, and to keep the paper's format only in part. The paper trains models of 2 and 3 "
    "billion.",
    "Training: 60 steps of 10 prompts with 12 completions at temperature 0.85, rate 5e-5, the "
    "tower frozen. The paper: 200 steps, batch 128, 4 completions, rate 2e-6.",
    "SFT learns from one stated sentence a triplet with its true boxes, 10 triplets a step, by the "
    "same rate and steps; the paper does not say how its targets were worded.",
    "Answers are judged by rules, in training and evaluation; the paper asks GPT-4o. Accuracy is "
    "the share of answers that are right, the paper's the judge's mean score.",
    "Correlation is judged by rules that know the scene, not by GPT-4o; random boxes are drawn in "
    "two ways, since the paper does not say which one it takes.",
    "Counts in test questions run from 0 to 5; the paper's TallyQA has 0 to 9.",
    "Attention is watched on several tasks; the paper takes 100 samples of GQA.",
    "Scaling: all sizes take the same number of steps, so the larger sets are not seen whole.",
    "Out of domain is the mean over attribute, arithmetic and existence; locate has no accuracy.",
    "Human-written chains are left out: there are none for this world (grit analyse correlation "
    "--chains FILE takes them).",
    "Only the number of Figure 6 is known to us; Figures 3 to 5 are numbered in our own order.",
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is.

    Args:
        flags: Over the demo's recipe.
        limit: Test questions of each task.
        faithfulness: Chains of each task that are examined.
        attention: Chains of each task that are watched.
        sizes: Triplets of the scaling runs.
    """

    flags: tuple[str, ...]
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
    if not quick:
        return Scale(("--training.validate-every", "none"), 200, 40, 20, (20, 500, 7000))
    flags = "--training.steps 16 --training.checkpoint-every 16 --training.validate-every none"
    flags += " --group.size 8 --group.prompts-per-step 6 --optimizer.warmup-steps 2"
    return Scale(tuple(flags.split()), 10, 4, 3, (20, 60, 200))


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
        flags = [*scale.flags, "--training.seed", str(seed)]
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
