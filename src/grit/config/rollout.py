"""How completions are sampled: one variant an engine, told apart by ``type``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grit.config.base import Config

__all__ = ["ANSWER_END", "LocalRolloutConfig", "RolloutConfig"]

ANSWER_END = "</answer>"
"""Text that ends a chain, where nothing else is said."""


class LocalRolloutConfig(Config):
    """Sampling in the training process; a group shares its prompt's cache."""

    type: Literal["local"] = "local"
    """The engine: in this process, on the weights that learn."""

    max_new_tokens: int = Field(default=1000, ge=1)
    """Longest completion; a longer one is cut off and marked so."""

    temperature: float = Field(default=0.9, gt=0.0)
    """Divides the logits before sampling; log-probabilities are taken at the same temperature."""

    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Smallest probability mass to sample from; 1 samples from the whole vocabulary."""

    stop: str = Field(default=ANSWER_END, min_length=1)
    """Text that ends a completion as finished."""

    sequences_at_once: int = Field(default=128, ge=1)
    """Most completions decoded side by side; what is sampled does not depend on it."""


# A second engine makes this a union: Annotated[A | B, Field(discriminator="type")].
RolloutConfig = LocalRolloutConfig
