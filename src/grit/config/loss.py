"""The objective: clipping, KL, and how tokens and completions are averaged."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from grit.config.base import Config

__all__ = ["LossConfig"]


class LossConfig(Config):
    """GRPO-GR's objective (arXiv 2505.15879, eq. 1 and 3)."""

    clip_epsilon: float = Field(default=0.2, gt=0.0, lt=1.0)
    """How far below 1 the ratio may fall; how far above too, unless clip_epsilon_high is set."""

    clip_epsilon_high: float | None = Field(default=None, gt=0.0)
    """How far above 1 the ratio may rise (DAPO's clip-higher); none: clip_epsilon."""

    beta: float = Field(default=0.01, ge=0.0)
    """Weight of the KL to the untrained model; 0 loads no reference model."""

    aggregation: Literal["completion_mean", "token_mean", "constant"] = "completion_mean"
    """`completion_mean`: tokens of each completion, then completions (the paper); `token_mean`:
    all tokens alike (DAPO); `constant`: tokens over constant_length (Dr. GRPO)."""

    constant_length: int | None = Field(default=None, ge=1)
    """What the aggregation `constant` divides each completion's sum by, in tokens."""

    updates_per_batch: int = Field(default=1, ge=1)
    """Optimiser updates on each batch of completions; with 1 the ratio is always 1."""

    mask_cut_off: bool = False
    """Leave completions that met the length limit out of the loss."""

    max_importance_weight: float = Field(default=2.0, ge=1.0)
    """Upper bound of each token's importance weight, policy over sampler; for vLLM rollouts."""

    advantage_deviation: Literal["biased", "unbiased", "none"] | None = None
    """The deviation that advantages are divided by; none: the reward preset's own."""

    advantage_epsilon: float | None = Field(default=None, gt=0.0)
    """Added to that deviation, in reward units; none: the reward preset's own."""

    @model_validator(mode="after")
    def _constant_has_a_length(self) -> Self:
        """The aggregation `constant` and its length come together."""
        if self.aggregation == "constant" and self.constant_length is None:
            raise ValueError(
                "aggregation constant needs constant_length, for instance the rollout's "
                "max_new_tokens; set it, or choose completion_mean or token_mean"
            )
        if self.aggregation != "constant" and self.constant_length is not None:
            raise ValueError(
                f"constant_length {self.constant_length} has no use with aggregation "
                f"{self.aggregation}; remove it, or set aggregation to constant"
            )
        if self.clip_epsilon_high is not None and self.clip_epsilon_high < self.clip_epsilon:
            raise ValueError(
                f"clip_epsilon_high {self.clip_epsilon_high} is below clip_epsilon "
                f"{self.clip_epsilon}; raise it, or remove it"
            )
        return self
