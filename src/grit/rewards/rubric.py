"""A rubric: weighted rewards, and the total that they pay a completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grit.rewards.score import Reward, RewardRow, Score

__all__ = ["Rubric", "ScoredRow"]


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """What a rubric paid one completion.

    Args:
        total: Weighted sum; None when a component that weighs anything is unscored.
        components: Each reward's score by name, before its weight, in the rubric's order.
        weights: Each reward's weight by name.
    """

    total: float | None
    components: dict[str, Score]
    weights: dict[str, float]

    @property
    def is_unscored(self) -> bool:
        """Whether a judge failed, so that the completion must leave its group."""
        return self.total is None

    def paid(self, name: str) -> float | None:
        """What a component adds to the total: 0.0 where it does not apply, None when unscored."""
        score = self.components[name]
        if score.value is None:
            return 0.0 if not score.applies else None
        return self.weights[name] * score.value


@dataclass(frozen=True, slots=True)
class Rubric:
    """Rewards by name, each with its weight; pure, so that rows may be scored in any order.

    Args:
        rewards: Name → (reward, weight), in the order of tables and logs.
    """

    rewards: Mapping[str, tuple[Reward, float]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components, in order."""
        return tuple(self.rewards)

    @property
    def weights(self) -> dict[str, float]:
        """Weights by name."""
        return {name: weight for name, (_, weight) in self.rewards.items()}

    def score(self, rows: Sequence[RewardRow]) -> list[ScoredRow]:
        """Score rows, one result each, in order.

        Raises:
            RewardError: If a user's own reward breaks its protocol.
        """
        return [self._score_row(row) for row in rows]

    def _score_row(self, row: RewardRow) -> ScoredRow:
        components = {name: reward(row) for name, (reward, _) in self.rewards.items()}
        weights = self.weights
        total: float | None = 0.0
        for name, score in components.items():
            if score.is_unscored and weights[name] != 0.0:
                total = None
            elif total is not None and score.value is not None:
                total += weights[name] * score.value
        return ScoredRow(total, components, weights)
