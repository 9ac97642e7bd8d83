"""A scene of the built-in world: plain shapes on a plain ground, with boxes that are exactly true.

A scene lives on a grid of 84 × 84 units and is drawn four times as large, so that an image
processor has to shrink it and every box has to cross two coordinate frames, as with photographs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from PIL import Image, ImageDraw

from grit.geometry.box import Box

__all__ = ["COLOURS", "GRID", "SCALE", "SHAPES", "Scene", "Thing", "draw_scene", "layout_hash"]

GRID = 84
"""Side of a scene in grid units."""

SCALE = 4
"""Picture pixels per grid unit."""

SHAPES = ("circle", "square", "triangle")
COLOURS = {
    "red": (214, 48, 49),
    "green": (46, 160, 67),
    "blue": (45, 100, 220),
    "yellow": (240, 190, 20),
    "purple": (140, 60, 180),
}
_GROUND = (244, 242, 236)


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape of a scene.

    Args:
        shape: One of ``SHAPES``.
        colour: One of ``COLOURS``.
        left: Left edge, in grid units.
        top: Top edge, in grid units.
        side: Width and height, in grid units.
    """

    shape: str
    colour: str
    left: int
    top: int
    side: int

    @property
    def kind(self) -> str:
        """Colour and shape, as questions say it."""
        return f"{self.colour} {self.shape}"

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the shape, in grid units."""
        return (self.left + self.side / 2, self.top + self.side / 2)

    @property
    def box(self) -> Box:
        """The true box, in pixels of the drawn picture."""
        return Box(
            self.left * SCALE,
            self.top * SCALE,
            (self.left + self.side) * SCALE,
            (self.top + self.side) * SCALE,
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """Things from left to right, by their left edges."""

    things: tuple[Thing, ...]

    def of(self, word: str) -> tuple[Thing, ...]:
        """Things that a kind, a shape, a colour or ``shape`` names, from left to right."""
        return tuple(
            thing
            for thing in self.things
            if word in (thing.kind, thing.shape, f"{thing.colour} shape", "shape")
        )


def layout_hash(scene: Scene) -> str:
    """Hash of what stands where; equal for two scenes exactly when their pictures are equal."""
    parts = sorted(f"{t.shape},{t.colour},{t.left},{t.top},{t.side}" for t in scene.things)
    return hashlib.sha256(";".join(parts).encode()).hexdigest()


def draw_scene(scene: Scene) -> Image.Image:
    """Paint a scene as an RGB picture of ``GRID * SCALE`` pixels a side."""
    picture = Image.new("RGB", (GRID * SCALE, GRID * SCALE), _GROUND)
    pen = ImageDraw.Draw(picture)
    for thing in scene.things:
        x1, y1, x2, y2 = thing.box.as_tuple()
        # Pillow includes the far edge; a box does not.
        frame = (x1, y1, x2 - 1, y2 - 1)
        fill = COLOURS[thing.colour]
        if thing.shape == "circle":
            pen.ellipse(frame, fill=fill)
        elif thing.shape == "square":
            pen.rectangle(frame, fill=fill)
        else:
            pen.polygon([(x1, y2 - 1), (x2 - 1, y2 - 1), ((x1 + x2 - 1) / 2, y1)], fill=fill)
    return picture
