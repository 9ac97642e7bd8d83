"""JSON values of foreign files, as what they should be; never raises on what they are."""

from __future__ import annotations

import sys
from typing import Any, cast

from grit.geometry.box import Box

__all__ = ["as_list", "as_object", "four_numbers", "xywh_box"]


def as_object(value: object) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """A JSON list; an empty one for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def four_numbers(value: object) -> tuple[float, float, float, float] | None:
    """Four numbers of a JSON list; None for anything else: true, NaN, more than a float holds."""
    numbers = as_list(value)
    if len(numbers) != 4 or not all(map(_is_finite, numbers)):
        return None
    one, two, three, four = numbers
    return one, two, three, four


def xywh_box(value: object) -> Box | None:
    """A box of left, top, width and height in pixels; None for anything else."""
    numbers = four_numbers(value)
    if numbers is None:
        return None
    x, y, width, height = numbers
    return Box(x, y, x + width, y + height)


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max
