"""Single typed records as readable JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from grit.errors import RunFolderError
from grit.records.atomic import atomic_write_text
from grit.records.rows import Row

__all__ = ["read_json", "read_text", "write_json"]

RowT = TypeVar("RowT", bound=Row)


def write_json(path: Path, row: Row) -> None:
    """Write one typed record as a readable JSON file, whole or not at all."""
    atomic_write_text(path, row.model_dump_json(indent=2) + "\n")


def read_json(path: Path, row_type: type[RowT]) -> RowT:
    """Read one typed record.

    Raises:
        RunFolderError: If the file is missing or holds something else.
    """
    text = read_text(path)
    try:
        return row_type.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RunFolderError(
            f"{path} is no {row_type.__name__}: {where}: {first['msg']}; restore the file, or "
            "write it again with the command that made it"
        ) from error


def read_text(path: Path) -> str:
    """Read one of a run's text files.

    Raises:
        RunFolderError: If it is missing, or no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{path} is missing; the run was stopped before it was written, or the file was moved"
        ) from error
    except UnicodeDecodeError as error:
        raise RunFolderError(f"{path} is no UTF-8 text: {error}; restore the file") from error
