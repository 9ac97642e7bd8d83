"""The pictures of a set that is being prepared: are they there, how large, and copies of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from grit.data.annotations import boxes_outside
from grit.data.finding import Finding, FindingKind
from grit.data.jsonl import missing_picture
from grit.data.pictures import picture_hash, picture_size
from grit.data.readers.reader import ReadRow
from grit.data.sample import Sample
from grit.errors import PictureError

__all__ = ["PictureCheck", "copied"]


class PictureCheck:
    """Opens the header of each picture once."""

    def __init__(self) -> None:
        self._sizes: dict[Path, tuple[int, int]] = {}
        self._broken: dict[Path, str] = {}

    def seen(self, sample: Sample, row: ReadRow) -> tuple[Sample, tuple[Finding, ...]]:
        """The sample with its picture's true size, and what is wrong with the picture."""
        image = sample.image
        if image not in self._sizes and image not in self._broken:
            if not image.is_file():
                return sample, (missing_picture(row.file, row.line, image),)
            try:
                self._sizes[image] = picture_size(image)
            except PictureError as error:
                self._broken[image] = str(error)
        if image in self._broken:
            problem, _, fix = self._broken[image].rpartition("; ")
            kind = FindingKind.PICTURE_BROKEN
            return sample, (Finding(row.file, row.line, kind, problem, "", fix),)
        size = self._sizes[image]
        return replace(sample, image_size=size), tuple(_misfits(sample, row, size))


def _misfits(sample: Sample, row: ReadRow, size: tuple[int, int]) -> list[Finding]:
    """Boxes that are no pixels of this picture."""
    stated = sample.image_size
    if sample.boxes and stated is not None and stated != size:
        problem = f"the picture is {size[0]}×{size[1]}, unlike the size that its boxes are for"
        fix = "name the folder of the original pictures (--images)"
        value = f"{stated[0]}×{stated[1]}"
        return [Finding(row.file, row.line, FindingKind.SIZE_DIFFERS, problem, value, fix)]
    return [
        Finding(row.file, row.line, fault.kind, fault.problem, fault.value, fault.fix)
        for fault in boxes_outside(sample.boxes or (), size)
    ]


def copied(
    samples: Sequence[Sample], folder: Path, on_progress: Callable[[str, float], None]
) -> list[Sample]:
    """Copy the samples' pictures into a folder, those that are there, each once.

    A picture keeps its name; where two differ and share one, the later has its hash before it. A
    copy that is there already, whole, is not made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for number, sample in enumerate(samples, start=1):
        image = sample.image
        if image not in copies and image.is_file():
            name = image.name
            if name in taken:
                name = f"{picture_hash(image)[:12]}-{name}"
            taken[name] = image
            copies[image] = folder / name
            if image != folder / name:
                _copy(image, folder / name)
        if number % 20 == 0 or number == len(samples):
            on_progress("Copying pictures", number / len(samples))
    return [replace(each, image=copies.get(each.image, each.image)) for each in samples]


def _copy(image: Path, to: Path) -> None:
    if to.is_file() and picture_hash(to) == picture_hash(image):
        return
    partial = to.with_name(f".{to.name}.tmp")
    shutil.copyfile(image, partial)
    partial.replace(to)
