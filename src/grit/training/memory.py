"""Limits that give way: what does not fit into memory goes through the model in smaller parts."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from grit.config.training import TrainingConfig
from grit.errors import MemoryLimitError

__all__ = ["MemoryLimits", "is_out_of_memory"]

T = TypeVar("T")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: torch's on a GPU or on the CPU, or Python's."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # On the CPU torch has no class for it.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate" in str(error)


class MemoryLimits:
    """How much goes through the model together; halved, for the rest of a run, where it must be.

    Args:
        config: The limits to begin with.
        group_size: Completions of a group.
    """

    def __init__(self, config: TrainingConfig, group_size: int) -> None:
        self.groups_at_once = config.micro_batch_groups
        self.max_sequences = config.max_sequences_per_forward
        self._gives_way = config.adapt_to_memory
        self._group_size = group_size
        self._said: list[str] = []

    def fit(
        self, work: Callable[[], T], *, num_groups: int, forget: Callable[[], None] | None = None
    ) -> T:
        """Do some work under the limits, once more from its start under lower ones if need be.

        Args:
            work: Reads the limits when it is called.
            num_groups: Groups that it goes through.
            forget: Undoes what a failed attempt has left behind.

        Raises:
            MemoryLimitError: If not even one completion fits.
        """
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not self._gives_way or not is_out_of_memory(error):
                    raise
                self._halve(num_groups, error)
            # Only here has the error let go of all that the attempt held.
            if forget is not None:
                forget()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def news(self) -> list[str]:
        """What was lowered since the last call, each in a sentence for a person."""
        said, self._said = self._said, []
        return said

    def _halve(self, num_groups: int, error: BaseException) -> None:
        groups = min(self.groups_at_once, num_groups)
        sequences = min(self.max_sequences, groups * self._group_size)
        if groups > 1:
            self.groups_at_once = groups // 2
        elif sequences > 1:
            self.max_sequences = -(-sequences // 2)
        else:
            raise MemoryLimitError(
                "one completion on its prompt does not fit into memory; lower model.max_pixels or "
                "rollout.max_new_tokens, or set model.gradient_checkpointing to true"
            ) from error
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else "no memory"
        self._said.append(
            f"{groups} groups, {sequences} completions at once, did not fit into memory "
            f"({first_line}); from here on training.micro_batch_groups is {self.groups_at_once} "
            f"and training.max_sequences_per_forward {self.max_sequences}: the same result, "
            "computed in smaller parts"
        )
