"""A box: a rectangle with sides along the axes. Knows nothing of images, models or text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Box", "Space"]


class Space(StrEnum):
    """The coordinate frame that a box's numbers live in."""

    PIXELS = "pixels"
    """Pixels of the original picture, after EXIF orientation."""
    RESIZED = "resized"
    """Pixels of the picture as the image processor resized it (Qwen2.5-VL)."""
    THOUSAND = "thousand"
    """0 to 1000 on each axis (Qwen3-VL, InternVL)."""
    UNIT = "unit"
    """0 to 1 on each axis."""


@dataclass(frozen=True, slots=True)
class Box:
    """An xyxy rectangle; ``x2 <= x1`` or ``y2 <= y1`` encloses nothing.

    Args:
        x1: Left edge, in units of ``space``.
        y1: Top edge.
        x2: Right edge.
        y2: Bottom edge.
        space: The frame of the four numbers.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    space: Space = Space.PIXELS

    @property
    def width(self) -> float:
        """Horizontal extent, negative when inverted."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Vertical extent, negative when inverted."""
        return self.y2 - self.y1

    @property
    def is_inverted(self) -> bool:
        """Whether a right or bottom edge lies before its opposite."""
        return self.x2 < self.x1 or self.y2 < self.y1

    @property
    def is_empty(self) -> bool:
        """Whether the box encloses no area."""
        return self.x2 <= self.x1 or self.y2 <= self.y1

    @property
    def area(self) -> float:
        """Enclosed area; 0.0 for an inverted or empty box."""
        return 0.0 if self.is_empty else self.width * self.height

    def as_tuple(self) -> tuple[float, float, float, float]:
        """The four edges, xyxy."""
        return (self.x1, self.y1, self.x2, self.y2)
