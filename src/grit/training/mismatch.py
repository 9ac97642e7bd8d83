"""How far the engine that sampled is from the trainer, in log-probabilities of the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grit.training.loss import k3_kl

__all__ = ["Mismatch", "mismatch"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Over all tokens that were learned from.

    Args:
        mean: Mean absolute difference of log-probabilities.
        most: The largest.
        kl: Mean k3 estimate of KL(engine ‖ trainer): tokens are the engine's; never negative.
    """

    mean: float
    most: float
    kl: float


def mismatch(old: Sequence[Tensor | None], sampler: Sequence[Tensor]) -> Mismatch | None:
    """Hold the trainer's log-probabilities against the engine's.

    Args:
        old: The trainer's at the weights that sampled, each (token,); None for a completion that
            was left out of the loss.
        sampler: The engine's of the same tokens, each (token,).

    Returns:
        None where nothing was learned from.
    """
    pairs = [
        (ours.detach().cpu().double(), theirs.double())
        for ours, theirs in zip(old, sampler, strict=True)
        if ours is not None
    ]
    if not pairs:
        return None
    trainers = torch.cat([ours for ours, _ in pairs])
    engines = torch.cat([theirs for _, theirs in pairs])
    gap = (trainers - engines).abs()
    return Mismatch(float(gap.mean()), float(gap.max()), float(k3_kl(engines, trainers).mean()))
