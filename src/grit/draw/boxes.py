"""Boxes on pictures, with set-of-mark labels: what a chain points at, and the true boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageDraw

from grit.draw.labels import Rect, place_tag, tag_image
from grit.draw.palette import INK, TRUE_COLOUR, Colour, colour_of
from grit.errors import SpaceMismatchError
from grit.geometry.box import Box, Space

__all__ = ["BoxKind", "DrawnBox", "draw_boxes"]

_LONGEST_SIDE = 4096
"""A narrow strip is not enlarged beyond this."""


class BoxKind(StrEnum):
    """Whose box it is: it decides stroke and colour."""

    MENTION = "mention"
    TRUE = "true"


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """One box to draw.

    Args:
        box: In pixels of the original picture.
        label: Text of its tag, a model's words allowed; None draws no tag.
        kind: A mention has a solid stroke, a true box a dashed one in a colour of its own.
        index: Place of the mention, from 0, which gives its colour; None counts the mentions
            of the call.
    """

    box: Box
    label: str | None = None
    kind: BoxKind = BoxKind.MENTION
    index: int | None = None


def draw_boxes(
    image: Image.Image, boxes: Sequence[DrawnBox], *, min_side: int = 480
) -> Image.Image:
    """Draw boxes and their tags on a copy of a picture.

    Boxes are cut off at the border. One that encloses nothing of the picture (inverted, empty,
    not a number, wholly outside) is left out but keeps its colour's place.

    Args:
        image: The picture, upright, any mode.
        boxes: The dashes of true boxes are drawn above mentions, tags above all.
        min_side: A picture whose shorter side has fewer pixels is enlarged, so that strokes and
            tags can be read.

    Returns:
        A new RGB picture, as large as the original or larger by one factor on both sides.

    Raises:
        SpaceMismatchError: If a box is not in pixels of the original picture.
    """
    foreign = next((drawn.box for drawn in boxes if drawn.box.space is not Space.PIXELS), None)
    if foreign is not None:
        raise SpaceMismatchError(
            f"cannot draw a {foreign.space} box; convert it with geometry.spaces.to_pixels(box, "
            "frame)"
        )
    canvas, scale = _enlarged(image, min_side)
    shown = _placed(boxes, image.size, scale)
    pen = ImageDraw.Draw(canvas)
    stroke = max(3, round(math.sqrt(canvas.width * canvas.height) / 200))
    # Dashes last: where both boxes coincide, the mention still shows between them.
    for kind in (BoxKind.MENTION, BoxKind.TRUE):
        for drawn, rect, colour in shown:
            if drawn.kind is kind:
                _outline(pen, rect, colour, stroke, dashed=kind is BoxKind.TRUE)
    _paste_tags(canvas, shown)
    return canvas


def _enlarged(image: Image.Image, min_side: int) -> tuple[Image.Image, float]:
    """A copy in RGB, its shorter side at least ``min_side``; and the factor."""
    picture = image.convert("RGB")
    scale = min(min_side / min(picture.size), _LONGEST_SIDE / max(picture.size))
    if scale <= 1.0:
        return picture, 1.0
    if scale >= 3.0:
        # Tiny pictures: whole factors and no smoothing show the pixels that the model had.
        whole = math.ceil(scale)
        fits = whole * max(picture.size) <= _LONGEST_SIDE
        scale = float(whole if fits else whole - 1)
        resample = Image.Resampling.NEAREST
    else:
        resample = Image.Resampling.LANCZOS
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture.resize(size, resample), scale


def _placed(
    boxes: Sequence[DrawnBox], size: tuple[int, int], scale: float
) -> list[tuple[DrawnBox, Rect, Colour]]:
    """The boxes that show, with their rectangle on the canvas and their colour."""
    placed: list[tuple[DrawnBox, Rect, Colour]] = []
    num_mentions = 0
    for drawn in boxes:
        colour = TRUE_COLOUR
        if drawn.kind is BoxKind.MENTION:
            colour = colour_of(num_mentions if drawn.index is None else drawn.index)
            num_mentions += 1
        x1, x2 = max(drawn.box.x1, 0.0), min(drawn.box.x2, float(size[0]))
        y1, y2 = max(drawn.box.y1, 0.0), min(drawn.box.y2, float(size[1]))
        # Written so that a NaN edge fails it too.
        if x1 < x2 and y1 < y2 and not any(math.isnan(edge) for edge in drawn.box.as_tuple()):
            left, top = math.floor(x1 * scale), math.floor(y1 * scale)
            right, bottom = math.ceil(x2 * scale), math.ceil(y2 * scale)
            placed.append((drawn, (left, top, right, bottom), colour))
    return placed


def _outline(
    pen: ImageDraw.ImageDraw, rect: Rect, colour: Colour, stroke: int, *, dashed: bool
) -> None:
    """A stroke along the inside of a rectangle between two dark hairlines, its halo."""
    halo = max(1, stroke // 3)
    sides = _sides(rect, stroke + 2 * halo, dashed=dashed, dash=stroke * 5)
    for left, top, right, bottom in sides:
        pen.rectangle((left, top, right - 1, bottom - 1), fill=INK)
    for left, top, right, bottom in sides:
        inner = (left + halo, top + halo, right - 1 - halo, bottom - 1 - halo)
        if inner[0] <= inner[2] and inner[1] <= inner[3]:
            pen.rectangle(inner, fill=colour)


def _sides(rect: Rect, thickness: int, *, dashed: bool, dash: int) -> list[Rect]:
    """The four sides of a frame as filled rectangles, whole or in dashes."""
    left, top, right, bottom = rect
    across = min(thickness, right - left)
    down = min(thickness, bottom - top)
    sides: list[Rect] = []
    for start, end in _runs(left, right, dash) if dashed else [(left, right)]:
        sides += [(start, top, end, top + down), (start, bottom - down, end, bottom)]
    for start, end in _runs(top, bottom, dash) if dashed else [(top, bottom)]:
        sides += [(left, start, left + across, end), (right - across, start, right, end)]
    return sides


def _runs(start: int, end: int, dash: int) -> list[tuple[int, int]]:
    """Dashes from corner to corner, one at each corner, the gaps as long as the dashes."""
    num_dashes = max(2, round((end - start) / (2 * dash)) + 1)
    period = (end - start) / (2 * num_dashes - 1)
    if period < 2:
        return [(start, end)]
    return [
        (round(start + 2 * number * period), round(start + (2 * number + 1) * period))
        for number in range(num_dashes)
    ]


def _paste_tags(canvas: Image.Image, shown: Sequence[tuple[DrawnBox, Rect, Colour]]) -> None:
    font_size = max(13, round(math.sqrt(canvas.width * canvas.height) / 30))
    # A strip lower than the letters still takes a tag: it is cut off at the border.
    font_size = max(6, min(font_size, canvas.height // 2))
    taken: list[Rect] = []
    for drawn, rect, colour in shown:
        if drawn.label is None:
            continue
        max_width = max(1, min(canvas.width, max(canvas.width // 2, 8 * font_size)))
        tag = tag_image(drawn.label, colour=colour, font_size=font_size, max_width=max_width)
        if tag is None:
            continue
        place = place_tag(tag.size, rect, taken, canvas.size)
        taken.append(place)
        canvas.paste(tag, place[:2])
        pen = ImageDraw.Draw(canvas)
        pen.rectangle((place[0], place[1], place[2] - 1, place[3] - 1), outline=INK, width=1)
