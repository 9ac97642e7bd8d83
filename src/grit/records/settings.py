"""``grit.json``: what a model folder of ours needs besides weights to be asked as it was taught.

Every checkpoint's model folder and every export holds one. transformers does not read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from grit.records.files import read_json, write_json
from grit.records.rows import Row

__all__ = ["SETTINGS_FILE", "ModelSettings", "read_settings", "write_settings"]

SETTINGS_FILE = "grit.json"


class ModelSettings(Row):
    """How a trained model is to be asked, and what it was trained from."""

    grit_version: str
    created: str
    """ISO 8601, UTC."""
    base: str
    """What training started from: a hub name, an absolute folder, or ``builtin``."""
    base_revision: str | None = None
    base_weights: str | None = None
    """``models.fingerprint`` of the base that an adapter was trained on."""
    family: str
    """The model family's word."""
    weights: Literal["full", "adapter", "merged"]
    """What the folder holds: all weights, a LoRA adapter, or a base with its adapter merged in."""
    dtype: str
    """Number format of the weights in training."""
    min_pixels: int
    """Pixel limits of training: under other ones every box shifts."""
    max_pixels: int
    image_processor: Literal["pil", "torchvision"] = "pil"
    """What resized pictures in training."""
    system_prompt: str | None = None
    """Text of the system turn; None leaves the chat template's own."""
    stop: str
    """Text that ends a chain."""
    suffix_version: int
    """``prompts.question.SUFFIX_VERSION`` of the suffix that it was trained with."""
    step: int | None = None
    """Training step of the weights; a checkpoint keeps it in ``state.json``."""


def write_settings(folder: Path, settings: ModelSettings) -> None:
    """Write a model folder's settings."""
    write_json(folder / SETTINGS_FILE, settings)


def read_settings(folder: Path) -> ModelSettings | None:
    """A model folder's settings; None where there are none, as in any model from elsewhere.

    Raises:
        RunFolderError: If the file holds something else.
    """
    path = folder / SETTINGS_FILE
    return read_json(path, ModelSettings) if path.is_file() else None
