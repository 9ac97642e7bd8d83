"""Regions of a picture blanked out, or all of it but some regions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from grit.geometry.box import Box

__all__ = ["blanked", "kept_only"]


def blanked(picture: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """A copy in which boxes are filled with the picture's median colour.

    The median of each channel is no foreign colour, as black would be on a photograph, and on a
    plain ground it is the ground.

    Args:
        picture: RGB.
        boxes: In pixels; every pixel that a box touches is filled.
    """
    pixels = np.array(picture)
    pixels[_mask(picture, boxes)] = _median(pixels)
    return Image.fromarray(pixels)


def kept_only(picture: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """A copy in which all but the boxes is filled with the picture's median colour."""
    pixels = np.array(picture)
    colour = _median(pixels)
    pixels[~_mask(picture, boxes)] = colour
    return Image.fromarray(pixels)


def _median(pixels: np.ndarray) -> np.ndarray:
    return np.median(pixels.reshape(-1, 3), axis=0).round().astype(np.uint8)


def _mask(picture: Image.Image, boxes: Sequence[Box]) -> np.ndarray:
    mask = np.zeros((picture.height, picture.width), bool)
    for box in boxes:
        left, top = max(0, math.floor(box.x1)), max(0, math.floor(box.y1))
        mask[top : max(0, math.ceil(box.y2)), left : max(0, math.ceil(box.x2))] = True
    return mask
