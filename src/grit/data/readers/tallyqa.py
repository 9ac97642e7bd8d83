"""TallyQA: counting questions on pictures of Visual Genome and COCO.

No boxes are shipped. With ``--boxes`` a question's boxes are those of the things of the counted
name in its picture, and only where there are as many as the answer says: anything else would mark
the wrong regions as true.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.readers.documents import told
from grit.data.readers.layouts import known_records, one_file, records_of
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.data.readers.regions import PictureKey, Regions, picture_key, read_regions
from grit.data.readers.values import as_object

__all__ = ["TallyqaReader", "counted_name"]

_COUNTED = re.compile(
    r"how many (?:of (?:the|these) )?(?P<name>[a-z' -]+?)"
    r"(?= (?:is|are|was|were|do|does|did|can|could|have|has|in|on|at|of|with|without|near|behind|"
    r"under|above|there|that|who|which|wearing|standing|sitting|will|would|to|from|by|visible|"
    r"seen|shown|pictured)\b|\?|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TallyqaReader:
    """Reads ``train.json`` or ``test.json``: a list of questions."""

    name: str = "tallyqa"
    about: str = "TallyQA: train.json, test.json; boxes from Visual Genome or COCO with --boxes"
    layouts: tuple[str, ...] = (
        "train.json or test.json: a list of {image, question, answer, question_id, issimple, "
        "data_source}; images are VG_100K/…, VG_100K_2/…, train2014/…, val2014/…",
        "a folder with them; --split names one",
        "--boxes: Visual Genome's objects.json, COCO's instances_*.json, or both",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every question in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(self, source, ("*.json",))
        reading.files.append(file)
        records = known_records(self, file, records_of(self, file))
        regions = None
        if source.boxes:
            asked = told(records_of(self, file), "Questions", reading.on_progress)
            wanted = {each for r in asked if (each := _picture(r.value)) is not None}
            regions = read_regions(source.boxes, wanted, reading.on_progress)
            reading.files += source.boxes
        for record in records:
            fields = Fields(record)
            row = _row(fields, file.stem)
            if regions is not None and not fields.findings:
                row |= _joined(row, regions, reading.notes)
            yield read_row(record, row, source.images, findings=fields.findings)


def counted_name(question: str) -> str | None:
    """What a question counts: "headlights" of "How many headlights does the black bus have?"."""
    match = _COUNTED.search(" ".join(question.split()))
    return match["name"].strip().casefold() if match else None


def _row(fields: Fields, split: str) -> dict[str, Any]:
    answer = fields.values.get("answer")
    if not isinstance(answer, int) or isinstance(answer, bool) or answer < 0:
        fix = "an answer is a whole number, zero or more"
        fields.fault(FindingKind.WRONG_TYPE, "answer is no count", shown(answer), fix)
        answer = 0
    number = fields.values.get("question_id")
    return {
        "id": f"tallyqa-{split}-{fields.record.line if number is None else number}",
        "question": fields.text("question"),
        "answer": str(answer),
        "image": fields.text("image"),
        "dataset": "tallyqa",
        "split": split,
        "count": answer,
        **fields.others("question", "answer", "image", "question_id"),
    }


def _joined(row: dict[str, Any], regions: Regions, notes: Counter[str]) -> dict[str, Any]:
    """Boxes of the counted things, where their number is the answer; and why there are none."""
    picture, name = picture_key(row["image"]), counted_name(row["question"])
    if name is None:
        notes["no boxes: the question names nothing that is counted"] += 1
        return {}
    # "black and white cows" or "dogs": the whole name first, then its last word.
    named = regions.named(picture, name) if picture is not None else None
    if named is None or picture is None:
        notes["no boxes: the picture is not in the file of boxes"] += 1
        return {}
    named = named or regions.named(picture, name.split()[-1]) or []
    if any(region.is_crowd for region in named):
        notes["no boxes: a crowd that is not told apart"] += 1
        return {}
    if len(named) != row["count"]:
        notes["no boxes: the file has another number of such things"] += 1
        return {}
    notes["boxes joined"] += 1
    return {
        "bboxs": [list(region.box.as_tuple()) for region in named],
        **({"objects": [region.name for region in named]} if named else {}),
    }


def _picture(value: object) -> PictureKey | None:
    image = as_object(value).get("image")
    return picture_key(image) if isinstance(image, str) else None
