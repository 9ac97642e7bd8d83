"""How a model is asked and marked on held-out samples."""

from __future__ import annotations

from pydantic import Field

from grit.config.base import Config

__all__ = ["EvaluationConfig"]


class EvaluationConfig(Config):
    """How a model is asked and marked on held-out samples."""

    tasks: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Only these sets or tasks; none: all of them."""

    limit: int | None = Field(default=None, ge=1)
    """Most samples of each task; none: all of them."""

    batch_size: int = Field(default=32, ge=1)
    """Samples decoded side by side; figures do not depend on it."""

    max_new_tokens: int = Field(default=1000, ge=1)
    """Longest completion."""

    temperature: float = Field(default=0.0, ge=0.0)
    """0 takes the likeliest token (greedy); above it, completions are sampled."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of built-in test scenes and of sampling."""
