"""Boxes at random, in the place of boxes that a chain draws. Knows nothing of models or text."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from grit.geometry.box import Box
from grit.geometry.overlap import intersection_area

__all__ = ["Size", "box_sizes", "elsewhere", "matched_boxes", "uniform_boxes"]

Size = tuple[float, float]
"""(width, height) as shares of the picture's."""

_TRIES = 64
"""Places that are tried for a box that shall meet no other; the best of them is taken."""


def box_sizes(boxes: Sequence[Box], picture: tuple[int, int]) -> list[Size]:
    """Sizes of boxes as shares of their picture (width, height)."""
    return [(box.width / picture[0], box.height / picture[1]) for box in boxes]


def matched_boxes(
    number: int, sizes: Sequence[Size], picture: tuple[int, int], random: Random
) -> tuple[Box, ...]:
    """Boxes whose sizes are drawn from some sizes, at places drawn uniformly.

    Args:
        number: How many.
        sizes: The distribution: one entry a box, of all chains that are looked at.
        picture: (width, height) in pixels.
        random: Where randomness comes from.
    """
    return tuple(_placed(random.choice(sizes), picture, random) for _ in range(number))


def uniform_boxes(number: int, picture: tuple[int, int], random: Random) -> tuple[Box, ...]:
    """Boxes between two corners drawn uniformly; no side is shorter than 1/100 of the picture's."""
    return tuple(_uniform_box(picture, random) for _ in range(number))


def elsewhere(
    boxes: Sequence[Box], picture: tuple[int, int], random: Random
) -> tuple[tuple[Box, ...], float]:
    """Boxes of the same sizes at other places.

    Returns:
        The boxes, and the share of their area that still lies on the given ones; above 0 where a
        picture has no room left.
    """
    moved: list[Box] = []
    on_given = 0.0
    for box in boxes:
        size = (box.width / picture[0], box.height / picture[1])
        tried = [_placed(size, picture, random) for _ in range(_TRIES)]
        overlaps = [sum(intersection_area(place, other) for other in boxes) for place in tried]
        best = min(range(_TRIES), key=overlaps.__getitem__)
        moved.append(tried[best])
        on_given += overlaps[best]
    area = sum(box.area for box in moved)
    return tuple(moved), on_given / area if area else 0.0


def _placed(size: Size, picture: tuple[int, int], random: Random) -> Box:
    width, height = size[0] * picture[0], size[1] * picture[1]
    left = random.uniform(0.0, picture[0] - width)
    top = random.uniform(0.0, picture[1] - height)
    return Box(left, top, left + width, top + height)


def _uniform_box(picture: tuple[int, int], random: Random) -> Box:
    while True:
        x1, x2 = sorted(random.uniform(0.0, picture[0]) for _ in range(2))
        y1, y2 = sorted(random.uniform(0.0, picture[1]) for _ in range(2))
        if x2 - x1 >= picture[0] / 100 and y2 - y1 >= picture[1] / 100:
            return Box(x1, y1, x2, y2)
