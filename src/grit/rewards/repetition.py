"""The released code's reward for not saying the same thing over and over."""

from __future__ import annotations

from dataclasses import dataclass

from grit.rewards.score import RewardRow, Score

__all__ = ["RepetitionReward"]


@dataclass(frozen=True, slots=True)
class RepetitionReward:
    """Pays ``amount``, less the share of places where n words are followed by the same n words.

    With w words there are w - n places; a place is repeated when words i … i+n-1 equal words
    i+n … i+2n-1. Words are what blanks part. The released code does the same once more with tokens
    and takes both shares off; a trace has no tokens, so words alone count here.

    Args:
        amount: What a completion without repetition earns.
        size: n, the words of a gram.
    """

    amount: float = 0.5
    size: int = 8

    def __call__(self, row: RewardRow) -> Score:
        """Score one completion, in time linear in its words.

        Source: the released code of GRIT.
        """
        words, size = row.trace.text.split(), self.size
        num_places = max(0, len(words) - size)
        num_repeated = run = 0
        for word, later in zip(words, words[size:], strict=False):
            # n words equal the next n exactly where n equal pairs stand in a row.
            run = run + 1 if word == later else 0
            num_repeated += run >= size
        share = num_repeated / num_places if num_places else 0.0
        reason = f"{num_repeated} of {num_places} places repeat the {size} words before"
        return Score(self.amount * (1.0 - share), reason)
