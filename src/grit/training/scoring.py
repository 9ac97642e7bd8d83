"""Completions to scores, in the background: judging runs while the device works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import torch
from torch import Tensor

from grit.judges.verdict import Judge, Verdict
from grit.rewards.judging import judge_rows
from grit.rewards.rubric import Rubric, ScoredRow
from grit.rollout.group import Group
from grit.traces.parse import parse_trace
from grit.traces.trace import Trace

__all__ = ["ScoredGroup", "Scorer", "rewards_of", "waited_for"]

_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """A group with what each completion says, was judged and was paid."""

    group: Group
    traces: tuple[Trace, ...]
    verdicts: tuple[Verdict, ...]
    scores: tuple[ScoredRow, ...]


class Scorer:
    """Parses, judges and pays groups of completions.

    Args:
        judge: Who says what is right.
        rubric: What is paid for.
    """

    def __init__(self, judge: Judge, rubric: Rubric) -> None:
        self.rubric = rubric
        self._judge = judge
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judging")

    def start(self, groups: Sequence[Group], *, progress: float = 1.0) -> Future[list[ScoredGroup]]:
        """Start scoring; the result, or the error, waits in the future."""
        return self._background.submit(self.score, list(groups), progress=progress)

    def score(self, groups: Sequence[Group], *, progress: float = 1.0) -> list[ScoredGroup]:
        """Score groups, in order.

        Args:
            groups: Of one step.
            progress: How far training is, 0 at its first step and 1 at its last.
        """
        flat = [(group, completion) for group in groups for completion in group.completions]
        traces = [parse_trace(c.text, group.prompt.inputs.frame) for group, c in flat]
        samples = [group.prompt.sample for group, _ in flat]
        rows = asyncio.run(judge_rows(self._judge, traces, samples, progress=progress))
        scores = self.rubric.score(rows)
        scored: list[ScoredGroup] = []
        first = 0
        for group in groups:
            last = first + len(group.completions)
            scored.append(
                ScoredGroup(
                    group,
                    tuple(traces[first:last]),
                    tuple(row.verdict for row in rows[first:last]),
                    tuple(scores[first:last]),
                )
            )
            first = last
        return scored

    def close(self) -> None:
        """Let the background go."""
        self._background.shutdown(wait=False, cancel_futures=True)


def waited_for(
    pending: Future[list[ScoredGroup]], meanwhile: Callable[[], None]
) -> list[ScoredGroup]:
    """Wait for scores, and do something now and then while they are not there."""
    while not wait([pending], timeout=_SECONDS_BETWEEN_LOOKS).done:
        meanwhile()
    return pending.result()


def rewards_of(scored: Sequence[ScoredGroup]) -> Tensor:
    """Totals in float64, NaN where unscored; shape (group, completion)."""
    return torch.tensor(
        [
            [float("nan") if score.total is None else score.total for score in group.scores]
            for group in scored
        ],
        dtype=torch.float64,
    )
