"""The reward for drawing as many boxes as a counting question counts."""

from __future__ import annotations

from dataclasses import dataclass

from grit.rewards.score import RewardRow, Score
from grit.traces.counting import CountMode, count_boxes, reasoning_before_rethink

__all__ = ["CountingReward"]


@dataclass(frozen=True, slots=True)
class CountingReward:
    """Pays a fixed amount when the reasoning draws as many boxes as the sample counts.

    Args:
        amount: What it pays: 0.5 in the paper, 1.0 in the released code.
        mode: What counts as a box. ``REGEX`` is the paper's expression; ``DISTINCT`` lets no
            inverted, empty or repeated box earn anything.
        needs_rethink: Whether a completion without ``<rethink>`` earns nothing (released code).
    """

    amount: float = 0.5
    mode: CountMode = CountMode.REGEX
    needs_rethink: bool = False

    def __call__(self, row: RewardRow) -> Score:
        """Score one completion; not applicable where the sample counts nothing.

        Source: GRIT, r_count (arXiv 2505.15879).
        """
        true = row.sample.count
        if true is None:
            return Score.not_applicable("the sample asks for no count")
        if self.needs_rethink and reasoning_before_rethink(row.trace.text) is None:
            return Score(0.0, "no <rethink>, so no box counts")
        drawn = count_boxes(row.trace, self.mode)
        return Score(self.amount * (drawn.num_boxes == true), f"{drawn.reason}; true count: {true}")
