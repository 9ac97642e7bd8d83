"""A group: the completions of one prompt; and the seam behind which every engine stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grit.data.sample import Sample
from grit.models.family import PromptInputs
from grit.rollout.completion import Completion

__all__ = ["Group", "Prompt", "RolloutEngine"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sample, made ready for a model.

    Args:
        sample: What is asked and true.
        inputs: Tokens and pixels; made once a run and shared by every use of the sample.
        draw: Counts the uses of one sample within a step, so that each has streams of its own.
    """

    sample: Sample
    inputs: PromptInputs
    draw: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """One prompt with its completions, in order of their numbers."""

    prompt: Prompt
    completions: tuple[Completion, ...]


class RolloutEngine(Protocol):
    """Anything that can sample completions from the current policy."""

    def roll_out(self, prompts: Sequence[Prompt], *, size: int, step: int) -> list[Group]:
        """Sample a group of ``size`` completions for each prompt, in order of the prompts."""
        ...
