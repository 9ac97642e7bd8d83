"""How a run of the paper's experiments parts from the paper, from the recipes that it takes."""

from __future__ import annotations

from grit.app.paper.world import Scale
from grit.config.recipe import Recipe
from grit.data.scenes.tasks import TASKS

__all__ = ["differences"]

_WORLD = (
    "World: scenes of plain shapes with exact boxes stand for VSR, TallyQA, GQA, MathVista, MME "
    "and OVDEval; each task is named beside its set. It is no evidence about real pictures.",
    "Model: the built-in base of 2 million weights, pretrained to answer directly, to locate on "
    "request, and to keep the paper's format only in part. The paper trains models of 2 and 3 "
    "billion.",
)
_MEASURES = (
    "Answers are judged by rules, in training and evaluation; the paper asks GPT-4o. Accuracy is "
    "the share of answers that are right, the paper's the judge's mean score.",
    "Correlation is judged by rules that know the scene, not by GPT-4o; random boxes are drawn in "
    "two ways, since the paper does not say which one it takes.",
    "Counts in test questions run from 0 to 5; the paper's TallyQA has 0 to 9.",
    "Attention is watched on several tasks; the paper takes 100 samples of GQA.",
    "Out of domain is the mean over attribute, arithmetic and existence; locate has no accuracy.",
    "Human-written chains are left out: there are none for this world (grit analyse correlation "
    "--chains FILE takes them).",
    "Only the number of Figure 6 is known to us; Figures 3 to 5 are numbered in our own order.",
)


def differences(recipe: Recipe, sft: Recipe, scale: Scale, *, quick: bool) -> tuple[str, ...]:
    """A line on every difference of set-up from the paper's.

    Args:
        recipe: Of GRPO-GR.
        sft: Of few-shot SFT.
        scale: How large everything is.
        quick: Whether that is a quick look.

    Source: arXiv 2505.15879, and its released code for β and the temperature.
    """
    small = (
        f"Quick: {recipe.training.steps} steps, and {scale.limit} test questions of each of "
        f"{len(TASKS)} tasks; `grit paper` without --quick takes more of both."
    )
    return (*_WORLD, *_trainings(recipe, sft, scale), *_MEASURES, *((small,) if quick else ()))


def _trainings(recipe: Recipe, sft: Recipe, scale: Scale) -> tuple[str, ...]:
    tower = "the vision tower frozen" if recipe.model.freeze_vision else "all weights learning"
    taught = sft.sft
    per_step = "" if taught is None else f"{taught.samples_per_step} triplets a step, "
    boxes = "" if taught is None or not taught.boxes else " with its true boxes"
    return (
        f"Training: {recipe.training.steps} steps of {recipe.group.prompts_per_step} prompts with "
        f"{recipe.group.size} completions at temperature {recipe.rollout.temperature:g}, rate "
        f"{_power(recipe.optimizer.lr)}, β {recipe.loss.beta:g}, {tower}. The paper: 200 steps, "
        "batch 128, 4 completions, rate 2e-6; its code: temperature 0.9, β 0.01.",
        f"SFT learns from one stated sentence a triplet{boxes}: {sft.training.steps} steps, "
        f"{per_step}rate {_power(sft.optimizer.lr)}. The paper does not say how its targets were "
        "worded.",
        f"Scaling: {scale.sizes[0]:,}, {scale.sizes[1]:,} and {scale.sizes[2]:,} triplets for the "
        "paper's 20, 500 and 7,000; all take the same number of steps, so the larger sets are not "
        "seen whole.",
    )


def _power(rate: float) -> str:
    return f"{rate:.1e}".replace(".0e", "e").replace("e-0", "e-")
