"""Rules first: a judge behind them is asked only about what they are not sure of."""

from __future__ import annotations

from collections.abc import Sequence

from grit.judges.rules import decide
from grit.judges.verdict import Judge, JudgeRequest, Verdict

__all__ = ["RulesFirstJudge"]


class RulesFirstJudge:
    """Takes the rules' word where they are sure.

    Args:
        behind: Decides on the rest. Where it fails, the answer is unscored: the rules' guess is no
            stand-in for it.
    """

    def __init__(self, behind: Judge) -> None:
        self._behind = behind

    @property
    def name(self) -> str:
        """Word for records and tables."""
        return f"rules, {self._behind.name}"

    async def judge(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """One verdict per request, in order."""
        verdicts = [decide(request) for request in requests]
        unsure = [place for place, verdict in enumerate(verdicts) if not verdict.sure]
        if unsure:
            asked = await self._behind.judge([requests[place] for place in unsure])
            for place, verdict in zip(unsure, asked, strict=True):
                verdicts[place] = verdict
        return verdicts
