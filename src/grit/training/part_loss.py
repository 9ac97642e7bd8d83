"""The objective over one part of a batch, and the figures that it adds to its step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grit.config.loss import LossConfig
from grit.training.batch import Batch
from grit.training.loss import importance_weights, token_loss

__all__ = ["FIGURES", "part_loss"]

FIGURES: tuple[str, ...] = ("loss", "policy_loss", "kl", "clipped", "capped")
"""What a step sums up, weighted as its loss is."""


def part_loss(
    batch: Batch,
    places: Sequence[int],
    logprobs: Sequence[Tensor],
    sums: dict[str, float],
    config: LossConfig,
    max_importance_weight: float | None,
) -> Tensor:
    """What a part of the batch adds to the loss of the step.

    Args:
        batch: Its ``old`` log-probabilities are filled in where this is the first update.
        places: The part's completions, by their place in the batch.
        logprobs: Of their tokens under the policy, with grad, each (token,).
        sums: The step's figures so far, added to.
        config: Clipping and the KL's weight.
        max_importance_weight: Bound of the weights that make up for an engine of other code; None
            gives none.

    Returns:
        A scalar; those of all parts add up to the loss of the step.
    """
    high = config.clip_epsilon if config.clip_epsilon_high is None else config.clip_epsilon_high
    for place, now in zip(places, logprobs, strict=True):
        if batch.old[place] is None:
            # The first update is made by the policy that sampled: its ratio is exactly 1.
            batch.old[place] = now.detach()
    lengths = torch.tensor([len(now) for now in logprobs], device=logprobs[0].device)

    def spread(values: Sequence[float]) -> Tensor:
        chosen = torch.tensor([values[place] for place in places], dtype=torch.float32)
        return chosen.to(lengths.device).repeat_interleave(lengths)

    def joined(rows: Sequence[Tensor | None]) -> Tensor:
        found = [row for place in places if (row := rows[place]) is not None]
        return torch.cat(found).to(lengths.device)

    old, most = joined(batch.old), max_importance_weight
    importance = torch.ones_like(old)
    if most is not None:
        importance = importance_weights(old, joined(batch.sampler).to(old), most=most)
    each = token_loss(
        torch.cat(list(logprobs)),
        old,
        None if batch.reference is None else joined(batch.reference),
        spread(batch.advantages),
        clip_low=config.clip_epsilon,
        clip_high=high,
        beta=config.beta,
        importance=importance,
    )
    weights = spread(batch.weights)
    loss = (weights * each.loss).sum()
    kl = float((weights * each.kl.detach()).sum())
    sums["loss"] += float(loss.detach())
    sums["kl"] += kl
    sums["policy_loss"] += float(loss.detach()) - config.beta * kl
    sums["clipped"] += float((weights * each.clipped).sum())
    if most is not None:
        sums["capped"] += float((weights * (importance >= most)).sum())
    return loss
