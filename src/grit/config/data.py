"""Which samples a run learns from and is checked on."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from grit.config.base import Config
from grit.config.model import BUILTIN

__all__ = ["BUILTIN_VALIDATION", "DataConfig"]

BUILTIN_VALIDATION = "builtin:val"
"""The word for the held-out scenes of the built-in world."""


class DataConfig(Config):
    """Samples to learn from, samples to check on, and their pictures."""

    train: str = Field(default=BUILTIN, min_length=1)
    """A JSONL file of triplets, or the word `builtin` for the 20 triplets of the package."""

    images: Path | None = None
    """Folder that the rows' picture names start from; none: the folder of the JSONL file."""

    validation: str | None = Field(default=None, min_length=1)
    """A JSONL file of held-out samples, or `builtin:val`; none: no validation during training."""

    picture_pixel_limit: int = Field(default=100_000_000, ge=1)
    """Pictures with more pixels are refused before they are decoded (decompression bombs)."""
