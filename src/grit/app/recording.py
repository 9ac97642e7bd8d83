"""What a step did, as rows of the run folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, pstdev

from grit.evaluation.marking import keeps_format
from grit.records.rows import (
    BoxRow,
    CompletionRow,
    ComponentRow,
    FaultRow,
    StepRow,
    VerdictRow,
)
from grit.rewards.rubric import ScoredRow
from grit.training.loss import k3_kl
from grit.training.mismatch import mismatch
from grit.training.scoring import ScoredGroup
from grit.training.step import StepResult
from grit.training.supervised import SupervisedResult

__all__ = ["completion_rows", "step_row", "supervised_row"]


def step_row(
    result: StepResult, *, peak_memory_gib: float | None, spent: dict[str, float]
) -> StepRow:
    """The figures of one step; ``spent`` is what the run's judge has cost so far."""
    groups = result.scored
    completions = [completion for each in groups for completion in each.group.completions]
    scores = [score for each in groups for score in each.scores]
    traces = [trace for each in groups for trace in each.traces]
    totals = [score.total for score in scores if score.total is not None]
    lengths = [len(completion.tokens) for completion in completions]
    differ = mismatch(result.batch.old, result.batch.sampler)
    return StepRow(
        step=result.step,
        epoch=result.epoch,
        lr=result.rate,
        loss=result.sums["loss"],
        policy_loss=result.sums["policy_loss"],
        kl=result.sums["kl"],
        clip_fraction=result.sums["clipped"],
        grad_norm=result.grad_norm,
        reward_mean=fmean(totals) if totals else None,
        reward_std=pstdev(totals) if totals else None,
        components=_component_means(scores),
        zero_variance_share=_share(_agrees(each) for each in groups),
        duplicate_share=_duplicate_share(groups),
        unscored_share=_share(score.is_unscored for score in scores),
        cut_off_share=_share(completion.finish == "cut_off" for completion in completions),
        finished_share=_share(completion.finish == "finished" for completion in completions),
        mean_completion_length=fmean(lengths),
        mismatch_mean=differ and differ.mean,
        mismatch_max=differ and differ.most,
        mismatch_kl=differ and differ.kl,
        importance_capped_share=result.sums["capped"],
        format_rate=_share(keeps_format(trace.text, trace) for trace in traces),
        box_rate=_share(bool(trace.boxes) for trace in traces),
        num_completions=len(completions),
        num_tokens=sum(lengths),
        seconds=dict(result.seconds),
        peak_memory_gib=peak_memory_gib,
        judge_spent=dict(spent),
    )


def supervised_row(result: SupervisedResult) -> StepRow:
    """The figures of one step of SFT: nothing was sampled, and nothing paid."""
    return StepRow(
        step=result.step,
        epoch=result.epoch,
        lr=result.rate,
        loss=result.loss,
        policy_loss=None,
        kl=None,
        grad_norm=result.grad_norm,
        reward_mean=None,
        reward_std=None,
        components={},
        mean_completion_length=result.num_tokens / result.num_targets,
        num_completions=result.num_targets,
        num_tokens=result.num_tokens,
        seconds=dict(result.seconds),
    )


def completion_rows(result: StepResult) -> Iterator[CompletionRow]:
    """Everything about each completion of a step."""
    place = 0
    for each in result.scored:
        for completion, trace, verdict, score in zip(
            each.group.completions, each.traces, each.verdicts, each.scores, strict=True
        ):
            old, reference = result.batch.old[place], result.batch.reference
            kl = None
            if old is not None and reference is not None:
                kl = float(k3_kl(old, reference[place]).mean())
            yield CompletionRow(
                step=result.step,
                sample_id=each.group.prompt.sample.id,
                number=completion.number,
                text=completion.text,
                num_tokens=len(completion.tokens),
                finish=completion.finish,
                reward=score.total,
                components={
                    name: ComponentRow(
                        value=part.value,
                        weight=score.weights[name],
                        reason=part.reason,
                        parts=dict(part.parts),
                        applies=part.applies,
                    )
                    for name, part in score.components.items()
                },
                verdict=VerdictRow(
                    score=verdict.score,
                    reason=verdict.reason,
                    judge=verdict.judge,
                    way=verdict.way,
                ),
                advantage=result.batch.advantages[place],
                boxes=tuple(BoxRow.of(mention) for mention in trace.mentions),
                faults=tuple(FaultRow.of(fault) for fault in trace.faults),
                logprob=float(completion.logprobs.sum()),
                kl=kl,
            )
            place += 1


def _component_means(scores: Sequence[ScoredRow]) -> dict[str, float | None]:
    """Mean weighted pay by component, over the completions that it applies to."""
    means: dict[str, float | None] = {}
    for name in scores[0].components:
        paid = [
            score.weights[name] * value
            for score in scores
            if (value := score.components[name].value) is not None
        ]
        means[name] = fmean(paid) if paid else None
    return means


def _agrees(each: ScoredGroup) -> bool:
    """Whether a group's scored completions are all paid alike."""
    totals = [score.total for score in each.scores if score.total is not None]
    return len(totals) < 2 or math.isclose(min(totals), max(totals), abs_tol=1e-12)


def _duplicate_share(groups: Sequence[ScoredGroup]) -> float:
    """Share of completions whose text another one of their group has already."""
    repeated = sum(
        len(each.group.completions) - len({c.text for c in each.group.completions})
        for each in groups
    )
    return repeated / sum(len(each.group.completions) for each in groups)


def _share(flags: Iterator[bool] | Sequence[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values)
