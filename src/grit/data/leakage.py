"""Pictures that a training file shares with a test file, whatever they are called there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from grit.data.finding import Finding, FindingKind, shown
from grit.data.jsonl import ScannedRow, scan_rows
from grit.data.pictures import open_picture
from grit.errors import PictureError

__all__ = ["PictureUse", "pixel_hash", "shared_pictures", "uses_of"]

PictureUse = tuple[int, str]
"""Line and question of a row that shows a picture."""


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 of a decoded picture's size and pixels, in hexadecimal.

    A renamed or losslessly rewritten copy has the same; a resized or recompressed one has not.
    """
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def uses_of(
    file: Path,
    images: Path | None,
    *,
    max_pixels: int,
    on_row: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, list[PictureUse]], int]:
    """The pictures of a file by their hash, and how many could not be opened.

    Args:
        file: A JSONL file of samples.
        images: Folder of its pictures; None looks beside it, then in ``images/`` there.
        max_pixels: Largest width × height that is decoded.
        on_row: Called after each row with its number and how many there are.

    Raises:
        DataError: If the file cannot be read at all.
    """
    rows = list(scan_rows(file, images=images))
    hashes: dict[Path, str | None] = {}
    uses: dict[str, list[PictureUse]] = {}
    for number, row in enumerate(rows, start=1):
        if row.image is not None:
            if row.image not in hashes:
                try:
                    hashes[row.image] = pixel_hash(open_picture(row.image, max_pixels=max_pixels))
                except PictureError:
                    hashes[row.image] = None
            found = hashes[row.image]
            if found is not None:
                question = row.sample.question if row.sample is not None else ""
                uses.setdefault(found, []).append((row.line, question))
        if on_row is not None:
            on_row(number, len(rows))
    return uses, sum(found is None for found in hashes.values())


def shared_pictures(
    file: Path,
    rows: Sequence[ScannedRow],
    hashes: Mapping[Path, str],
    other: Path,
    uses: Mapping[str, list[PictureUse]],
) -> Iterator[Finding]:
    """A finding for each row whose picture another file shows too.

    Args:
        file: The file that is checked.
        rows: Its rows.
        hashes: Hashes of its pictures.
        other: The other file.
        uses: What ``uses_of`` found in it.
    """
    for row in rows:
        theirs = uses.get(hashes.get(row.image, "")) if row.image is not None else None
        if theirs is None or row.image is None:
            continue
        question = _plain(row.sample.question) if row.sample is not None else None
        same = [line for line, asked in theirs if _plain(asked) == question]
        problem = f"the picture is on line {theirs[0][0]} of {other} too"
        if same:
            problem = f"line {same[0]} of {other} asks the same of the same picture"
        fix = "take the picture out of one of the two; figures on it would be figures on training"
        kind = FindingKind.PICTURE_SHARED
        yield Finding(file, row.line, kind, problem, shown(row.image.name), fix)


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())
