"""Records of large files, one by one, each with its line: JSON documents and JSON Lines.

A document is decoded item by item, so an item's line is known and only one is held at a time.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from grit.data.finding import Finding, FindingKind, shown
from grit.data.jsonl import scan_objects
from grit.errors import DataError

__all__ = [
    "Progress",
    "Record",
    "count_lines",
    "document_lists",
    "document_records",
    "line_records",
    "read_text",
    "silent",
    "starts_with",
    "told",
]

Progress = Callable[[str, float], None]
"""Told of each stage by name, and how much of it is done, 0 to 1."""

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a publisher's file.

    Args:
        file: The file.
        line: The line that it starts on, from 1.
        share: How far into the file it stands, 0 to 1.
        value: What JSON made of it; None where it made nothing.
        key: Its key, where the file is one object; empty elsewhere.
        findings: Why it cannot be read.
    """

    file: Path
    line: int
    share: float
    value: Any
    key: str = ""
    findings: tuple[Finding, ...] = ()


def read_text(path: Path) -> str:
    """A whole file as text.

    Raises:
        DataError: If it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot read {path}: {reason}; name a file of the benchmark") from error


def starts_with(path: Path) -> str:
    """The first character of a file that is no blank: ``[`` or ``{`` for JSON; empty for none.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot read {path}: {reason}; name a file of the benchmark") from error
    return head.decode("utf-8-sig", errors="replace").strip()[:1]


def line_records(path: Path) -> Iterator[Record]:
    """Every line of a JSON Lines file.

    Raises:
        DataError: If the file cannot be read at all.
    """
    num_lines = max(1, count_lines(path))
    for line, value, findings in scan_objects(path):
        yield Record(path, line, min(1.0, line / num_lines), value, findings=tuple(findings))


def count_lines(path: Path) -> int:
    """Line ends of a file, for progress.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot read {path}: {reason}; name a file of the benchmark") from error


def document_records(path: Path) -> Iterator[Record]:
    """Every item of a JSON list, or every value of a JSON object with its key.

    An item that is no JSON ends the file: what follows it cannot be found.

    Raises:
        DataError: If the file is no JSON list or object, or is cut short; names the line.
    """
    walker = _Walker(path, read_text(path))
    yield from walker.items()
    walker.end()


def silent(stage: str, share: float) -> None:
    """Show no progress."""


def told(records: Iterable[Record], stage: str, on_progress: Progress) -> Iterator[Record]:
    """The records as they come, with word of how far they are now and then."""
    for number, record in enumerate(records):
        if number % 500 == 0:
            on_progress(stage, record.share)
        yield record
    on_progress(stage, 1.0)


def document_lists(path: Path, names: Collection[str]) -> dict[str, list[Record]]:
    """Lists that stand in one JSON object (COCO's ``images``, ``annotations``), item by item.

    Args:
        path: The file.
        names: Keys of the lists; other values are passed over.

    Returns:
        Those of the lists that the object has.

    Raises:
        DataError: If the file is no JSON object, or is cut short; names the line.
    """
    walker = _Walker(path, read_text(path))
    lists: dict[str, list[Record]] = {}
    for key in walker.members():
        if key in names and walker.peek() == "[":
            lists[key] = list(walker.items())
        else:
            walker.decode()
    walker.end()
    return lists


class _Walker:
    """A place in a JSON text that moves forward, item by item."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text
        self._decoder = json.JSONDecoder()
        self._place = 0
        self._counted, self._line = 0, 1

    @property
    def share(self) -> float:
        return self._place / max(1, len(self._text))

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        match = _SPACE.match(self._text, self._place)
        self._place = match.end() if match else self._place
        return self._text[self._place : self._place + 1]

    def _skip(self) -> None:
        self._place += 1

    def expect(self, mark: str) -> None:
        found = self.peek()
        if found != mark:
            self._fail(f"'{mark}' is missing" if found else "the file is cut short")
        self._skip()
        self.peek()

    def decode(self) -> Any:
        self.peek()
        try:
            value, self._place = self._decoder.raw_decode(self._text, self._place)
        except json.JSONDecodeError as error:
            self._place = min(error.pos, len(self._text))
            at_end = not self._text[self._place :].strip()
            self._fail("the file is cut short" if at_end else f"malformed JSON: {error.msg}")
        except (ValueError, RecursionError) as error:
            self._fail(f"unreadable JSON: {error}")
        return value

    def items(self) -> Iterator[Record]:
        """Items of the list, or values of the object, that starts here."""
        if self.peek() != "[":
            seen: dict[str, int] = {}
            for key in self.members():
                line = self.line()
                findings: tuple[Finding, ...] = ()
                if key in seen:
                    problem = f"the key stands on line {seen[key]} already"
                    kind, fix = FindingKind.DUPLICATE_ID, "keep one of the two"
                    findings = (Finding(self._path, line, kind, problem, shown(key), fix),)
                seen.setdefault(key, line)
                yield Record(self._path, line, self.share, self.decode(), key, findings)
            return
        for _ in self._parts("[", "]"):
            line = self.line()
            yield Record(self._path, line, self.share, self.decode())

    def members(self) -> Iterator[str]:
        """Keys of the object that starts here; the caller takes the value behind each."""
        for _ in self._parts("{", "}"):
            key = str(self.decode())
            self.expect(":")
            yield key

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        """Stop at each part between two brackets and commas."""
        if self.peek() != opening:
            start = shown(self._text[self._place : self._place + 40])
            raise DataError(f"{self._path} is no JSON list or object (it starts with {start})")
        self._skip()
        for number in itertools.count():
            if self.peek() == closing:
                self._skip()
                return
            if number:
                self.expect(",")
            yield

    def end(self) -> None:
        """Nothing may follow the document."""
        if self.peek():
            self._fail("something follows the end of the JSON document")

    def line(self) -> int:
        """The line of the present place; counted once over the whole walk."""
        self.peek()
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    def _fail(self, problem: str) -> NoReturn:
        line = 1 + self._text.count("\n", 0, self._place)
        raise DataError(f"{self._path}, line {line}: {problem}; download the file again")
