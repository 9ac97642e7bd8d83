"""VLMEvalKit's TSV: one question a row, its picture inside as base64."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grit.data.finding import Finding, FindingKind, shown
from grit.data.pictures import picture_format
from grit.data.readers.documents import Record
from grit.data.readers.layouts import layout_error, one_file
from grit.data.readers.mathvista import lettered
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.data.readers.values import as_list
from grit.errors import DataError, PictureError
from grit.records.atomic import atomic_write_bytes

__all__ = ["VlmevalkitReader"]

_LETTERS = "ABCDEFGHIJ"
_NEEDED = ("index", "question", "answer")
_LARGEST_FIELD = 1 << 30
_REFERENCE = 64
"""A shorter text in the column of pictures is the index of the row that has the picture."""

_ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}


@dataclass(frozen=True, slots=True)
class VlmevalkitReader:
    """Reads ``index, image, question, answer, category, A, B, …``."""

    name: str = "vlmevalkit"
    about: str = "any TSV of VLMEvalKit, pictures inside it as base64"
    layouts: tuple[str, ...] = (
        "a .tsv with a heading: index, question, answer, image (base64, or the index of another "
        "row) or image_path; maybe category, hint and choices A, B, C, …",
        "a folder with one such file; --split names one of several",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every row in turn; pictures are written to ``source.pictures``. See ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("*.tsv",),
        )
        reading.files.append(file)
        pictures = _Pictures(source.pictures or file.parent / "images")
        for record in self._records(file):
            fields = Fields(record)
            row = _row(fields, file.stem)
            if record.findings:
                row["image"] = ""
            elif "image" in fields.values:
                row["image"] = pictures.of(fields)
            elif "image_path" in fields.values:
                row["image"] = fields.text("image_path")
            else:
                kind, fix = FindingKind.MISSING_KEY, "download the file again"
                fields.fault(kind, "the row has no picture", str(row["id"]), fix)
            slim = {key: value for key, value in fields.values.items() if key != "image"}
            record = replace(record, value=slim)
            yield read_row(record, row, source.images, findings=fields.findings)

    def _records(self, file: Path) -> Iterator[Record]:
        previous = csv.field_size_limit(_LARGEST_FIELD)
        try:
            size = max(1, file.stat().st_size)
            with file.open("rb") as raw:
                text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
                table = csv.reader(text, delimiter="\t")
                heading = next(table, list[str]())
                missing = [key for key in _NEEDED if key not in heading]
                if missing or not {"image", "image_path"} & set(heading):
                    found = f"its first line is {shown(heading[:12], 160)}"
                    raise layout_error(self, file, found)
                line = table.line_num + 1
                for cells in table:
                    findings: tuple[Finding, ...] = ()
                    if len(cells) != len(heading):
                        problem = f"the row has {len(cells)} columns of {len(heading)}"
                        fix = "download the file again"
                        kind, value = FindingKind.MALFORMED_ROW, shown(cells[:1])
                        findings = (Finding(file, line, kind, problem, value, fix),)
                    values = {
                        key: cell for key, cell in zip(heading, cells, strict=False) if cell != ""
                    }
                    share = min(1.0, raw.tell() / size)
                    yield Record(file, line, share, values, findings=findings)
                    line = table.line_num + 1
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"cannot read {file}: {error}; download the file again") from error
        finally:
            csv.field_size_limit(previous)


class _Pictures:
    """Writes each picture once, under the hash of its bytes, and remembers who has it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of_index: dict[str, str] = {}

    def of(self, fields: Fields) -> str:
        """The file of a row's picture; empty with a fault where there is none."""
        cell, index = str(fields.values["image"]), str(fields.values.get("index"))
        if cell.startswith("["):
            cells = _listed(cell)
            if len(cells) != 1:
                problem = f"the row has {len(cells)} pictures; exactly one is read"
                fix = "leave the row out"
                fields.fault(FindingKind.SEVERAL_PICTURES, problem, index, fix)
                return ""
            cell = cells[0]
        if len(cell) < _REFERENCE:
            if cell not in self._of_index:
                fix = "its picture is base64, or the index of an earlier row"
                problem = "no earlier row has the picture"
                fields.fault(FindingKind.PICTURE_MISSING, problem, shown(cell), fix)
                return ""
            self._of_index[index] = self._of_index[cell]
            return self._of_index[cell]
        name = self._write(cell, fields)
        if name:
            self._of_index[index] = name
        return name

    def _write(self, cell: str, fields: Fields) -> str:
        try:
            content = base64.b64decode(cell, validate=True)
            ending = _ENDINGS.get(picture_format(content), "img")
        except (ValueError, PictureError) as error:
            fix = "download the file again"
            problem = "its picture is no base64 of a picture"
            value = f"{cell[:24]}…: {error}"[:120]
            fields.fault(FindingKind.PICTURE_BROKEN, problem, value, fix)
            return ""
        path = self._folder / f"{hashlib.sha256(content).hexdigest()[:20]}.{ending}"
        # A picture of that name and size is there from a run that was cut short.
        if not path.is_file() or path.stat().st_size != len(content):
            atomic_write_bytes(path, content)
        return str(path.absolute())


def _listed(cell: str) -> list[str]:
    try:
        value: object = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [str(each) for each in as_list(value)]


def _row(fields: Fields, name: str) -> dict[str, Any]:
    values = fields.values
    choices = [values[letter] for letter in _LETTERS if letter in values]
    question, answer = fields.text("question"), fields.text("answer")
    hint = values.get("hint")
    if isinstance(hint, str) and hint.strip():
        question = f"{hint.strip()}\n{question}"
    if choices:
        place = _LETTERS.find(answer.upper()) if len(answer) == 1 else -1
        if 0 <= place < len(choices):
            answer = choices[place]
        elif answer and answer not in choices:
            fix = "with choices, an answer is a letter or the text of a choice"
            fields.fault(
                FindingKind.WRONG_TYPE, "the answer is none of the choices", shown(answer), fix
            )
        question = f"{question}\n{lettered(choices)}"
    extra = fields.others(
        "index", "image", "image_path", "question", "answer", "hint", "split", *_LETTERS
    )
    return {
        "id": f"{name}-{values.get('index')}",
        "question": question,
        "answer": answer,
        "dataset": name,
        **({"split": values["split"]} if "split" in values else {}),
        **extra,
        **({"choices": choices, "question_type": "multi_choice"} if choices else {}),
    }
