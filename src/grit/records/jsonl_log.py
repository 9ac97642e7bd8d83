"""Append-only JSONL files of typed rows: written row by row, read back strictly.

A killed process can tear the last line of a file and no other. So a torn last line is reported and
left out; any other line that cannot be read is an error that names file and line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from grit.errors import RunFolderError
from grit.records.atomic import atomic_write_bytes
from grit.records.rows import ROW_VERSION, Row

__all__ = [
    "JsonlLog",
    "ReadRows",
    "append_superseded",
    "iterate_rows",
    "read_rows",
    "superseded_path",
    "truncate_after_step",
]

RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True)
class ReadRows(Generic[RowT]):
    """The rows of a file.

    Args:
        rows: In the order of the file.
        torn: The last line, when it was cut short by a kill; None when the file is whole.
    """

    rows: list[RowT]
    torn: str | None = None


class JsonlLog(Generic[RowT]):
    """Appends rows of one type to a file; every row is on its way to the disk when it returns.

    Args:
        path: The file; made, with its folder, when the log is opened.
        row_type: The only type of row that it takes.
        fsync: Wait for the disk after each append, at some cost in time.
    """

    def __init__(self, path: Path, row_type: type[RowT], *, fsync: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _set_torn_end_aside(path)
        self.path = path
        self._row_type = row_type
        self._fsync = fsync
        self._stream = path.open("a", encoding="utf-8", newline="\n")

    def append(self, row: RowT) -> None:
        """Write one row."""
        self.extend((row,))

    def extend(self, rows: Iterable[RowT]) -> None:
        """Write rows in one piece.

        Raises:
            RunFolderError: If a row is of another type.
        """
        lines: list[str] = []
        for row in rows:
            if type(row) is not self._row_type:
                raise RunFolderError(
                    f"{self.path} takes rows of type {self._row_type.__name__}, not "
                    f"{type(row).__name__}; write it to the file of its own type"
                )
            lines.append(row.model_dump_json() + "\n")
        self._stream.write("".join(lines))
        self._stream.flush()
        if self._fsync:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._stream.close()

    def __enter__(self) -> JsonlLog[RowT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_rows(path: Path, row_type: type[RowT]) -> ReadRows[RowT]:
    """Read a whole file.

    Raises:
        RunFolderError: If it is missing, or a line before the last cannot be read.
    """
    rows: list[RowT] = []
    for item in iterate_rows(path, row_type):
        if isinstance(item, str):
            return ReadRows(rows, torn=item)
        rows.append(item)
    return ReadRows(rows)


def iterate_rows(path: Path, row_type: type[RowT]) -> Iterator[RowT | str]:
    """Read a file row by row; a torn last line comes last, as the text that is left of it.

    Raises:
        RunFolderError: If it is missing, or a line before the last cannot be read.
    """
    if not path.is_file():
        raise RunFolderError(f"{path} is missing; give the folder of a run that wrote it")
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            whole = line.endswith(b"\n")
            try:
                yield row_type.model_validate_json(line)
            except ValidationError as error:
                if not whole:
                    yield line.decode("utf-8", errors="replace")
                    return
                raise RunFolderError(_broken_line(path, number, line, row_type, error)) from error


def superseded_path(path: Path) -> Path:
    """Where the rows of steps that were done again are kept: ``steps.superseded.jsonl``."""
    return path.with_name(f"{path.stem}.superseded{path.suffix}")


def append_superseded(path: Path, content: bytes) -> None:
    """Keep lines of a file that are about to be replaced in its side file, which only grows."""
    _append_durably(superseded_path(path), content)


def truncate_after_step(path: Path, step: int) -> int:
    """Move the rows after a step to the side file, so that a resumed run can write them anew.

    What stays is what an unbroken run would have written by then, byte for byte. A torn last line
    moves too. Nothing is lost: the side file grows, it is never rewritten.

    Args:
        path: A log whose rows have a ``step``; a missing file is an empty one.
        step: The last step to keep.

    Returns:
        How many lines were moved.

    Raises:
        RunFolderError: If a line before the last cannot be read, or has no step.
    """
    if not path.exists():
        return 0
    kept: list[bytes] = []
    moved: list[bytes] = []
    for number, line in enumerate(BytesIO(path.read_bytes()), start=1):
        if not line.strip():
            continue
        whole = line.endswith(b"\n")
        found = _step_of(line)
        if found is None and whole:
            raise RunFolderError(
                f"{path}, line {number}: no row with a step: {_shown(line)}; mend or remove the "
                "line, then resume again"
            )
        if found is None or found > step:
            moved.append(line if whole else line + b"\n")
        else:
            kept.append(line if whole else line + b"\n")
    if moved:
        # First the copy, then the cut: a kill between the two leaves a row twice, never nowhere.
        _append_durably(superseded_path(path), b"".join(moved))
        atomic_write_bytes(path, b"".join(kept))
    return len(moved)


def _step_of(line: bytes) -> int | None:
    try:
        row: object = json.loads(line)
    except (ValueError, UnicodeDecodeError):
        return None
    if not isinstance(row, dict):
        return None
    step = cast("dict[str, Any]", row).get("step")
    return step if isinstance(step, int) else None


def _set_torn_end_aside(path: Path) -> None:
    """Give the next row a line of its own: a torn end would swallow it."""
    if not path.exists() or path.stat().st_size == 0:
        return
    content = path.read_bytes()
    if content.endswith(b"\n"):
        return
    start = content.rfind(b"\n") + 1
    try:
        json.loads(content[start:])
    except ValueError:
        _append_durably(superseded_path(path), content[start:] + b"\n")
        atomic_write_bytes(path, content[:start])
    else:
        _append_durably(path, b"\n")


def _append_durably(path: Path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", errors="replace").strip()
    return text if len(text) <= 80 else text[:77] + "..."


def _broken_line(
    path: Path, number: int, line: bytes, row_type: type[Row], error: ValidationError
) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    said = f"{where}: {first['msg']}" if where else first["msg"]
    fix = "restore the file from a copy, or remove the line"
    version = _version_of(line)
    if version is not None and version > ROW_VERSION:
        fix = f"it was written by a newer grit (row version {version}); upgrade grit to read it"
    return f"{path}, line {number}: not a {row_type.__name__} ({said}): {_shown(line)}; {fix}"


def _version_of(line: bytes) -> int | None:
    try:
        row: object = json.loads(line)
    except ValueError:
        return None
    version = cast("dict[str, Any]", row).get("version") if isinstance(row, dict) else None
    return version if isinstance(version, int) else None
