"""Named regions from Visual Genome's objects or COCO's instances, for questions without boxes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.readers.documents import (
    Progress,
    document_lists,
    document_records,
    silent,
    starts_with,
    told,
)
from grit.data.readers.values import as_list, as_object, xywh_box
from grit.errors import DataError
from grit.geometry.box import Box
from grit.geometry.overlap import union_area

__all__ = ["PictureKey", "Region", "Regions", "clipped", "picture_key", "read_regions", "singular"]

_SAME = 0.7
"""Overlap from which two boxes of one name are one thing: Visual Genome boxes many things twice."""

_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "mice": "mouse",
    "leaves": "leaf",
    "knives": "knife",
    "shelves": "shelf",
    "loaves": "loaf",
    "sheep": "sheep",
    "glasses": "glass",
    "buses": "bus",
    "skis": "ski",
}


PictureKey = tuple[str, int]
"""Whose picture it is, ``genome`` or ``coco``, and its number there: the two number alike."""


@dataclass(frozen=True, slots=True)
class Region:
    """One thing in a picture.

    Args:
        name: What it is called, in lower case, as it is written.
        box: In pixels of the original picture, cut off at its border where that is known.
        is_crowd: Whether it stands for many that were not told apart.
    """

    name: str
    box: Box
    is_crowd: bool = False


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions by their picture."""

    of_picture: dict[PictureKey, list[Region]]

    def named(self, picture: PictureKey, name: str) -> list[Region] | None:
        """Regions of one name, singular or plural, each thing once; None for an unknown picture."""
        regions = self.of_picture.get(picture)
        if regions is None:
            return None
        wanted = singular(name)
        kept: list[Region] = []
        for region in regions:
            if singular(region.name) == wanted and not any(
                _overlap(region.box, other.box) > _SAME for other in kept
            ):
                kept.append(region)
        return kept


def read_regions(
    paths: Iterable[Path], wanted: Collection[PictureKey], on_progress: Progress = silent
) -> Regions:
    """Read Visual Genome's ``objects.json`` and COCO's ``instances_*.json``.

    Args:
        paths: The files.
        wanted: The pictures to keep.
        on_progress: Told how far the reading is.

    Raises:
        DataError: If a file is neither.
    """
    found: dict[PictureKey, list[Region]] = {}
    for path in paths:
        source, read = ("genome", _genome) if starts_with(path) == "[" else ("coco", _coco)
        numbers = {number for kind, number in wanted if kind == source}
        found |= {
            (source, number): each for number, each in read(path, numbers, on_progress).items()
        }
    return Regions(found)


def picture_key(name: str) -> PictureKey | None:
    """Whose picture a path names: 2410408 of Visual Genome for ``VG_100K_2/2410408.jpg``.

    Returns:
        None for a picture of neither.
    """
    digits = re.search(r"([0-9]{1,12})$", Path(name).stem)
    if digits is None:
        return None
    if "VG_100K" in name:
        return "genome", int(digits[1])
    is_coco = "COCO_" in name or re.search(r"(train|val|test)201[0-9]/", name)
    return ("coco", int(digits[1])) if is_coco else None


def singular(name: str) -> str:
    """An English noun in the singular, as far as its ending tells; in lower case."""
    *before, last = name.casefold().split() or [""]
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("ies") and len(last) > 4:
        last = last[:-3] + "y"
    elif last.endswith(("ches", "shes", "sses", "xes", "oes")):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")):
        last = last[:-1]
    return " ".join((*before, last))


def clipped(box: Box, size: tuple[int, int] | None) -> Box | None:
    """The part of a box that is inside the picture; None where there is none.

    Args:
        box: In pixels.
        size: (width, height); None cuts off at zero alone.
    """
    width, height = size or (box.x2, box.y2)
    inside = Box(max(box.x1, 0.0), max(box.y1, 0.0), min(box.x2, width), min(box.y2, height))
    return None if inside.is_empty else inside


def _genome(path: Path, wanted: set[int], on_progress: Progress) -> dict[int, list[Region]]:
    """Visual Genome: a list of pictures, each with its objects; xywh."""
    found: dict[int, list[Region]] = {}
    for record in told(document_records(path), "Objects", on_progress):
        picture = as_object(record.value)
        number = picture.get("image_id", picture.get("id"))
        if not isinstance(number, int) or not isinstance(picture.get("objects"), list):
            raise DataError(
                f"{path}, line {record.line}: no picture of Visual Genome's objects.json (keys "
                f"{', '.join(picture) or 'none'}); known are [{{image_id, objects: [{{x, y, w, h, "
                "names}]}] and COCO's {images, annotations, categories}"
            )
        if number in wanted:
            found[number] = [
                region
                for thing in as_list(picture["objects"])
                for region in _genome_object(as_object(thing))
            ]
    return found


def _genome_object(thing: dict[str, Any]) -> list[Region]:
    names = thing.get("names", thing.get("name"))
    name = next(iter(as_list(names)), names)
    box = xywh_box([thing.get(key) for key in ("x", "y", "w", "h")])
    if box is None or not isinstance(name, str):
        return []
    inside = clipped(box, None)
    return [] if inside is None else [Region(name.strip().casefold(), inside)]


def _coco(path: Path, wanted: set[int], on_progress: Progress) -> dict[int, list[Region]]:
    """COCO: pictures, categories and annotations in one object; xywh."""
    on_progress("Instances", 0.0)
    lists = document_lists(path, ("images", "annotations", "categories"))
    missing = [key for key in ("images", "annotations", "categories") if key not in lists]
    if missing:
        raise DataError(
            f"{path} is neither Visual Genome's objects.json (a list of pictures) nor COCO's "
            f"instances: it lacks the list {missing[0]}"
        )
    rows = {key: [as_object(record.value) for record in lists[key]] for key in lists}
    names = {str(each.get("id")): str(each.get("name")).casefold() for each in rows["categories"]}
    sizes = {
        number: (each.get("width"), each.get("height"))
        for each in rows["images"]
        if isinstance(number := each.get("id"), int)
    }
    found: dict[int, list[Region]] = {number: [] for number in sizes if number in wanted}
    for each in rows["annotations"]:
        number, name = each.get("image_id"), names.get(str(each.get("category_id")))
        box = xywh_box(each.get("bbox"))
        if not isinstance(number, int) or number not in found or box is None or name is None:
            continue
        width, height = sizes[number]
        inside = clipped(box, (width, height) if width and height else None)
        if inside is not None:
            found[number].append(Region(name, inside, bool(each.get("iscrowd"))))
    return found


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    union = union_area([one, other])
    return (one.area + other.area - union) / union if union else 0.0
