"""AdamW, its schedule, and the precision that weights are kept in."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from grit.config.base import Config

__all__ = ["OptimizerConfig"]

_Decay = Annotated[float, Field(ge=0.0, lt=1.0)]


class OptimizerConfig(Config):
    """AdamW with warm-up, a schedule and gradient clipping."""

    lr: float = Field(default=2e-6, gt=0.0)
    """Highest learning rate, after warm-up."""

    betas: tuple[_Decay, _Decay] = (0.9, 0.999)
    """Decay of the first and second moment."""

    eps: float = Field(default=1e-8, gt=0.0)
    """Added to the root of the second moment."""

    weight_decay: float = Field(default=0.0, ge=0.0)
    """Decoupled weight decay; biases and norms are left out."""

    schedule: Literal["cosine", "constant", "linear"] = "cosine"
    """Course of the learning rate after warm-up."""

    min_lr_ratio: float = Field(default=0.0, ge=0.0, le=1.0)
    """Where cosine and linear end, as a part of lr."""

    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps of linear warm-up; none: warmup_ratio of all steps."""

    warmup_ratio: float = Field(default=0.0, ge=0.0, le=1.0)
    """Warm-up as a part of all steps; only without warmup_steps."""

    max_grad_norm: float = Field(default=1.0, gt=0.0)
    """Gradients are scaled down to this norm."""

    master_weights: bool = True
    """Keep float32 copies of 16-bit weights: at 2e-6 a step is lost in bfloat16 rounding."""

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        """Warm-up is given once."""
        if self.warmup_steps is not None and self.warmup_ratio > 0.0:
            raise ValueError(
                f"warmup_steps {self.warmup_steps} and warmup_ratio {self.warmup_ratio} both give "
                "the warm-up; keep one of them"
            )
        return self

    def warmup(self, total_steps: int) -> int:
        """Number of warm-up steps in a run of ``total_steps``."""
        if self.warmup_steps is not None:
            return self.warmup_steps
        return round(self.warmup_ratio * total_steps)
