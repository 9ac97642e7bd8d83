"""Visual-CoT's parts of VSR and GQA, in the three forms that it is published in.

Training rows are GRIT_data's. The benchmark's conversations give one box twice: as 0–1 of the
picture padded to a square, and behind ``###`` as whole pixels of the picture itself. The latter is
taken; where the picture's size is known, the former must agree. The detection rows have a box and
no answer: the box is the answer, unless the benchmark file is named to take answers from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.pictures import picture_size
from grit.data.readers.layouts import known_records, layout_error, one_file, only_file, records_of
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.data.readers.values import as_list, as_object, four_numbers
from grit.errors import PictureError

__all__ = ["DETECTION_QUESTION", "VisualCotReader", "unpadded"]

DETECTION_QUESTION = "Give the bounding box of the region that answers this question: {question}"
"""How a detection row is asked when its answer is its box."""

_REQUEST = (
    "Please provide the bounding box coordinate of the region that can help you answer the "
    "question better."
)
_DETECTION_KEYS = frozenset({"img_path", "expression", "bbox"})
_AGREE_WITHIN = 2.0
"""Pixels: the square's fractions have three decimals, the others are cut to whole numbers."""


@dataclass(frozen=True, slots=True)
class VisualCotReader:
    """Reads ``*_cot_train.jsonl``, ``benchmark/*.json`` and ``benchmark_det/*.jsonl``."""

    name: str = "visual-cot"
    about: str = "Visual-CoT: training rows, benchmark conversations, detection rows"
    layouts: tuple[str, ...] = (
        "*_cot_train.jsonl: question, answer, image, width, height, bboxs, one object a line",
        "benchmark/*.json: a list of {image: [name, name###[x1, y1, x2, y2]], conversations}; "
        "--boxes takes exact boxes and sizes from benchmark_det/*.jsonl",
        "benchmark_det/*.jsonl: img_path, expression, bbox, width, height, one object a line; "
        "--boxes takes the answers from benchmark/*.json",
        "a folder with one of them; --split names one of several (vsr, gqa)",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every row in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("*_cot_*.jsonl", "*.json", "*.jsonl"),
        )
        reading.files.append(file)
        first = next(iter(records_of(self, file)), None)
        keys = as_object(first.value).keys() if first else set[str]()
        other = only_file(source.boxes)
        if "conversations" in keys:
            known_rows = known_records(self, file, records_of(self, file))
            details = _by_question(other, _DETECTION_KEYS, self, reading)
            for record in known_rows:
                fields = Fields(record)
                row = _conversation(fields, details, source.images or file.parent)
                yield read_row(record, row, source.images, findings=fields.findings)
        elif keys >= _DETECTION_KEYS:
            answers = _by_question(other, frozenset({"conversations"}), self, reading)
            if not source.boxes:
                reading.templates["question"] = DETECTION_QUESTION
            for record in known_records(self, file, records_of(self, file), _DETECTION_KEYS):
                fields = Fields(record)
                row = _detection(fields, file.stem, answers if source.boxes else None)
                yield read_row(record, row, source.images, findings=fields.findings)
        else:
            training = frozenset({"question", "answer", "image"})
            for record in known_records(self, file, records_of(self, file), training):
                fields = Fields(record)
                row = {"id": f"{file.stem}-{record.line}", **fields.values}
                yield read_row(record, row, source.images)


