"""Pictures as data URIs, small enough that a page of them can be mailed."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grit.data.pictures import open_picture

__all__ = ["EmbeddedPicture", "embed_picture", "find_picture"]

LONGEST_SIDE = 800
_JPEG_QUALITY = 84
_MOST_FLAT_COLOURS = 256


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture inside the page.

    Args:
        uri: ``data:image/…;base64,…``.
        size: (width, height) of the original, the frame of every box in pixels.
    """

    uri: str
    size: tuple[int, int]


def find_picture(image: str, *, run: Path) -> Path:
    """Where a recorded picture lies: as recorded, or inside the run, which may have moved."""
    path = Path(image)
    places = (path, run / path, run / "pictures" / path.name)
    return next((place for place in places if place.is_file()), path)


def embed_picture(path: Path, *, longest_side: int = LONGEST_SIDE) -> EmbeddedPicture:
    """Read a picture, upright, and shrink it to a limit.

    Drawings of few colours become PNG, which keeps their edges clean; photographs become JPEG.

    Raises:
        PictureError: If it is missing, broken or too large.
    """
    picture = open_picture(path)
    size = picture.size
    flat = picture.getcolors(_MOST_FLAT_COLOURS) is not None
    if max(size) > longest_side:
        factor = longest_side / max(size)
        smaller = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if flat:
        picture.save(stream, "PNG", optimize=True)
    else:
        picture.save(stream, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    kind = "png" if flat else "jpeg"
    encoded = base64.b64encode(stream.getvalue()).decode("ascii")
    return EmbeddedPicture(f"data:image/{kind};base64,{encoded}", size)
