"""The reward for the answer: the judge's word, and a little for the right words."""

from __future__ import annotations

from dataclasses import dataclass

from grit.judges.missing import missing_verdict
from grit.rewards.bleu import bleu_1
from grit.rewards.score import RewardRow, Score
from grit.traces.tags import text_after_answer

__all__ = ["AnswerReward"]


@dataclass(frozen=True, slots=True)
class AnswerReward:
    """r_ans = s_judge + 0.1 · s_BLEU, s_judge being the judge's score made 0 or 1.

    ``parts`` holds ``judge`` and ``bleu``, which add up to the value, and ``judge_raw``, the
    judge's score as it was.

    Args:
        threshold: Score from which an answer is right.
        above: Whether the score must lie above the threshold, not on it. The released code is
            ``threshold=0.0, above=True``.
        bleu_weight: What a perfect BLEU-1 pays.
        with_remnants: Whether BLEU reads everything after ``<answer>``, a closing tag included, as
            the released code does.
    """

    threshold: float = 0.5
    above: bool = False
    bleu_weight: float = 0.1
    with_remnants: bool = False

    def __call__(self, row: RewardRow) -> Score:
        """Score one completion; unscored when the judge failed on an answer that is there.

        Source: GRIT, r_ans (arXiv 2505.15879).
        """
        prediction = row.trace.answer
        # Whatever a judge made of it: no answer is wrong, and no way out of the group.
        verdict = missing_verdict(prediction) or row.verdict
        if verdict.score is None:
            return Score.unscored(f"{verdict.judge} failed: {verdict.reason}")
        is_right = verdict.score > self.threshold or (
            not self.above and verdict.score == self.threshold
        )
        read = text_after_answer(row.trace.text) if self.with_remnants else prediction
        bleu = bleu_1(read or "", row.sample.answer)
        parts = {
            "judge": float(is_right),
            "bleu": self.bleu_weight * bleu,
            "judge_raw": verdict.score,
        }
        reason = f"{'right' if is_right else 'wrong'}: {verdict.reason}; BLEU-1 {bleu:.3f}"
        return Score(parts["judge"] + parts["bleu"], reason, parts)
