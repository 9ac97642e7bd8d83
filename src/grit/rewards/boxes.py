"""Optional reward for where boxes lie, for samples that have true ones. GRIT itself has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grit.geometry.box import Box
from grit.geometry.matching import best_overlaps, matched_overlap
from grit.rewards.score import RewardRow, Score

__all__ = ["BoxesReward", "Overlap", "box_overlap"]

Overlap = Literal["mean", "dual", "matched"]


@dataclass(frozen=True, slots=True)
class BoxesReward:
    """Pays the overlap of drawn boxes with true ones, from a threshold on.

    Args:
        overlap: How it is measured, see ``box_overlap``.
        threshold: Least overlap that is paid at the first step.
        final_threshold: The same at the last step; it rises evenly in between. None: it stays.
    """

    overlap: Overlap = "matched"
    threshold: float = 0.0
    final_threshold: float | None = None

    def __call__(self, row: RewardRow) -> Score:
        """Score one completion; not applicable where the sample was never annotated.

        Where the answer is a box, the answer's boxes count, else those of the reasoning. Where
        there is nothing to point at, drawing no box is right.
        """
        true = row.sample.boxes
        if true is None:
            return Score.not_applicable("the sample has no true boxes")
        drawn = row.trace.answer_boxes if row.sample.asks_for_boxes else row.trace.boxes
        found = box_overlap(drawn, true, self.overlap)
        least = self.threshold_at(row.progress)
        paid = found if found >= least else 0.0
        reason = f"{self.overlap} IoU {found:.3f} of {len(drawn)} boxes with {len(true)} true ones"
        if least > 0.0:
            reason += f"; {'reaches' if found >= least else 'is below'} {least:.3f}"
        return Score(paid, reason, {"overlap": found, "threshold": least})

    def threshold_at(self, progress: float) -> float:
        """Least overlap that is paid, at a share of training from 0 to 1."""
        last = self.threshold if self.final_threshold is None else self.final_threshold
        return self.threshold + (last - self.threshold) * progress


def box_overlap(drawn: Sequence[Box], true: Sequence[Box], kind: Overlap) -> float:
    """How well drawn boxes fit the true ones, box by box, in [0, 1].

    Args:
        drawn: Distinct and not empty.
        true: What they should be.
        kind: ``mean``: each true box's best IoU, averaged over the true ones; boxes too many cost
            nothing. ``dual``: the mean of that and of the same the other way round, each drawn
            box's best IoU (TreeVGR, arXiv 2507.07999). ``matched``: IoU summed over the best
            one-to-one matching, over the larger number of boxes (VisionReasoner,
            arXiv 2505.12081).

    Returns:
        1.0 where there is nothing to draw and nothing is drawn, 0.0 where one of the two is
        missing.
    """
    if not drawn or not true:
        return float(not drawn and not true)
    found = sum(best_overlaps(true, drawn)) / len(true)
    match kind:
        case "mean":
            return found
        case "dual":
            return 0.5 * (found + sum(best_overlaps(drawn, true)) / len(drawn))
        case "matched":
            return matched_overlap(drawn, true) / max(len(drawn), len(true))
