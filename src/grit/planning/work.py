"""Tokens and floating-point operations of one step.

A token costs two operations for each weight that it is multiplied with, and four for each channel
and token that its attention looks at; the way back costs twice the way there, once where weights
are frozen and only states have gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

from grit.config.recipe import Recipe
from grit.planning.dimensions import Dimensions, Load
from grit.planning.memory import Shares, shares_of

__all__ = ["Work", "work_of"]


@dataclass(frozen=True, slots=True)
class Work:
    """One step.

    Args:
        prompt_tokens: Of all prompts, each once.
        completion_tokens: Of all completions.
        rollout: Operations of the rollout.
        reference: Of the reference's pass; 0 without a KL.
        training: Of all updates.
    """

    prompt_tokens: int
    completion_tokens: int
    rollout: float
    reference: float
    training: float

    @property
    def total(self) -> float:
        """Operations of the whole step."""
        return self.rollout + self.reference + self.training


def work_of(model: Dimensions, recipe: Recipe, load: Load) -> Work:
    """Tokens and operations of a step in which every completion is as long as may be."""
    shares = shares_of(model, recipe)
    prompts = recipe.group.prompts_per_step
    completions = prompts * recipe.group.size
    text = prompts * _prompt(model, load) + completions * _completion(model, load)
    logits = (
        completions
        * load.completion_tokens
        * 2.0
        * (model.decoder.vocabulary * model.decoder.width)
    )
    seen = prompts * _picture(model, load)
    # A frozen tower has seen a picture once and for all; those steps are few.
    tower = seen if shares.tower_learns else 0.0
    once = text + logits + tower
    return Work(
        prompt_tokens=prompts * load.prompt_tokens,
        completion_tokens=completions * load.completion_tokens,
        rollout=once if shares.decoded else 0.0,
        reference=text + logits if recipe.loss.beta > 0.0 else 0.0,
        training=recipe.loss.updates_per_batch * _learning(recipe, shares, text, logits, tower),
    )


def _learning(recipe: Recipe, shares: Shares, text: float, logits: float, tower: float) -> float:
    """There and back; logits are computed twice on the way, checkpointed layers too."""
    back = 1 if shares.precision.lora_rank is not None else 2
    again = int(recipe.model.gradient_checkpointing)
    return (1 + again + back) * (text + tower) + (2 + back) * logits


def _prompt(model: Dimensions, load: Load) -> float:
    d, tokens = model.decoder, load.prompt_tokens
    looked = tokens * (tokens + 1) / 2
    return 2.0 * model.linear_parameters * tokens + 4.0 * d.layers * d.query_width * looked


def _completion(model: Dimensions, load: Load) -> float:
    d, tokens = model.decoder, load.completion_tokens
    looked = tokens * (load.prompt_tokens + (tokens + 1) / 2)
    return 2.0 * model.linear_parameters * tokens + 4.0 * d.layers * d.query_width * looked


def _picture(model: Dimensions, load: Load) -> float:
    """The tower over one picture, windows left out of account: they are a small part."""
    patches = load.image_tokens * model.tower.patches_per_token
    return 2.0 * model.tower_parameters * patches
