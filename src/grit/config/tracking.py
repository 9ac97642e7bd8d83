"""Where curves go besides the run folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grit.config.base import Config

__all__ = ["TrackingConfig"]


class TrackingConfig(Config):
    """Where curves go besides the run folder."""

    tracker: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """A tracker by name; each but `none` is an optional extra of the package."""

    project: str = Field(default="grit", min_length=1)
    """Name of the project in the tracker."""
