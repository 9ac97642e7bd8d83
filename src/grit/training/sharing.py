"""What the processes of a run tell each other about a step, so that each knows the whole of it.

Groups stay whole on the process that sampled them. Pictures and prompts are everywhere already, and
are not sent; texts, tokens, verdicts and scores of a step are a few megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from grit.processes.processes import Processes
from grit.rollout.group import Group, Prompt
from grit.training.batch import Batch
from grit.training.part_loss import FIGURES
from grit.training.scoring import ScoredGroup

__all__ = ["all_figures", "all_groups", "all_old", "all_reference"]


def all_groups(
    processes: Processes, prompts: Sequence[Prompt], own: Sequence[ScoredGroup]
) -> list[ScoredGroup]:
    """Every group of the step, in the order of its prompts.

    Args:
        processes: Who has sampled a share each, in order.
        prompts: All of the step's.
        own: What this process sampled and scored.
    """
    if processes.size == 1:
        return list(own)
    told = processes.gather(
        [(each.group.completions, each.traces, each.verdicts, each.scores) for each in own]
    )
    parts = [part for share in told for part in share]
    return [
        ScoredGroup(Group(prompt, completions), traces, verdicts, scores)
        for prompt, (completions, traces, verdicts, scores) in zip(prompts, parts, strict=True)
    ]


def all_reference(processes: Processes, own: list[Tensor] | None) -> list[Tensor] | None:
    """Reference log-probabilities of every completion, in order; None without a KL."""
    if own is None or processes.size == 1:
        return own
    told = processes.gather([row.cpu() for row in own])
    return [row for share in told for row in share]


def all_old(processes: Processes, batch: Batch) -> list[Tensor | None]:
    """Log-probabilities at sampling time of every completion that was learned from.

    Args:
        processes: Who has learned from a share each, in order.
        batch: Whose ``old`` this process has filled for its own completions.
    """
    if processes.size == 1:
        return batch.old
    own = [None if row is None else row.cpu() for row in batch.old[batch.own]]
    return [row for share in processes.gather(own) for row in share]


def all_figures(processes: Processes, own: dict[str, float]) -> dict[str, float]:
    """The step's figures, summed over processes in the same order everywhere."""
    told = processes.gather(own)
    return {name: sum(each[name] for each in told) for name in FIGURES}
