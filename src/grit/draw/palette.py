"""Colours that stay apart from each other on photographs, and from the colour of true boxes."""

from __future__ import annotations

__all__ = ["INK", "PAPER", "TRUE_COLOUR", "Colour", "as_css", "colour_of", "ink_on"]

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

INK: Colour = (16, 16, 16)
PAPER: Colour = (255, 255, 255)

TRUE_COLOUR: Colour = (57, 255, 90)
"""True boxes; no mention has it."""

_MENTION_COLOURS: tuple[Colour, ...] = (
    (255, 64, 64),  # red
    (48, 140, 255),  # blue
    (255, 170, 0),  # amber
    (200, 80, 255),  # violet
    (0, 205, 210),  # cyan
    (255, 105, 185),  # pink
    (150, 95, 45),  # brown
    (255, 235, 59),  # yellow
    (90, 90, 200),  # indigo
    (150, 160, 175),  # grey
)


def colour_of(index: int) -> Colour:
    """The colour of a trace's mention, by its place from 0; the palette repeats after ten."""
    return _MENTION_COLOURS[index % len(_MENTION_COLOURS)]


def ink_on(colour: Colour) -> Colour:
    """Dark or light, whichever reads better on a colour (by its relative luminance)."""
    red, green, blue = colour
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 125 else PAPER


def as_css(colour: Colour) -> str:
    """The colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
