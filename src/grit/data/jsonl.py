"""Files of samples: one JSON object a line, a superset of GRIT_data's rows.

Keys: question, answer, image; and, where known, id (or question_id), width, height, bboxs (xyxy
pixels of the original picture), dataset, split, count. Anything else is kept in ``Sample.extra``.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from grit.data.finding import Finding, FindingKind, error_of, shown
from grit.data.rows import RowReader, is_unicode, row_of_sample
from grit.data.sample import Sample
from grit.errors import DataError
from grit.records.atomic import atomic_write_text

__all__ = [
    "ScannedRow",
    "missing_picture",
    "read_samples",
    "scan_objects",
    "scan_rows",
    "write_samples",
]


@dataclass(frozen=True, slots=True)
class ScannedRow:
    """What one line of a file gave.

    Args:
        line: The line, from 1.
        sample: The sample; None when ``findings`` holds a fault.
        image: Where its picture should be; None when the row does not say.
        findings: What is wrong with the row.
        bboxs: What stands under the key, refused or not.
    """

    line: int
    sample: Sample | None
    image: Path | None
    findings: tuple[Finding, ...]
    bboxs: object = None


def read_samples(
    path: Path, *, images: Path | None = None, limit: int | None = None, must_exist: bool = False
) -> list[Sample]:
    """Read a file of samples; pictures stay closed.

    Args:
        path: The JSONL file.
        images: Folder of the pictures; None looks beside the file, then in ``images/`` there.
        limit: Rows to read at most; later rows are not looked at.
        must_exist: Whether a picture that is not there is a fault now, with its line, rather
            than later, when the picture is opened.

    Returns:
        The samples in the order of the file, at least one.

    Raises:
        DataError: If the file cannot be read or is empty, or a row is wrong: names file, line,
            value and fix of the first five faults.
    """
    if limit is not None and limit < 1:
        raise DataError(f"limit={limit} reads no sample of {path}; give 1 or more, or none")
    samples: list[Sample] = []
    faults: list[Finding] = []
    num_faults = 0
    for num_rows, scanned in enumerate(scan_rows(path, images=images), start=1):
        found = list(scanned.findings)
        if must_exist and scanned.image is not None and not scanned.image.is_file():
            found.append(missing_picture(path, scanned.line, scanned.image))
        num_faults += len(found)
        # A large foreign file may be wrong on every line; the error names the first few.
        faults += found[: max(0, 10 - len(faults))]
        if scanned.sample is not None:
            samples.append(scanned.sample)
        if num_rows == limit:
            break
    if faults:
        raise error_of(faults, num_faults)
    if not samples:
        raise DataError(f"{path} holds no rows; write one JSON object a line")
    return samples


def scan_rows(path: Path, *, images: Path | None = None) -> Iterator[ScannedRow]:
    """Every row of a file in turn, with its faults; blank lines are passed over.

    Raises:
        DataError: If the file or the folder of pictures cannot be read at all.
    """
    if images is not None and not images.is_dir():
        raise DataError(f"{images} is no folder of pictures; name the folder that holds them")
    line_of_id: dict[str, int] = {}
    for line, row, findings in scan_objects(path):
        sample = image = None
        if row is not None:
            reader = RowReader(row, path, line, images)
            sample, image, findings = reader.read(), reader.image, reader.findings
        if sample is not None:
            first = line_of_id.setdefault(sample.id, line)
            if first != line:
                findings.append(
                    Finding(
                        path,
                        line,
                        FindingKind.DUPLICATE_ID,
                        f"the id stands on line {first} already",
                        shown(sample.id),
                        "give each row an id of its own, or leave ids out",
                    )
                )
                sample = None
        bboxs = None if row is None else row.get("bboxs")
        yield ScannedRow(line, sample, image, tuple(findings), bboxs)


def scan_objects(path: Path) -> Iterator[tuple[int, dict[str, Any] | None, list[Finding]]]:
    """Every line in turn: its number, its JSON object or None, and why there is none.

    Blank lines are passed over; what the objects hold is not looked at.

    Raises:
        DataError: If the file cannot be read at all.
    """
    for line, raw in _lines(path):
        yield line, *_parse(raw, path, line)


def write_samples(path: Path, samples: Sequence[Sample], *, overwrite: bool = False) -> None:
    """Write samples as rows that read back equal.

    Pictures inside the file's folder are named relative to it, others by their full path. The
    file appears whole or not at all.

    Raises:
        DataError: If there is nothing to write, two samples share an id, the file exists and
            ``overwrite`` is off, or the folder cannot be written.
        RunFolderError: If the disk is full; an older file is left as it was.
        SpaceMismatchError: If a box is not in pixels.
    """
    if not samples:
        raise DataError(f"no samples to write to {path}; an empty file cannot be read back")
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; choose another name, or overwrite it on purpose")
    seen: set[str] = set()
    lines: list[str] = []
    for sample in samples:
        if sample.id in seen:
            raise DataError(f"two samples share the id {shown(sample.id)}; give each its own")
        seen.add(sample.id)
        row = row_of_sample(sample, path.parent)
        line = json.dumps(row, ensure_ascii=False)
        lines.append((line if is_unicode(line) else json.dumps(row)) + "\n")
    try:
        atomic_write_text(path, "".join(lines))
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot write {path}: {reason}; choose another folder") from error


def missing_picture(file: Path, line: int, image: Path) -> Finding:
    """The finding for a picture that is not where its row says."""
    return Finding(
        file,
        line,
        FindingKind.PICTURE_MISSING,
        "the picture is not there",
        str(image),
        "correct the name, or name the folder of the pictures (--images)",
    )


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers; a byte-order mark is dropped."""
    try:
        with path.open("rb") as file:
            for line, raw in enumerate(file, start=1):
                if line == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise DataError(f"{path} is UTF-16 text; save it as UTF-8")
                text = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
                if text.strip():
                    yield line, text
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot read {path}: {reason}; name a JSONL file of samples") from error


def _parse(raw: bytes, path: Path, line: int) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The JSON object on a line, or why there is none."""
    fix = "write one JSON object a line"
    value: object = None
    text = raw.decode("utf-8", errors="replace").strip()
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        problem, fix = f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8"
    except _RepeatedKeyError as error:
        problem, fix = f"key '{error.key}' stands twice in one object", "keep one of the two"
    except json.JSONDecodeError as error:
        problem = f"malformed JSON: {error.msg} at column {error.colno}"
        if text.startswith("["):
            fix = "the file looks like one JSON list: " + fix
    except (ValueError, RecursionError) as error:  # numbers too long, nesting too deep
        problem = f"unreadable JSON: {error}"
    else:
        if isinstance(value, dict):
            return cast("dict[str, Any]", value), []
        problem = f"the row is {_JSON_NAMES.get(type(value), 'null')}, not an object"
    shortened = text if len(text) <= 80 else text[:79] + "…"
    return None, [Finding(path, line, FindingKind.MALFORMED_ROW, problem, shortened, fix)]


_JSON_NAMES: dict[type, str] = {
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


class _RepeatedKeyError(ValueError):
    """An object names a key twice; ``json`` alone would keep the last in silence."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return made
