"""Pictures: opened late, turned as their EXIF says, always RGB, never larger than allowed."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from grit.data.sample import Sample
from grit.errors import PictureError

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "open_picture",
    "open_sample_picture",
    "picture_format",
    "picture_hash",
    "picture_size",
]

DEFAULT_MAX_PIXELS = 89_478_485
"""Where Pillow itself starts to warn of decompression bombs: 256 MiB as RGB."""

# Pillow opens more than these; EPS, for one, would hand the file to another program.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")

# What Pillow's decoders raise on broken files, found by opening mutilated ones.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)

# How to turn stored pixels for each EXIF orientation; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Image.Image:
    """Decode a picture.

    Args:
        path: The file; of an animation, the first frame is read.
        max_pixels: Largest width × height that is decoded.

    Returns:
        An RGB picture, upright, without metadata. Transparent parts lie on white; 16-bit greys
        are scaled to 8 bits.

    Raises:
        PictureError: If the file is missing, truncated, no picture or too large; names the file
            and the fix.
    """
    with _opened(path, max_pixels) as image:
        turn = _TURNS.get(_orientation(image, path))
        image.load()
        upright = _rgb(image)
    return upright if turn is None else upright.transpose(turn)


def open_sample_picture(sample: Sample, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Image.Image:
    """``open_picture`` of a sample; its error names the sample too."""
    try:
        return open_picture(sample.image, max_pixels=max_pixels)
    except PictureError as error:
        raise PictureError(f"sample {sample.id}: {error}") from error


def picture_size(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[int, int]:
    """(width, height) in pixels of the upright picture, read without decoding it.

    Raises:
        PictureError: As ``open_picture``, save for damage that only decoding shows.
    """
    with _opened(path, max_pixels) as image:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            # Pillow turns TIFFs by itself, some versions at opening and some at decoding.
            tags = image.tag_v2
            width, height = int(tags[256]), int(tags[257])
            orientation = tags.get(ExifTags.Base.Orientation)
        else:
            width, height = image.size
            orientation = _orientation(image, path)
        return (height, width) if orientation in range(5, 9) else (width, height)


def picture_format(content: bytes) -> str:
    """Pillow's word for the format of a picture in memory, as ``PNG``; it is not decoded.

    Raises:
        PictureError: If the bytes are no picture that we read, or of one too large to open safely.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as image:
            return image.format or ""
    except UnidentifiedImageError as error:
        raise PictureError(f"no picture that can be read; it starts with {content[:24]!r}") from (
            error
        )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, *_BROKEN) as error:
        raise PictureError(str(error)) from error


def picture_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal.

    Raises:
        PictureError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


@contextmanager
def _opened(path: Path, max_pixels: int) -> Generator[Image.Image]:
    """The undecoded picture; whatever Pillow raises on it becomes a PictureError."""
    try:
        with Image.open(path, formats=_formats()) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise PictureError(
                    f"picture {path} has {width}×{height} pixels, more than the limit of "
                    f"{max_pixels}; make it smaller, or raise max_pixels if you trust it"
                )
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"picture {path} is too large to open safely ({error}); make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{path} is no picture that can be read ({_first_bytes(path)}); "
            "give a JPEG, PNG, WebP, GIF, BMP or TIFF file"
        ) from error
    except MemoryError as error:
        raise PictureError(f"no memory to decode picture {path}; make it smaller") from error
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _unreadable(path, error) from error
        raise PictureError(
            f"picture {path} is truncated or damaged ({error}); copy or download it again"
        ) from error


def _unreadable(path: Path, error: OSError) -> PictureError:
    reason = "not there" if isinstance(error, FileNotFoundError) else error.strerror
    return PictureError(
        f"picture {path} cannot be read: {reason}; correct its name, or the folder of the pictures"
    )


def _first_bytes(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(24)
    if not head:
        return "the file is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; run `git lfs pull`"
    return f"it starts with {head!r}"


@cache
def _formats() -> tuple[str, ...]:
    """The formats that we read and this Pillow was built with."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _orientation(image: Image.Image, path: Path) -> int:
    """The EXIF orientation that is still to be applied: 1 to 8, and 1 for anything unreadable."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    try:
        if image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys():
            # getexif() would decode the pixels to find a chunk that may stand after them.
            exif = Image.Exif()
            exif.load(_late_png_exif(path))
        else:
            exif = image.getexif()
        value = cast("object", exif.get(ExifTags.Base.Orientation))
    except _BROKEN:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _late_png_exif(path: Path) -> bytes:
    """Content of a PNG's eXIf chunk, wherever it stands; empty when there is none."""
    with path.open("rb") as file:
        file.seek(8)
        while len(header := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", header)
            if name == b"eXIf":
                return file.read(length)
            file.seek(length + 4, 1)
    return b""


def _rgb(image: Image.Image) -> Image.Image:
    """The picture as plain RGB, metadata dropped: its orientation must not be applied twice."""
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_grey_bytes(np.asarray(image)))
    elif image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        result = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    else:
        result = image.convert("RGB")
    result.info.clear()
    return result


def _grey_bytes(values: np.ndarray) -> np.ndarray:
    """Grey levels of more than 8 bits as bytes; ``convert`` would cut them off at 255.

    Integers count as 16-bit once one is above 255; floats as 0–1 when none is above 1.
    """
    wide = np.nan_to_num(values.astype(np.float64))
    top = float(wide.max(initial=0.0))
    if values.dtype.kind == "f":
        scale = 255.0 if top <= 1.0 else 1.0
    else:
        scale = 1.0 if top <= 255 and values.dtype.itemsize > 2 else 255.0 / 65535.0
    return np.clip(np.rint(wide * scale), 0, 255).astype(np.uint8)
