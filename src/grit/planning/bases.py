"""The shipped bases: their dimensions and licences, from the package's own table."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BASES_FILE", "ShippedBase", "shipped_bases"]

BASES_FILE = Path(__file__).parent / "bases.yaml"


@dataclass(frozen=True, slots=True)
class ShippedBase:
    """A base that recipes of ours start from.

    Args:
        name: On the hub.
        license: The hub's word for its licence.
        license_name: The licence in words.
        pixels: Lower and upper pixel limit of its image processor.
        config: What transformers builds the model from.
    """

    name: str
    license: str
    license_name: str
    pixels: tuple[int, int]
    config: dict[str, Any]


@functools.cache
def shipped_bases() -> dict[str, ShippedBase]:
    """Every shipped base by its hub name."""
    table: dict[str, dict[str, Any]] = yaml.safe_load(BASES_FILE.read_text(encoding="utf-8"))
    return {
        name: ShippedBase(
            name,
            entry["license"],
            entry["license_name"],
            (entry["pixels"][0], entry["pixels"][1]),
            entry["config"],
        )
        for name, entry in table.items()
    }
