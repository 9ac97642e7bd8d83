"""MathVista: one JSON object, an item for each number.

The question is what a model is asked: the item's own ``query`` where the file has it (the
publisher's prompt), else the question with its unit and its lettered choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.readers.layouts import known_records, layout_error, one_file, records_of
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.data.readers.values import as_list, as_object

__all__ = ["MathVistaReader", "lettered"]

_QUESTION_TYPES = ("multi_choice", "free_form")
_USED = ("pid", "question", "query", "image", "answer", "decoded_image")


@dataclass(frozen=True, slots=True)
class MathVistaReader:
    """Reads ``testmini.json``: ``{pid: {question, image, choices, answer, …}}``."""

    name: str = "mathvista"
    about: str = "MathVista: testmini.json with images/"
    layouts: tuple[str, ...] = (
        "testmini.json: one object, {pid: {question, image, choices, unit, precision, answer, "
        "question_type, answer_type, …}}, images/ beside it",
        "the same items as a list or one a line, each with its pid",
        "a folder with testmini.json",
        "the parquet form is not read: write it as JSON first, pictures as files",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every item in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("*.json", "data/*.json", "*.parquet", "data/*.parquet"),
        )
        if file.suffix == ".parquet":
            raise layout_error(self, file, "it is a parquet file")
        reading.files.append(file)
        reading.templates["question"] = "{question} (Unit: {unit})\nChoices:\n(A) …"
        records = known_records(self, file, records_of(self, file))
        for record in records:
            fields = Fields(record)
            # An item of a list, as tables are written, has its number among its fields.
            number = record.key or str(fields.values.get("pid") or record.line)
            row = _row(fields, number, file.stem)
            yield read_row(record, row, source.images or _home(file), findings=fields.findings)


def lettered(choices: list[str]) -> str:
    """Choices as lines: ``(A) …``, ``(B) …``."""
    lines = [f"({chr(ord('A') + number)}) {choice}" for number, choice in enumerate(choices)]
    return "\n".join(("Choices:", *lines))


def _home(file: Path) -> Path | None:
    """Where ``images/…`` starts: the file's folder, or the one above it."""
    above = file.parent.parent
    return above if not (file.parent / "images").is_dir() and (above / "images").is_dir() else None


def _row(fields: Fields, pid: str, split: str) -> dict[str, Any]:
    choices = _choices(fields)
    answer = ""
    if fields.values.get("answer"):
        answer = fields.text("answer")
    else:
        fix = "testmini.json has the answers; those of the test part are not published"
        value = shown(fields.values.get("answer"))
        fields.fault(FindingKind.EMPTY_TEXT, "the item has no answer", value, fix)
    kind = fields.text("question_type")
    if kind and kind not in _QUESTION_TYPES:
        fix = f"it is one of {', '.join(_QUESTION_TYPES)}"
        fields.fault(FindingKind.WRONG_TYPE, "question_type is unknown", shown(kind), fix)
    fields.text("answer_type")
    if answer and choices and answer not in choices:
        fix = "the answer is the text of a choice, not its letter"
        value = f"{shown(answer)} of {shown(choices)}"
        fields.fault(FindingKind.WRONG_TYPE, "the answer is none of the choices", value, fix)
    stated = as_object(fields.values.get("metadata"))
    size = {key: stated.get(f"img_{key}") for key in ("width", "height")}
    extra = fields.others(*_USED, "choices")
    return {
        "id": f"mathvista-{pid}",
        "question": _question(fields, choices),
        "answer": answer,
        "image": fields.text("image"),
        **(size if all(isinstance(side, int) for side in size.values()) else {}),
        "dataset": "mathvista",
        "split": stated.get("split") or split,
        **extra,
        **({"choices": choices} if choices else {}),
    }


def _choices(fields: Fields) -> list[str]:
    value = fields.values.get("choices")
    if not value:
        return []
    items = as_list(value)
    if items and all(isinstance(item, str) for item in items):
        return [item.strip() for item in items]
    fields.fault(
        FindingKind.WRONG_TYPE, "choices is no list of texts", shown(value), "write each quoted"
    )
    return []


def _question(fields: Fields, choices: list[str]) -> str:
    question = fields.text("question")
    query = fields.values.get("query")
    if isinstance(query, str) and query.strip():
        return query.strip()
    unit = fields.values.get("unit")
    if isinstance(unit, str) and unit.strip():
        question += f" (Unit: {unit.strip()})"
    return f"{question}\n{lettered(choices)}" if choices else question
