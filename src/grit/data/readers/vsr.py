"""VSR (Visual Spatial Reasoning): captions that are true or false of a picture.

A caption becomes a question by one template, ``QUESTION``. It fits every caption, with "is" or
without it, and changes no word of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.readers.documents import line_records
from grit.data.readers.layouts import known_records, one_file
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row

__all__ = ["QUESTION", "VsrReader", "question_of"]

QUESTION = "Is it true that {caption}?"
"""``{caption}`` without its full stop, its first article in lower case."""

_VOTES = ("vote_true_validator_id", "vote_false_validator_id")
_ANSWERS = {0: "No", 1: "Yes"}
_ARTICLES = ("The", "A", "An", "There", "Some", "This", "That")


@dataclass(frozen=True, slots=True)
class VsrReader:
    """Reads ``{image, caption, label, relation, subj, obj, …}``, one a line."""

    name: str = "vsr"
    about: str = "Visual Spatial Reasoning: captions become yes/no questions"
    layouts: tuple[str, ...] = (
        "a .jsonl file with image, caption, label (0 or 1) and relation",
        "a folder with train.jsonl, dev.jsonl, test.jsonl (splits/random or splits/zeroshot); "
        "--split names one",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every caption in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("*.jsonl", "splits/*/*.jsonl"),
        )
        reading.files.append(file)
        reading.templates["question"] = QUESTION
        records = known_records(self, file, line_records(file))
        for record in records:
            fields = Fields(record)
            row = _row(fields, file.stem)
            yield read_row(record, row, source.images, findings=fields.findings)


def question_of(caption: str) -> str:
    """The question that asks whether a caption is true.

    "The cake is next to the person." becomes "Is it true that the cake is next to the person?"
    """
    text = caption.strip().rstrip(".!?").rstrip()
    first, _, rest = text.partition(" ")
    if first in _ARTICLES:
        text = f"{first.lower()} {rest}"
    return QUESTION.format(caption=text)


def _row(fields: Fields, split: str) -> dict[str, Any]:
    caption, image = fields.text("caption"), fields.text("image")
    fields.text("relation")
    return {
        "id": f"vsr-{split}-{fields.record.line}",
        "question": question_of(caption),
        "answer": _answer(fields),
        "image": image,
        "dataset": "vsr",
        "split": split,
        **fields.others("image", "label", *_VOTES),
        **{key: votes for key in _VOTES if (votes := _votes(fields, key)) is not None},
    }


def _answer(fields: Fields) -> str:
    label = fields.values.get("label")
    if isinstance(label, int) and not isinstance(label, bool) and label in _ANSWERS:
        return _ANSWERS[label]
    fix = "a label is 0 (the caption is false) or 1 (it is true)"
    fields.fault(FindingKind.WRONG_TYPE, "label is neither 0 nor 1", shown(label), fix)
    return ""


def _votes(fields: Fields, key: str) -> object:
    """The validators who voted: VSR writes the list as a text."""
    value = fields.values.get(key)
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
