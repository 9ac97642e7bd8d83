"""How prompts become groups of completions."""

from __future__ import annotations

from pydantic import Field

from grit.config.base import Config

__all__ = ["GroupConfig"]


class GroupConfig(Config):
    """How one prompt becomes a group of completions."""

    size: int = Field(default=4, ge=2)
    """Completions per prompt, the paper's N."""

    prompts_per_step: int = Field(default=32, ge=1)
    """Prompts of one step; the paper's total batch of 128 is 32 prompts of 4 completions."""
