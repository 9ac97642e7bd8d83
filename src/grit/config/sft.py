"""Few-shot supervised fine-tuning, the baseline beside GRPO-GR."""

from __future__ import annotations

from pydantic import Field

from grit.config.base import Config

__all__ = ["SftConfig"]


class SftConfig(Config):
    """How few-shot SFT makes its targets from triplets, and how many a step takes."""

    boxes: bool = True
    """Draw each triplet's true boxes in its target, where it has any."""

    samples_per_step: int = Field(default=10, ge=1)
    """Triplets that one update learns from."""
