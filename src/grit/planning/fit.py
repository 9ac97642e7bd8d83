"""The largest micro-batch that a GPU of a stated size takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grit.config.recipe import Recipe
from grit.planning.dimensions import Dimensions, Load
from grit.planning.memory import memory_of

__all__ = ["GIB", "USABLE", "Fit", "largest_fit"]

GIB = 2**30

USABLE = 0.92
"""Share of a GPU that a run may plan with; the rest is torch's context and broken-up memory."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a GPU takes.

    Args:
        fits: Whether the recipe as it stands does.
        micro_batch_groups: Most groups at once; 0 when not even one fits.
        max_sequences_per_forward: The recipe's, or the most with which one group fits.
        sequences_at_once: Most completions decoded together; 0 when not even one group fits.
    """

    fits: bool
    micro_batch_groups: int
    max_sequences_per_forward: int
    sequences_at_once: int


def largest_fit(model: Dimensions, recipe: Recipe, load: Load, *, gpu_gib: float) -> Fit:
    """Search the recipe's own fields for the largest that fit.

    Args:
        model: Its dimensions.
        recipe: What is done with it.
        load: Pictures and texts at their largest.
        gpu_gib: Memory of the GPU.
    """
    usable = gpu_gib * GIB * USABLE

    def learns(groups: int, sequences: int) -> bool:
        training = recipe.training.model_copy(
            update={"micro_batch_groups": groups, "max_sequences_per_forward": sequences}
        )
        changed = recipe.model_copy(update={"training": training})
        phases = memory_of(model, changed, load)
        parts = (phases.training, phases.reference)
        return all(part.total <= usable for part in parts if part is not None)

    def decodes(at_once: int) -> bool:
        rollout = recipe.rollout.model_copy(update={"sequences_at_once": at_once})
        changed = recipe.model_copy(update={"rollout": rollout})
        phases = memory_of(model, changed, load)
        return phases.rollout.total <= usable

    sequences, size = recipe.training.max_sequences_per_forward, recipe.group.size
    groups = _most(recipe.group.prompts_per_step, lambda n: learns(n, sequences))
    if groups == 0:
        sequences = _most(min(size, sequences), lambda n: learns(1, n))
        groups = int(sequences > 0)
    decoded = _most(recipe.group.prompts_per_step, lambda n: decodes(n * size)) * size
    phases = memory_of(model, recipe, load)
    return Fit(phases.peak <= usable, groups, sequences, decoded)


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to a limit that fits; 0 when none does. More never needs less."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