def unpadded(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box of 0–1 of the padded square, in pixels of the picture.

    Args:
        box: xyxy, 0 to 1 of a square as wide as the longer side, the picture in its middle.
        size: (width, height) of the picture.
    """
    width, height = size
    side = max(size)
    left, top = (side - width) // 2, (side - height) // 2
    x1, y1, x2, y2 = box
    return x1 * side - left, y1 * side - top, x2 * side - left, y2 * side - top


def _by_question(
    path: Path | None, keys: frozenset[str], reader: VisualCotReader, reading: Reading
) -> dict[str, dict[str, Any]]:
    """Rows of the other file by their question's number."""
    if path is None:
        return {}
    rows: dict[str, dict[str, Any]] = {}
    for record in records_of(reader, path):
        row = as_object(record.value)
        if keys <= row.keys():
            rows[str(row.get("question_id"))] = row
    if not rows:
        found = f"no record has the keys {', '.join(sorted(keys))}"
        raise layout_error(reader, path, found)
    reading.files.append(path)
    return rows


def _conversation(
    fields: Fields, details: dict[str, dict[str, Any]], images: Path
) -> dict[str, Any]:
    """A benchmark row: question, padded box, answer, and the box behind ``###``."""
    turns = _turns(fields)
    name, pixels = _image_and_box(fields)
    number = fields.values.get("question_id")
    detail = details.get(str(number))
    size = None
    if detail is not None:
        if len(turns) == 4 and detail.get("expression") != _plain(turns[0]):
            problem = f"question {number} is another one in the file of boxes"
            fix = "name the file of the same part"
            fields.fault(FindingKind.WRONG_TYPE, problem, shown(detail.get("expression")), fix)
        size = (detail.get("width"), detail.get("height"))
    elif details:
        fix = "name the file of the same part, or leave --boxes out"
        problem = "the file of boxes has no such question"
        fields.fault(FindingKind.MISSING_KEY, problem, shown(number), fix)
    row: dict[str, Any] = {
        "id": f"visual-cot-{fields.values.get('dataset', '')}-{number}",
        "image": name,
        "bboxs": [pixels if detail is None else detail.get("bbox")],
        **{key: fields.values.get(key) for key in ("dataset", "split")},
    }
    if size is not None:
        row["width"], row["height"] = size
    if len(turns) == 4:
        row |= {"question": _plain(turns[0]), "answer": turns[3].strip()}
        size = size or _size_of(images / name)
        if size is not None and pixels:
            _compare(fields, turns[1], pixels, size)
    return row


def _size_of(image: Path) -> tuple[int, int] | None:
    """The picture's size, where it is there; a broken one is reported when pictures are seen to."""
    try:
        return picture_size(image) if image.is_file() else None
    except PictureError:
        return None


def _turns(fields: Fields) -> list[str]:
    turns = fields.values.get("conversations")
    spoken = _spoken(turns)
    if len(spoken) != 4:
        problem = "conversations is not question, box, picture and answer"
        fix = "a benchmark row has four turns with a text each"
        fields.fault(FindingKind.WRONG_TYPE, problem, shown(turns), fix)
    return spoken


def _image_and_box(fields: Fields) -> tuple[str, list[float]]:
    """The picture's name, and the pixels behind ``###``."""
    names = fields.values.get("image")
    match as_list(names):
        case [str() as name, str() as marked]:
            base, _, behind = marked.partition("###")
            box = _box(behind)
            if base == name and box is not None:
                return name, list(box)
        case _:
            pass
    fix = "a benchmark row has image: [name, name###[x1, y1, x2, y2]]"
    fields.fault(FindingKind.WRONG_TYPE, "image is no name and name with box", shown(names), fix)
    return "", []


def _compare(fields: Fields, padded: str, pixels: Sequence[float], size: tuple[Any, Any]) -> None:
    """Refuse a row whose two boxes disagree: one of them is of another picture or frame."""
    box = _box(padded)
    if box is None or not all(isinstance(side, int) and side > 0 for side in size):
        fix = "the second turn of a benchmark row is a box of four numbers from 0 to 1"
        fields.fault(FindingKind.BOX_MALFORMED, "the padded box is no box", shown(padded), fix)
        return
    theirs = unpadded(box, size)
    apart = max(abs(one - other) for one, other in zip(theirs, pixels, strict=True))
    # A thousandth of the square is what three decimals can say.
    if apart > _AGREE_WITHIN + max(size) / 1000:
        value = f"{list(pixels)} and {[round(edge, 1) for edge in theirs]}"
        problem = f"the row's two boxes are {apart:.0f} px apart"
        fix = "see which is right, and whether the picture's size is"
        fields.fault(FindingKind.BOX_FRAME, problem, value, fix)


def _detection(
    fields: Fields, part: str, answers: dict[str, dict[str, Any]] | None
) -> dict[str, Any]:
    """A detection row; its answer is its box where ``answers`` is None."""
    question = fields.text("expression")
    number = fields.values.get("question_id")
    box = fields.values.get("bbox")
    row: dict[str, Any] = {
        "id": f"visual-cot-{part}-det-{number}",
        "image": fields.text("img_path"),
        "bboxs": [box],
        **{key: fields.values.get(key) for key in ("width", "height", "split")},
    }
    if answers is None:
        return row | {
            "question": DETECTION_QUESTION.format(question=question),
            "answer": str([round(edge) for edge in four_numbers(box) or ()]),
            "dataset": f"{part}_det",
            "answer_type": "boxes",
        }
    turns = _spoken(answers.get(str(number), {}).get("conversations"))
    if len(turns) != 4 or _plain(turns[0]) != question:
        fix = "name the benchmark file of the same part with --boxes, or leave it out"
        problem = "the benchmark file has no answer to this question"
        fields.fault(FindingKind.MISSING_KEY, problem, shown(number), fix)
        return row
    return row | {"question": question, "answer": turns[3].strip(), "dataset": part}


def _plain(turn: str) -> str:
    """The question of a first turn, without the picture's mark and the request for a box."""
    return turn.replace("<image>", "").strip().removesuffix(_REQUEST).strip()


def _spoken(turns: object) -> list[str]:
    """The texts of a conversation's turns."""
    values = [as_object(turn).get("value") for turn in as_list(turns)]
    return [value for value in values if isinstance(value, str)]


def _box(text: str) -> tuple[float, float, float, float] | None:
    try:
        return four_numbers(json.loads(text))
    except ValueError:
        return None
