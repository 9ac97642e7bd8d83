"""What a model folder holds: the files that a model needs, and whether its weights are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

__all__ = ["FolderFault", "missing_files", "torn_weights"]

_INDEX = "model.safetensors.index.json"

_NEEDED = (
    ("configuration", ("config.json",)),
    ("tokenizer", ("tokenizer.json",)),
    ("weights", ("model.safetensors", _INDEX)),
    ("image processor", ("preprocessor_config.json", "processor_config.json")),
)

_COPY = "copy it from the checkpoint that the folder was made from"


@dataclass(frozen=True, slots=True)
class FolderFault:
    """Something that is wrong with a model folder.

    Args:
        detail: What was found.
        fix: What to do.
    """

    detail: str
    fix: str


def missing_files(folder: Path) -> Iterator[FolderFault]:
    """What a model needs and the folder does not hold."""
    for what, names in _NEEDED:
        if not any((folder / name).is_file() for name in names):
            yield FolderFault(
                f"the model folder {folder} has no {what}: expected {' or '.join(names)}", _COPY
            )


def torn_weights(folder: Path) -> Iterator[FolderFault]:
    """Parts of the weights that the index names and are not there, or that are cut short."""
    parts = [name for name in ("model.safetensors",) if (folder / name).is_file()]
    index = folder / _INDEX
    if index.is_file():
        try:
            content: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
            parts = sorted(set(content["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            yield FolderFault(f"{index} cannot be read: {error}", _COPY)
            return
    for part in (folder / name for name in parts):
        if not part.is_file():
            yield FolderFault(f"the model folder {folder} has no {part.name}", _COPY)
            continue
        try:
            # The header says how long the file has to be; nothing else of it is read.
            with safe_open(part, "pt"):
                pass
        except (SafetensorError, OSError) as error:
            yield FolderFault(
                f"{part} is cut short or broken: {error}", "copy or download it again"
            )
