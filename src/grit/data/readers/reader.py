"""The seam of all readers: what a user names, what a reader gives back, and how rows are made.

A reader turns each record of a publisher's file into a row with our own keys; ``rows.RowReader``
then holds it to the same rules as any row of a user's file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from grit.data.finding import Finding, FindingKind, shown
from grit.data.readers.documents import Progress, Record, silent
from grit.data.readers.values import as_object
from grit.data.rows import RowReader
from grit.data.sample import Sample

__all__ = ["Fields", "ReadRow", "Reader", "Reading", "Source", "read_row"]


@dataclass(frozen=True, slots=True)
class Source:
    """What a user names.

    Args:
        path: The publisher's file, or the folder that holds it.
        images: Folder of the pictures; None looks where the publisher puts them.
        split: Which part, where a folder holds several.
        boxes: Further files that boxes come from (scene graphs, objects, instances).
        categories: Parts of the set to read; empty reads all.
        pictures: Where pictures that are embedded in the file are written.
    """

    path: Path
    images: Path | None = None
    split: str | None = None
    boxes: tuple[Path, ...] = ()
    categories: tuple[str, ...] = ()
    pictures: Path | None = None


@dataclass
class Reading:
    """One pass over a source: what it read from, and what it has to tell beside the rows.

    Args:
        source: What the user named.
        files: Every file that rows or boxes came from.
        notes: How often something happened that is no fault (``no object of that name``).
        templates: Sentences that questions were made with, by name.
        on_progress: Told how far a pass over a further file is.
    """

    source: Source
    files: list[Path] = field(default_factory=list[Path])
    notes: Counter[str] = field(default_factory=Counter[str])
    templates: dict[str, str] = field(default_factory=dict[str, str])
    on_progress: Progress = silent


@dataclass(frozen=True, slots=True)
class ReadRow:
    """What one record gave.

    Args:
        file: The file it stands in.
        line: Where it starts, from 1.
        share: How far into the source it stands, 0 to 1.
        sample: The sample; None where it has a fault or is left out.
        image_name: The picture as the record names it.
        findings: Why it cannot be used.
        left_out: Why a sound record is no sample of this set; empty for all others.
        record: The record as it was, for the list of rejected rows.
    """

    file: Path
    line: int
    share: float
    sample: Sample | None
    image_name: str
    findings: tuple[Finding, ...]
    left_out: str
    record: Any


class Reader(Protocol):
    """Reads one benchmark in its publisher's own layout."""

    @property
    def name(self) -> str:
        """The word for it on the command line."""
        ...

    @property
    def about(self) -> str:
        """What it is, in one line."""
        ...

    @property
    def layouts(self) -> tuple[str, ...]:
        """The layouts that it knows, one line each."""
        ...

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every record in turn.

        Raises:
            DataError: If the source has another layout, or cannot be read at all.
        """
        ...


class Fields:
    """The fields of one record, and what is wrong with them.

    Args:
        record: The record; one that is no object has no fields.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.values: dict[str, Any] = as_object(record.value)
        self.findings: list[Finding] = []

    def text(self, key: str) -> str:
        """A text that says something; a fault and an empty text otherwise."""
        value = self.values.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is None:
            known = ", ".join(self.values) or "no keys"
            problem = f"key '{key}' is missing"
            self.fault(FindingKind.MISSING_KEY, problem, known[:120], "restore it from the source")
        elif isinstance(value, str):
            fix = f"write the {key}, or leave the record out"
            self.fault(FindingKind.EMPTY_TEXT, f"{key} is empty", shown(value), fix)
        else:
            self.fault(FindingKind.WRONG_TYPE, f"{key} is no text", shown(value), "write it quoted")
        return ""

    def others(self, *used: str) -> dict[str, Any]:
        """The fields that are not named, but for those that hold nothing."""
        return {
            key: value
            for key, value in self.values.items()
            if key not in used and value is not None
        }

    def fault(self, kind: FindingKind, problem: str, value: str, fix: str) -> None:
        """Note why the record cannot be used."""
        self.findings.append(Finding(self.record.file, self.record.line, kind, problem, value, fix))


def read_row(
    record: Record,
    row: Mapping[str, Any],
    images: Path | None,
    *,
    findings: Iterable[Finding] = (),
    left_out: str = "",
) -> ReadRow:
    """Turn a row with our own keys into a sample, under the rules of every row.

    Args:
        record: Where it came from.
        row: The row; an ``image`` with a full path is taken as it is.
        images: Folder that other names of pictures start from.
        findings: What the reader itself found wrong; with any, there is no sample.
        left_out: Why the record is no sample of the set.
    """
    # A record that could not be read has no fields, which would be faults of their own.
    faults = list(record.findings or findings)
    sample = None
    if not faults and not left_out:
        reader = RowReader(row, record.file, record.line, images)
        sample, faults = reader.read(), reader.findings
    return ReadRow(
        file=record.file,
        line=record.line,
        share=record.share,
        sample=sample,
        image_name=str(row.get("image", "")),
        findings=tuple(faults),
        left_out=left_out,
        record=record.value,
    )
