"""A reward's typed result, and the seam behind which every reward stands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from grit.data.sample import Sample
from grit.errors import RewardError
from grit.judges.verdict import Verdict
from grit.traces.trace import Trace

__all__ = ["Reward", "RewardRow", "Score"]


@dataclass(frozen=True, slots=True)
class Score:
    """What one reward pays one completion.

    Args:
        value: Paid amount before its weight; None when unscored or not applicable.
        reason: Why, for people.
        parts: Named pieces of the value, for the logs.
        applies: False when the reward has nothing to say about the sample.
    """

    value: float | None
    reason: str = ""
    parts: dict[str, float] = field(default_factory=dict[str, float])
    applies: bool = True

    def __post_init__(self) -> None:
        """Refuse a value that would poison a whole group."""
        if self.value is not None and not math.isfinite(self.value):
            raise RewardError(f"a reward must pay a finite amount, not {self.value}")

    @classmethod
    def not_applicable(cls, reason: str) -> Score:
        """Adds nothing and leaves the completion in its group."""
        return cls(None, reason, applies=False)

    @classmethod
    def unscored(cls, reason: str) -> Score:
        """The judge failed: the completion leaves its group's mean, deviation and loss."""
        return cls(None, reason)

    @property
    def is_unscored(self) -> bool:
        """Whether a judge failed (which is not the same as a zero)."""
        return self.applies and self.value is None


@dataclass(frozen=True, slots=True)
class RewardRow:
    """One completion, ready to be scored.

    Args:
        trace: The parsed completion.
        sample: What was asked, and what is true.
        verdict: The judge's word on the answer.
        progress: How far training is, 0 at its first step and 1 at its last, for rewards that
            change on the way.
    """

    trace: Trace
    sample: Sample
    verdict: Verdict
    progress: float = 1.0


class Reward(Protocol):
    """A pure function of a row."""

    def __call__(self, row: RewardRow) -> Score:
        """Score one completion."""
        ...
