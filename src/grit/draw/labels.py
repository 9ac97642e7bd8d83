"""Tags with text on pictures. The text is a model's: anything goes in, and nothing raises."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from grit.draw.palette import Colour, ink_on

__all__ = ["Rect", "overlap", "place_tag", "tag_image"]

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom excluded."""

_MOST_CHARACTERS = 60
_UNKNOWN = "\ufffd"


def tag_image(text: str, *, colour: Colour, font_size: int, max_width: int) -> Image.Image | None:
    """A filled tag with one line of text.

    Args:
        text: Any text; white space is folded, controls dropped, and what is too long cut short
            with an ellipsis.
        colour: Filling; the ink is chosen to read on it.
        font_size: Height of the letters in pixels.
        max_width: Width that the tag may have, in pixels.

    Returns:
        The tag, RGB; None when the text has nothing to show.
    """
    font = _font(font_size)
    pad = max(2, font_size // 4)
    line = _fit(_clean(text), font, max_width - 2 * pad)
    if not line:
        return None
    width = round(font.getlength(line)) + 2 * pad
    tag = Image.new("RGB", (max(1, min(width, max_width)), round(font_size * 1.35)), colour)
    middle = (tag.width / 2, tag.height / 2)
    ImageDraw.Draw(tag).text(middle, line, fill=ink_on(colour), font=font, anchor="mm")
    return tag


def place_tag(
    tag: tuple[int, int], box: Rect, taken: Sequence[Rect], picture: tuple[int, int]
) -> Rect:
    """Where a box's tag goes: inside the picture, and off other tags where a simple place is free.

    Args:
        tag: (width, height) of the tag.
        box: The box as drawn.
        taken: Tags that stand already.
        picture: (width, height) of the picture.
    """
    width, height = tag
    left, top, right, bottom = box
    corners = (
        (left, top - height),  # on the top edge, outside: hides nothing of the object
        (left, bottom),
        (right - width, top - height),
        (right - width, bottom),
        (left, top),
        (right - width, bottom - height),
        (right - width, top),
        (left, bottom - height),
        (right, top),
        (left - width, top),
    )
    places = [(x, y, x + width, y + height) for x, y in corners]
    fitting = [place for place in places if _inside(place, picture)]
    # A box at the border may leave no corner: push the tag back into the picture.
    fitting += [_pushed_inside(place, picture) for place in places[:6]]
    return min(fitting, key=lambda place: sum(overlap(place, other) for other in taken))


def overlap(one: Rect, other: Rect) -> int:
    """Shared pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def _inside(place: Rect, picture: tuple[int, int]) -> bool:
    return place[0] >= 0 and place[1] >= 0 and place[2] <= picture[0] and place[3] <= picture[1]


def _pushed_inside(place: Rect, picture: tuple[int, int]) -> Rect:
    width, height = place[2] - place[0], place[3] - place[1]
    left = max(0, min(place[0], picture[0] - width))
    top = max(0, min(place[1], picture[1] - height))
    return (left, top, left + width, top + height)


def _clean(text: str) -> str:
    """One line without controls; surrogates become the replacement character."""
    # Cut first, so that a model that repeats itself for pages costs nothing.
    folded = " ".join(text[: 4 * _MOST_CHARACTERS].split())
    kept = (_UNKNOWN if unicodedata.category(c) == "Cs" else c for c in folded)
    return "".join(_shown(kept))


def _shown(characters: Iterable[str]) -> Iterable[str]:
    return (c for c in characters if unicodedata.category(c) not in ("Cc", "Cf", "Mn", "Me"))


def _fit(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, max_width: int) -> str:
    """The line, or its longest beginning with an ellipsis, within ``max_width`` pixels."""
    if len(line) > _MOST_CHARACTERS:
        line = line[:_MOST_CHARACTERS].rstrip() + "…"
    kept = line
    while kept and font.getlength(line) > max_width:
        kept = kept[:-1].rstrip("… ")
        line = kept + "…"
    return line if kept else ""


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own scalable font, so that pictures look the same on every machine."""
    return ImageFont.load_default(size)
