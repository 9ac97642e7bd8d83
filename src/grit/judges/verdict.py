"""What a judge says, and the seam behind which every judge stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Judge", "JudgeRequest", "Verdict"]


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One predicted answer to be held against the true one.

    Args:
        question: The question alone, without our prompt suffix.
        reference: The true answer.
        prediction: The predicted answer; None when the completion has none.
        dataset: Name of the set the sample comes from, for rules that differ by set.
    """

    question: str
    reference: str
    prediction: str | None
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's word on one answer.

    Args:
        score: Raw score in [0, 1]; None when the judge itself failed (unscored).
        reason: Why, in a few words; for an unscored verdict what failed.
        judge: Name of the judge, or of the rule, that decided.
        sure: False where rules alone could not tell; a judge behind them may be asked.
    """

    score: float | None
    reason: str
    judge: str
    sure: bool = True

    @property
    def is_scored(self) -> bool:
        """Whether the judge did its work; a wrong answer is scored, an outage is not."""
        return self.score is not None

    @classmethod
    def unscored(cls, reason: str, *, judge: str) -> Verdict:
        """The judge failed; the completion must not count as wrong."""
        return cls(None, reason, judge)


class Judge(Protocol):
    """Anything that can hold predictions against references."""

    @property
    def name(self) -> str:
        """Word for records and tables."""
        ...

    async def judge(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """One verdict per request, in order; never raises for an outage, returns unscored."""
        ...
