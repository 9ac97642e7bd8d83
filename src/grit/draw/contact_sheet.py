"""A contact sheet: many pictures with their boxes and a few lines each, on one page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from grit.draw.boxes import DrawnBox, draw_boxes
from grit.draw.labels import tag_image
from grit.draw.palette import INK, PAPER, Colour
from grit.geometry.box import Box

__all__ = ["FLAGGED", "Cell", "contact_sheet"]

FLAGGED: Colour = (220, 30, 30)
"""Frame of a cell that something is wrong with."""

_WIDTH, _HEIGHT = 340, 260
"""Room for a picture, in pixels."""

_GAP = 12
_FONT = 13
_LINES = 4
_GREY: Colour = (235, 235, 235)


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of the sheet.

    Args:
        image: The picture; None where it cannot be opened.
        boxes: In pixels of the picture.
        heading: The first line beneath it.
        text: Up to three lines more; longer text is cut.
        is_flagged: Whether something is wrong with it: its frame is red.
    """

    image: Image.Image | None
    boxes: tuple[DrawnBox, ...]
    heading: str
    text: tuple[str, ...] = ()
    is_flagged: bool = False


def contact_sheet(cells: Sequence[Cell], *, columns: int = 4) -> Image.Image:
    """Put cells on a page, row by row.

    Args:
        cells: At least one.
        columns: Cells beside each other.

    Returns:
        An RGB picture.
    """
    num_columns = min(columns, len(cells))
    num_rows = math.ceil(len(cells) / num_columns)
    cell_height = _HEIGHT + _LINES * round(_FONT * 1.35) + _GAP
    width = _GAP + num_columns * (_WIDTH + _GAP)
    page = Image.new("RGB", (width, _GAP + num_rows * (cell_height + _GAP)), PAPER)
    for number, cell in enumerate(cells):
        row, column = divmod(number, num_columns)
        left = _GAP + column * (_WIDTH + _GAP)
        _paste(page, cell, (left, _GAP + row * (cell_height + _GAP)))
    return page


def _paste(page: Image.Image, cell: Cell, corner: tuple[int, int]) -> None:
    left, top = corner
    pen = ImageDraw.Draw(page)
    pen.rectangle((left, top, left + _WIDTH - 1, top + _HEIGHT - 1), fill=_GREY)
    if cell.image is not None:
        picture = _fitted(cell.image, cell.boxes)
        place = (left + (_WIDTH - picture.width) // 2, top + (_HEIGHT - picture.height) // 2)
        page.paste(picture, place)
    if cell.is_flagged:
        frame = (left - 4, top - 4, left + _WIDTH + 3, top + _HEIGHT + 3)
        pen.rectangle(frame, outline=FLAGGED, width=4)
    lines = [cell.heading]
    for text in cell.text:
        lines += textwrap.wrap(text, 52) or [""]
    for number, line in enumerate(lines[:_LINES]):
        tag = tag_image(line, colour=PAPER, font_size=_FONT, max_width=_WIDTH)
        if tag is not None:
            page.paste(tag, (left, top + _HEIGHT + 6 + number * tag.height))
    if cell.image is None:
        pen.line((left, top, left + _WIDTH, top + _HEIGHT), fill=INK)
        pen.line((left, top + _HEIGHT, left + _WIDTH, top), fill=INK)


def _fitted(image: Image.Image, boxes: Sequence[DrawnBox]) -> Image.Image:
    """The picture at the size of a cell, its boxes drawn at that size: strokes stay readable."""
    factor = min(_WIDTH / image.width, _HEIGHT / image.height)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    across, down = size[0] / image.width, size[1] / image.height
    scaled = [
        DrawnBox(
            Box(each.box.x1 * across, each.box.y1 * down, each.box.x2 * across, each.box.y2 * down),
            each.label,
            each.kind,
            each.index,
        )
        for each in boxes
    ]
    return draw_boxes(small, scaled, min_side=1)
