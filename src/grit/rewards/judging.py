"""From traces to totals: the judge is asked once a readable answer, then the rubric adds up."""

from __future__ import annotations

from collections.abc import Sequence

from grit.data.sample import Sample
from grit.errors import RewardError
from grit.judges.missing import missing_verdict
from grit.judges.verdict import Judge, JudgeRequest, Verdict
from grit.rewards.rubric import Rubric, ScoredRow
from grit.rewards.score import RewardRow
from grit.traces.trace import Trace

__all__ = ["judge_and_score", "judge_rows"]


async def judge_rows(
    judge: Judge, traces: Sequence[Trace], samples: Sequence[Sample], *, progress: float = 1.0
) -> list[RewardRow]:
    """Get a verdict on every completion; one without an answer is wrong, and no judge is asked.

    Args:
        judge: Who decides.
        traces: One per completion.
        samples: The sample of each.
        progress: How far training is, from 0 to 1.

    Returns:
        Rows in the same order.

    Raises:
        RewardError: If the judge gives another number of verdicts than it was asked for.
        ValueError: If there are not as many samples as traces.
    """
    verdicts: list[Verdict | None] = [missing_verdict(trace.answer) for trace in traces]
    requests = [
        JudgeRequest.about(sample, trace.answer)
        for trace, sample, verdict in zip(traces, samples, verdicts, strict=True)
        if verdict is None
    ]
    given = await judge.judge(requests) if requests else []
    if len(given) != len(requests):
        raise RewardError(
            f"judge {judge.name} gave {len(given)} verdicts for {len(requests)} answers; a judge "
            "returns one per request, unscored where it fails"
        )
    rest = iter(given)
    return [
        RewardRow(trace, sample, next(rest) if verdict is None else verdict, progress)
        for trace, sample, verdict in zip(traces, samples, verdicts, strict=True)
    ]


async def judge_and_score(
    judge: Judge, rubric: Rubric, traces: Sequence[Trace], samples: Sequence[Sample]
) -> list[ScoredRow]:
    """Judge every completion and score it; see ``judge_rows`` and ``Rubric.score``."""
    return rubric.score(await judge_rows(judge, traces, samples))
