"""Pictures as a chat judge is sent them: PNG, shrunk to a limit, without metadata."""

from __future__ import annotations

import io
import math
from pathlib import Path

from PIL import Image

from grit.data.pictures import open_picture

__all__ = ["encoded_image", "encoded_picture"]


def encoded_image(image: Image.Image, max_pixels: int) -> bytes:
    """A picture as PNG, shrunk to at most ``max_pixels`` with its proportions kept."""
    width, height = image.size
    if width * height > max_pixels:
        scale = math.sqrt(max_pixels / (width * height))
        size = (max(1, math.floor(width * scale)), max(1, math.floor(height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.convert("RGB").save(stream, format="PNG")
    return stream.getvalue()


def encoded_picture(path: Path, max_pixels: int) -> bytes:
    """``encoded_image`` of a file.

    Raises:
        PictureError: If the file is missing, truncated or no picture.
    """
    return encoded_image(open_picture(path), max_pixels)
