"""Which coordinate frame a box is in, and the way between frames."""

from __future__ import annotations

from dataclasses import dataclass

from grit.errors import SpaceMismatchError
from grit.geometry.box import Box, Space

__all__ = ["Frame", "clamp_overshoot", "from_pixels", "to_pixels"]

OVERSHOOT = 0.05
"""How far past the ends of a normalised space a number may lie and still be meant as the edge."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a model sees of one picture, and the space in which it writes about it.

    Args:
        image_size: (width, height) of the original picture, after EXIF orientation.
        space: The space of the numbers that the model writes.
        resized_size: (width, height) that the image processor made; needed for ``RESIZED``.
    """

    image_size: tuple[int, int]
    space: Space = Space.PIXELS
    resized_size: tuple[int, int] | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """The largest x and y inside the picture, in units of ``space``."""
        match self.space:
            case Space.PIXELS:
                return (float(self.image_size[0]), float(self.image_size[1]))
            case Space.UNIT:
                return (1.0, 1.0)
            case Space.THOUSAND:
                return (1000.0, 1000.0)
            case Space.RESIZED:
                if self.resized_size is None:
                    raise SpaceMismatchError(
                        "a frame in resized pixels needs resized_size=(width, height), the size "
                        "that the image processor made of the picture"
                    )
                return (float(self.resized_size[0]), float(self.resized_size[1]))

    @property
    def scale(self) -> tuple[float, float]:
        """Original pixels per unit of ``space``, on x and on y."""
        if self.space is Space.PIXELS:
            return (1.0, 1.0)
        limit_x, limit_y = self.limits
        return (self.image_size[0] / limit_x, self.image_size[1] / limit_y)


def to_pixels(box: Box, frame: Frame) -> Box:
    """Carry a box that a model wrote to pixels of the original picture.

    Raises:
        SpaceMismatchError: If the box is in neither pixels nor the frame's space.
    """
    if box.space is Space.PIXELS:
        return box
    if box.space is not frame.space:
        raise SpaceMismatchError(
            f"cannot read a {box.space} box in a {frame.space} frame; build the frame with "
            f"Frame(image_size, Space.{box.space.name})"
        )
    sx, sy = frame.scale
    return Box(box.x1 * sx, box.y1 * sy, box.x2 * sx, box.y2 * sy)


def from_pixels(box: Box, frame: Frame) -> Box:
    """Carry a box in original pixels to the space in which the frame's model writes.

    Raises:
        SpaceMismatchError: If the box is not in pixels.
    """
    if box.space is not Space.PIXELS:
        raise SpaceMismatchError(
            f"cannot start from a {box.space} box; convert it first with "
            "geometry.spaces.to_pixels(box, frame)"
        )
    sx, sy = frame.scale
    return Box(box.x1 / sx, box.y1 / sy, box.x2 / sx, box.y2 / sy, frame.space)


def clamp_overshoot(box: Box, frame: Frame) -> Box:
    """Pull edges that lie a little past the ends of a normalised space back onto them.

    Some releases write 0 to 999, some a little over 1000 (or over 1), and mean the picture's
    edge. Pixel spaces are left alone, and so is a box that overshoots by more than
    ``OVERSHOOT`` anywhere: there the numbers belong to another frame, and clamping would hide it.

    Returns:
        The same object when nothing had to be moved.

    Raises:
        SpaceMismatchError: If the box is not in the frame's space.
    """
    if box.space is not frame.space:
        raise SpaceMismatchError(
            f"cannot clamp a {box.space} box in a {frame.space} frame; build the frame with "
            f"Frame(image_size, Space.{box.space.name})"
        )
    if frame.space not in (Space.THOUSAND, Space.UNIT):
        return box
    limit = frame.limits[0]
    edges = box.as_tuple()
    low, high = min(edges), max(edges)
    slack = OVERSHOOT * limit
    if (low >= 0 and high <= limit) or low < -slack or high > limit + slack:
        return box
    x1, y1, x2, y2 = (min(max(edge, 0.0), limit) for edge in edges)
    return Box(x1, y1, x2, y2, box.space)
