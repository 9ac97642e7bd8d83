"""What several processes must have before they make a run together."""

from __future__ import annotations

from grit.config.recipe import Recipe
from grit.errors import ConfigError, ModelError
from grit.models.family import LoadedModel
from grit.models.fingerprint import fingerprint
from grit.processes.processes import Processes

__all__ = ["refuse_different_weights", "refuse_idle_processes"]


def refuse_idle_processes(recipe: Recipe, processes: Processes) -> None:
    """A group stays whole on one process, so each process needs one.

    Raises:
        ConfigError: If there are more processes than groups in a step.
    """
    groups = recipe.group.prompts_per_step
    if processes.size > groups:
        raise ConfigError(
            f"there are {processes.size} processes and group.prompts_per_step is {groups}: "
            f"{processes.size - groups} would have nothing to do; launch with --num_processes "
            f"{groups} or fewer, or set group.prompts_per_step to {processes.size} or more"
        )


def refuse_different_weights(model: LoadedModel, processes: Processes) -> None:
    """Processes add up their gradients, which means something for the same weights alone.

    Raises:
        ModelError: If one holds other weights than another.
    """
    if processes.size == 1:
        return
    held = processes.gather(fingerprint(model.network))
    if len(set(held)) > 1:
        each = ", ".join(f"process {rank}: {weights}" for rank, weights in enumerate(held))
        raise ModelError(
            f"the processes hold different weights of {model.source} ({each}); give every machine "
            "the same folder, or the same model.revision"
        )
