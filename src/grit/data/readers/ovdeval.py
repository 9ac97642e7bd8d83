"""OVDEval's position part: find the thing that a description names; the answer is its box.

As in the paper, only descriptions with one target are asked; the others are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.readers.documents import Record, document_lists, starts_with
from grit.data.readers.layouts import layout_error, one_file
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.data.readers.values import as_object, xywh_box

__all__ = ["QUESTION", "OvdevalReader"]

QUESTION = "Give the bounding box of {description} in the picture."
"""``{description}`` as the file words it."""


@dataclass(frozen=True, slots=True)
class OvdevalReader:
    """Reads ``position.json``: COCO's keys, texts with every picture."""

    name: str = "ovdeval"
    about: str = "OVDEval, position: the answer is a box"
    layouts: tuple[str, ...] = (
        "position.json: {images: [{id, file_name, text, …}], categories, annotations (bbox: xywh)}",
        "a folder with position.json, or with annotations/position.json and images/position/",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every description of every picture in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("position.json", "annotations/position.json", "*.json"),
        )
        reading.files.append(file)
        reading.templates["question"] = QUESTION
        lists = self._lists(file)
        rows = {key: [as_object(record.value) for record in lists[key]] for key in lists}
        names = {str(each.get("id")): each.get("name") for each in rows["categories"]}
        pictures = {str(each.get("id")): each for each in rows["images"]}
        # Annotations of each description of each picture, in the order of the file.
        targets: dict[tuple[str, str], list[Record]] = {}
        for record in lists["annotations"]:
            value = as_object(record.value)
            key = (str(value.get("image_id")), str(value.get("category_id")))
            targets.setdefault(key, []).append(record)
        home = source.images or _home(file)
        for (number, category), group in targets.items():
            picture = pictures.get(number, {})
            fields = Fields(group[0])
            row = _row(fields, picture, names.get(category))
            left_out = "" if len(group) == 1 else "its description has several targets"
            yield read_row(group[0], row, home, findings=fields.findings, left_out=left_out)
        without = pictures.keys() - {number for number, _ in targets}
        if without:
            reading.notes["pictures without any target"] += len(without)

    def _lists(self, file: Path) -> dict[str, list[Record]]:
        wanted = ("images", "categories", "annotations")
        first = starts_with(file)
        if first != "{":
            found = f"it starts with {shown(first)}, not with an object"
            raise layout_error(self, file, found)
        lists = document_lists(file, wanted)
        missing = [key for key in wanted if key not in lists]
        if missing:
            raise layout_error(self, file, f"it has no list {', '.join(missing)}")
        return lists


def _home(file: Path) -> Path | None:
    """Where the pictures lie: images/position/ of the set, or beside the file."""
    for folder in (file.parent.parent / "images" / "position", file.parent / "images" / "position"):
        if folder.is_dir():
            return folder
    return None


def _row(fields: Fields, picture: dict[str, Any], description: object) -> dict[str, Any]:
    annotation = fields.values
    name = picture.get("file_name")
    if not isinstance(name, str) or not name.strip():
        fix = "every annotation's image_id is the id of one of the images, with its file_name"
        problem = "the annotation's picture is not among the images"
        value = shown(annotation.get("image_id"))
        fields.fault(FindingKind.MISSING_KEY, problem, value, fix)
    if not isinstance(description, str) or not description.strip():
        fix = "every annotation's category_id is the id of one of the categories"
        problem = "the annotation's description is not among the categories"
        value = shown(annotation.get("category_id"))
        fields.fault(FindingKind.MISSING_KEY, problem, value, fix)
    box = _xyxy(fields)
    size = {key: picture[key] for key in ("width", "height") if picture.get(key) is not None}
    return {
        "id": f"ovd_position-{annotation.get('image_id')}-{annotation.get('category_id')}",
        "question": QUESTION.format(description=_noun_phrase(str(description))),
        "answer": str([round(edge) for edge in box]),
        "image": name,
        **(size if len(size) == 2 else {}),
        "bboxs": [box],
        "dataset": "ovd_position",
        "answer_type": "boxes",
        **({"neg_text": picture["neg_text"]} if picture.get("neg_text") else {}),
    }


def _noun_phrase(description: str) -> str:
    """The description without its full stop, with an article where it has none."""
    text = description.strip().rstrip(".")
    first, _, rest = text.partition(" ")
    if first.casefold() in ("the", "a", "an"):
        return f"{first.casefold()} {rest}"
    return f"the {text}"


def _xyxy(fields: Fields) -> list[float]:
    value = fields.values.get("bbox")
    box = xywh_box(value)
    if box is None:
        fix = "bbox is [x, y, width, height] in pixels"
        fields.fault(FindingKind.BOX_MALFORMED, "bbox is not four numbers", shown(value), fix)
        return []
    return list(box.as_tuple())
