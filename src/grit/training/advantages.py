"""How much better than its group a completion did. One formula."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

__all__ = ["Deviation", "group_advantages"]

Deviation = Literal["biased", "unbiased", "none"]


def group_advantages(
    rewards: Tensor, *, eps: float = 1e-4, deviation: Deviation = "biased"
) -> Tensor:
    """Standardise each group's rewards against its own mean.

    Args:
        rewards: One row per prompt, any finite scale; NaN marks an unscored completion. Shape
            (group, completion).
        eps: Added to the standard deviation, in reward units.
        deviation: ``biased`` divides squares by the number of completions, ``unbiased`` by one
            less; ``none`` only subtracts the mean (Dr. GRPO).

    Returns:
        Unitless advantages, same shape; zeros where a group agrees, where a completion is
        unscored, and in groups with fewer than two scored completions.

    Raises:
        ValueError: If a group has fewer than two columns.

    Source: GRIT eq. 1 (arXiv 2505.15879); ``unbiased`` is the released code's.
    """
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise ValueError(f"rewards must be (group, at least 2 completions), not {rewards.shape}")
    scored = ~rewards.isnan()
    number = scored.sum(dim=1, keepdim=True)
    known = rewards.nan_to_num(nan=0.0).double()
    mean = known.sum(dim=1, keepdim=True) / number.clamp(min=1)
    centred = torch.where(scored, known - mean, 0.0)
    if deviation == "none":
        advantages = centred
    else:
        freedom = number if deviation == "biased" else number - 1
        std = (centred.square().sum(dim=1, keepdim=True) / freedom.clamp(min=1)).sqrt()
        advantages = centred / (std + eps)
    # Equal rewards differ from their mean by rounding alone; that must not teach.
    agree = (torch.where(scored, rewards, -torch.inf).amax(1, keepdim=True)) == (
        torch.where(scored, rewards, torch.inf).amin(1, keepdim=True)
    )
    return advantages.masked_fill(agree | (number < 2), 0.0).to(rewards.dtype)
