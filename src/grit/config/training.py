"""The course of a run: steps, memory bounds, checkpoints, validation and alarms."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from grit.config.base import Config

__all__ = ["AlarmConfig", "TrainingConfig"]


class AlarmConfig(Config):
    """When a run warns; each alarm sounds once and is kept in the records."""

    zero_variance_share: float = Field(default=0.8, gt=0.0, le=1.0)
    """Share of groups whose completions are all paid alike, and so teach nothing."""

    duplicate_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Share of completions that repeat another one of their group."""

    cut_off_rate: float = Field(default=0.3, gt=0.0, le=1.0)
    """Share of completions that met the length limit."""

    unscored_rate: float = Field(default=0.05, gt=0.0, le=1.0)
    """Share of completions that the judge failed on."""

    kl: float = Field(default=1.0, gt=0.0)
    """KL above this says that the policy has left the reference far behind. There is no lower
    limit: the estimate k3 is never negative."""


class TrainingConfig(Config):
    """How long a run is, what fits in memory, and what is kept."""

    steps: int = Field(default=200, ge=1)
    """Steps of rollout, rewards and update."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of every random stream of the run."""

    micro_batch_groups: int = Field(default=1, ge=1)
    """Groups that go through the model together; gradients add up over the step."""

    max_sequences_per_forward: int = Field(default=64, ge=1)
    """A larger group is split, its gradients summed at the prompt's cache (the same result)."""

    adapt_to_memory: bool = True
    """Halve the two limits above where a forward or backward does not fit into memory, say so, and
    go on: the same result, to rounding. Off: the run ends there."""

    max_padding: float = Field(default=0.1, ge=0.0, le=1.0)
    """Largest share of padding in what goes through the model together; completions whose lengths
    differ more are split as a larger group is. 1 leaves them together."""

    checkpoint_every: int = Field(default=50, ge=1)
    """Steps between checkpoints; the last step always writes one."""

    keep_last: int = Field(default=1, ge=1)
    """Newest checkpoints that are kept."""

    keep_best: bool = False
    """Keep the checkpoint that did best on the validation samples, too."""

    best_metric: Literal["accuracy", "grounding_iou", "format_rate"] = "accuracy"
    """What the best checkpoint is best at."""

    validate_every: int | None = Field(default=None, ge=1)
    """Steps between validations; none: no validation."""

    validation_limit: int | None = Field(default=None, ge=1)
    """Most validation samples; none: all of them."""

    max_unscored_rate: float = Field(default=0.5, gt=0.0, le=1.0)
    """A step with more unscored completions writes a checkpoint and stops the run."""

    alarms: AlarmConfig = AlarmConfig()
    """When the run warns."""

    @model_validator(mode="after")
    def _best_needs_validation(self) -> Self:
        """Best checkpoints come from validations."""
        if self.keep_best and self.validate_every is None:
            raise ValueError(
                "keep_best needs validations to choose by; set validate_every, or keep_best to "
                "false"
            )
        return self
