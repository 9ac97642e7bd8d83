"""A picture of the built-in world back to its scene: colours are flat, so nothing is guessed."""

from __future__ import annotations

import numpy as np
from PIL import Image

from grit.data.scenes.scene import COLOURS, GRID, SCALE, Scene, Thing
from grit.errors import PictureError

__all__ = ["read_scene"]

_Cells = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
_MOST_OF_A_TRIANGLE, _MOST_OF_A_CIRCLE = 0.65, 0.9
"""A triangle fills half of its box, a circle 0.785, a square all of it."""


def read_scene(picture: Image.Image) -> Scene:
    """Find the things of a drawn scene.

    Raises:
        PictureError: If the picture cannot be one of the built-in world.
    """
    side = GRID * SCALE
    if picture.size != (side, side):
        raise PictureError(
            f"a picture of {picture.width}×{picture.height} is none of the built-in world, whose "
            f"pictures are {side}×{side}; only these can be read back"
        )
    pixels = np.asarray(picture.convert("RGB"))
    things = [
        thing
        for colour, value in COLOURS.items()
        for thing in _things(np.all(pixels == np.array(value, np.uint8), axis=2), colour)
    ]
    return Scene(tuple(sorted(things, key=lambda thing: (thing.left, thing.top))))


def _things(mask: _Cells, colour: str) -> list[Thing]:
    """Things of one colour; mask of shape (row, column) in pixels."""
    # One look at the middle of each grid unit finds them, the pixels say where they end.
    cells = mask[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]
    left_over = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    things: list[Thing] = []
    while left_over:
        part = _connected(left_over)
        rows, columns = zip(*part, strict=True)
        # A triangle's tip may miss the middle of its cell; things stand two units apart.
        top, left = max(0, min(rows) - 1) * SCALE, max(0, min(columns) - 1) * SCALE
        window = mask[top : (max(rows) + 2) * SCALE, left : (max(columns) + 2) * SCALE]
        things.append(_thing(window, colour, left, top))
    return things


def _connected(cells: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take one connected part out of some cells."""
    waiting = [cells.pop()]
    part: list[tuple[int, int]] = []
    while waiting:
        row, column = waiting.pop()
        part.append((row, column))
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if near in cells:
                cells.remove(near)
                waiting.append(near)
    return part


def _thing(window: _Cells, colour: str, left: int, top: int) -> Thing:
    rows, columns = np.flatnonzero(window.any(axis=1)), np.flatnonzero(window.any(axis=0))
    side = round((columns[-1] - columns[0] + 1) / SCALE)
    filled = float(window.sum()) / (side * SCALE) ** 2
    shape = "square"
    if filled < _MOST_OF_A_TRIANGLE:
        shape = "triangle"
    elif filled < _MOST_OF_A_CIRCLE:
        shape = "circle"
    return Thing(
        shape,
        colour,
        round((left + int(columns[0])) / SCALE),
        round((top + int(rows[0])) / SCALE),
        side,
    )
