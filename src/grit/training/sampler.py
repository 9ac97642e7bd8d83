"""Which samples a step learns from. A pure function of the step: there is no place to lose."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

__all__ = ["PromptSampler"]


@dataclass(frozen=True, slots=True)
class PromptSampler:
    """Epochs of shuffled samples, laid end to end and cut into steps.

    A step may be larger than the data: it then holds samples more than once.

    Args:
        num_samples: Size of the data set.
        per_step: Prompts of one step.
        seed: Of the shuffling.
    """

    num_samples: int
    per_step: int
    seed: int

    def places(self, step: int) -> list[int]:
        """Indices of a step's samples; steps count from 1."""
        first = (step - 1) * self.per_step
        positions = range(first, first + self.per_step)
        epochs = {position // self.num_samples for position in positions}
        orders = {epoch: self._order(epoch) for epoch in epochs}
        return [
            orders[position // self.num_samples][position % self.num_samples]
            for position in positions
        ]

    def epoch(self, step: int) -> float:
        """Passes over the data when a step has been made."""
        return step * self.per_step / self.num_samples

    def _order(self, epoch: int) -> list[int]:
        order = list(range(self.num_samples))
        Random(f"grit epoch {self.seed} {epoch}").shuffle(order)
        return order
