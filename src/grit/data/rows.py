"""One JSON row ⇄ one sample. Faults come back as findings; the file's reader raises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from grit.data.annotations import read_boxes
from grit.data.finding import Finding, FindingKind, shown
from grit.data.numbers import whole_number
from grit.data.sample import Sample
from grit.errors import DataError, SpaceMismatchError
from grit.geometry.box import Space

__all__ = ["COUNTING_SETS", "RowReader", "is_unicode", "row_of_sample"]

COUNTING_SETS = frozenset({"tallyqa", "counting"})
"""Sets whose every question asks for a count; compared in lower case, whole names only."""

_READ_KEYS = frozenset(
    ("id", "question", "answer", "image", "width", "height", "bboxs", "dataset", "split", "count")
)
_URL_STARTS = ("http://", "https://", "s3://", "gs://", "data:")


@dataclass
class RowReader:
    """Reads one row and keeps what is wrong with it.

    Args:
        row: The JSON object.
        file: The file it stands in.
        line: Its line, from 1.
        images: Folder of the pictures; None looks beside the file, then in ``images/`` there.
        findings: What is wrong; filled by ``read``.
        image: Where the picture should be, once ``read`` has run and the row says so.
    """

    row: Mapping[str, Any]
    file: Path
    line: int
    images: Path | None = None
    findings: list[Finding] = field(default_factory=list[Finding])
    image: Path | None = None

    def read(self) -> Sample | None:
        """The sample, or None when ``findings`` holds a fault of the row."""
        question = self._text("question")
        answer = self._answer()
        image = self.image = self._picture()
        dataset = self._optional_text("dataset") or self.file.stem
        size = self._size()
        sample_id = self._id()
        boxes = None
        if self.row.get("bboxs") is not None:
            boxes, faults = read_boxes(self.row["bboxs"], size)
            for fault in faults:
                self._add(fault.kind, fault.problem, fault.value, fault.fix)
        count = self._count(answer, dataset)
        split = self._optional_text("split")
        if self.findings or question is None or answer is None or image is None:
            return None
        used = _READ_KEYS if "id" in self.row else _READ_KEYS | {"question_id"}
        return Sample(
            id=sample_id,
            image=image,
            question=question,
            answer=answer,
            dataset=dataset,
            image_size=size,
            boxes=boxes,
            count=count,
            split=split,
            extra={key: value for key, value in self.row.items() if key not in used},
        )

    def _picture(self) -> Path | None:
        """Where the row's picture should be; it need not exist."""
        value = self.row.get("image")
        if value is None and isinstance(self.row.get("images"), list):
            value = self.row["images"]
        if isinstance(value, list):
            names = cast("list[object]", value)
            if len(names) != 1:
                problem = f"the sample has {len(names)} pictures; exactly one is read"
                fix = "keep one picture under 'image', or leave the row out"
                self._add(FindingKind.SEVERAL_PICTURES, problem, shown(names), fix)
                return None
            value = names[0]
        if value is None:
            self._missing("image")
            return None
        if not isinstance(value, str) or not _names_a_file(value):
            fix = "give the picture's file name, relative to the file or to --images"
            self._add(FindingKind.WRONG_TYPE, "image is no file name", shown(value), fix)
            return None
        if value.lower().startswith(_URL_STARTS):
            fix = "download the picture and give its file name"
            self._add(FindingKind.WRONG_TYPE, "image is an address", shown(value), fix)
            return None
        if self.images is not None:
            return self.images / value
        beside = self.file.parent / value
        below = self.file.parent / "images" / value
        return below if below.exists() and not beside.exists() else beside

    def _text(self, key: str) -> str | None:
        value = self.row.get(key)
        if value is None:
            self._missing(key)
        elif not isinstance(value, str):
            self._add(FindingKind.WRONG_TYPE, f"{key} is no text", shown(value), "write it quoted")
        elif not value.strip():
            fix = f"write the {key}, or leave the row out"
            self._add(FindingKind.EMPTY_TEXT, f"{key} is empty", shown(value), fix)
        elif not is_unicode(value):
            problem = f"{key} holds half a surrogate pair"
            fix = "write the whole character; a cut emoji leaves such a half"
            self._add(FindingKind.WRONG_TYPE, problem, shown(value), fix)
        else:
            return value
        return None

    def _optional_text(self, key: str) -> str:
        value = self.row.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self._add(FindingKind.WRONG_TYPE, f"{key} is no text", shown(value), "write it quoted")
        return ""

    def _answer(self) -> str | None:
        value = self.row.get("answer")
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float) and math.isfinite(value):
            return str(int(value)) if value.is_integer() else repr(value)
        if value is None or isinstance(value, str):
            return self._text("answer")
        fix = "write one text, number or true/false"
        self._add(FindingKind.WRONG_TYPE, "answer is no single answer", shown(value), fix)
        return None

    def _size(self) -> tuple[int, int] | None:
        stated = [self.row.get("width"), self.row.get("height")]
        if stated == [None, None]:
            return None
        width, height = (_whole(value) for value in stated)
        if width and height:
            return width, height
        fix = "write both as whole numbers of pixels above 0, or leave both out"
        self._add(FindingKind.WRONG_TYPE, "width and height are no size", shown(stated), fix)
        return None

    def _id(self) -> str:
        key = "id" if "id" in self.row else "question_id"
        value = self.row.get(key)
        if value is None:
            return f"{self.file.stem}:{self.line}"
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        fix = "write a text or a whole number, or leave it out"
        self._add(FindingKind.WRONG_TYPE, f"{key} is no identifier", shown(value), fix)
        return ""

    def _count(self, answer: str | None, dataset: str) -> int | None:
        value = self.row.get("count")
        if value is None:
            counts = dataset.casefold() in COUNTING_SETS and answer is not None
            return whole_number(answer) if counts and answer is not None else None
        count = whole_number(value) if isinstance(value, str) else _whole(value)
        if count is None:
            fix = "write a whole number, zero or more, or leave it out"
            self._add(FindingKind.WRONG_TYPE, "count is no count", shown(value), fix)
        return count

    def _missing(self, key: str) -> None:
        found = ", ".join(self.row) or "no keys"
        problem = f"key '{key}' is missing"
        fix = "every row needs question, answer and image"
        self._add(FindingKind.MISSING_KEY, problem, f"keys {found}"[:120], fix)

    def _add(self, kind: FindingKind, problem: str, value: str, fix: str) -> None:
        self.findings.append(Finding(self.file, self.line, kind, problem, value, fix))


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text; half a surrogate pair, which JSON can escape, it cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def row_of_sample(sample: Sample, folder: Path) -> dict[str, Any]:
    """The row that reads back as the sample.

    Args:
        sample: Any sample; its boxes must be in original pixels.
        folder: Where the file will stand: a picture inside it is named relative to it.

    Raises:
        DataError: If ``extra`` uses a key that means something to us.
        SpaceMismatchError: If a box is not in pixels.
    """
    clashes = sorted(_READ_KEYS.intersection(sample.extra))
    if clashes:
        raise DataError(
            f"sample {sample.id}: extra holds {clashes}, which are keys of our own; put the value "
            "into the sample's field"
        )
    row: dict[str, Any] = {
        "id": sample.id,
        "question": sample.question,
        "answer": sample.answer,
        "image": _picture_name(sample.image, folder),
    }
    if sample.image_size is not None:
        row["width"], row["height"] = sample.image_size
    if sample.boxes is not None:
        foreign = [box for box in sample.boxes if box.space is not Space.PIXELS]
        if foreign:
            raise SpaceMismatchError(
                f"sample {sample.id} has a {foreign[0].space} box; convert it with "
                "geometry.spaces.to_pixels(box, frame) before it is written"
            )
        row["bboxs"] = [list(box.as_tuple()) for box in sample.boxes]
    row["dataset"] = sample.dataset
    if sample.split:
        row["split"] = sample.split
    if sample.count is not None:
        row["count"] = sample.count
    return row | sample.extra


def _picture_name(image: Path, folder: Path) -> str:
    absolute, base = image.absolute(), folder.absolute()
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else str(absolute)


def _names_a_file(name: str) -> bool:
    return bool(name.strip()) and "\0" not in name and is_unicode(name)


def _whole(value: object) -> int | None:
    """A JSON number that is whole and not negative, as an int; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if value >= 0 else None
