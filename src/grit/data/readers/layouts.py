"""Which file a user means, and what to say when it has another layout than a reader knows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from grit.data.finding import shown
from grit.data.readers.documents import Record, document_records, line_records, starts_with
from grit.data.readers.reader import Reader, Source
from grit.data.readers.values import as_object
from grit.errors import DataError

__all__ = ["TELLING_KEYS", "known_records", "layout_error", "one_file", "only_file", "records_of"]

TELLING_KEYS = {
    "vsr": frozenset({"image", "caption", "label", "relation"}),
    "tallyqa": frozenset({"image", "question", "answer", "issimple"}),
    "gqa": frozenset({"question", "imageId", "answer"}),
    "mathvista": frozenset({"question", "image", "question_type", "answer_type"}),
    "visual-cot": frozenset({"image", "conversations"}),
    "grit-data": frozenset({"question", "answer", "image"}),
}
"""Keys that tell one set's records from another's, the most telling sets first."""

_LOOKED_AT = 20
"""Records that are looked at before a file is said to have another layout."""


def layout_error(reader: Reader, path: Path, found: str) -> DataError:
    """The error for a source that a reader does not know.

    Args:
        reader: Whose layouts are named.
        path: What the user named.
        found: What is there, as a clause.
    """
    known = "\n".join(f"  - {layout}" for layout in reader.layouts)
    return DataError(
        f"{path} has no layout that the reader {reader.name} knows: {found}.\nIt knows:\n{known}\n"
        "Name such a file or folder with --from, or another reader (grit data prepare --help "
        "lists them)"
    )


def one_file(
    reader: Reader,
    source: Source,
    patterns: Sequence[str],
    *,
    fits: Callable[[Path], bool] = lambda _: True,
) -> Path:
    """The one file that a user means.

    Args:
        reader: Who will read it.
        source: Its path is a file, which is taken as it is, or a folder; its split keeps files
            whose name, or whose folder's, has it as a whole word.
        patterns: Globs under the folder; the first that finds something counts.
        fits: Whether a file of the pattern is of the set, by its name.

    Raises:
        DataError: If there is none, or more than one.
    """
    path, split = source.path, source.split
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"{path} is not there; name the {reader.name} file or folder with --from")
    found: list[Path] = []
    for pattern in patterns:
        found = [each for each in sorted(path.glob(pattern)) if each.is_file() and fits(each)]
        if found:
            break
    chosen = [each for each in found if split is None or split in _words(each)]
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise layout_error(reader, path, f"the folder holds {_listing(path)}")
    names = ", ".join(str(each.relative_to(path)) for each in (chosen or found)[:8])
    if not chosen:
        raise DataError(f"{path} has no file of the split {split}; it has {names}")
    raise DataError(f"{path} holds several: {names}; name one with --from, or --split")


def only_file(paths: Sequence[Path]) -> Path | None:
    """The one file of boxes that a reader takes; None where none is named.

    Raises:
        DataError: If there are several.
    """
    if len(paths) > 1:
        names = ", ".join(map(str, paths))
        raise DataError(f"one file of boxes is read here, and --boxes names {names}; name one")
    return paths[0] if paths else None


def records_of(reader: Reader, path: Path) -> Iterator[Record]:
    """Records of a JSON document or of JSON Lines, whichever the file is.

    Raises:
        DataError: If it is neither; names the reader's layouts.
    """
    if path.suffix == ".jsonl":
        return line_records(path)
    first = starts_with(path)
    if first == "[":
        return document_records(path)
    if first == "{":
        # One object over many lines is a document; one on each line is JSON Lines.
        return line_records(path) if _is_json_lines(path) else document_records(path)
    found = f"it is no JSON, it starts with {shown(first)}" if first else "the file is empty"
    raise layout_error(reader, path, found)


def known_records(
    reader: Reader, path: Path, records: Iterable[Record], keys: frozenset[str] | None = None
) -> Iterator[Record]:
    """The records, once one of the first few has the keys of the set.

    Args:
        reader: Whose set it is.
        path: The file.
        records: Its records.
        keys: Which keys; None takes the reader's of ``TELLING_KEYS``.

    Raises:
        DataError: If none has: the file is of another layout.
    """
    wanted = TELLING_KEYS[reader.name] if keys is None else keys
    stream = iter(records)
    first = list(itertools.islice(stream, _LOOKED_AT))
    objects = [row for each in first if (row := as_object(each.value))]
    if not any(wanted <= each.keys() for each in objects):
        if objects:
            found = f"its records have the keys {', '.join(objects[0])[:200]}"
        elif first:
            reason = first[0].findings[0].text if first[0].findings else shown(first[0].value)
            found = f"its records are no objects: {reason}"
        else:
            found = "it holds no records"
        raise layout_error(reader, path, found + _hint(objects, reader.name))
    return itertools.chain(first, stream)


def _hint(objects: Sequence[dict[str, Any]], name: str) -> str:
    """Which other reader knows such records."""
    for other, keys in TELLING_KEYS.items():
        if other != name and any(keys <= each.keys() for each in objects):
            return f" (the reader {other} knows these)"
    return ""


def _is_json_lines(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(1 << 20).strip()
        return first.endswith(b"}") and bool(file.readline(1 << 20).strip())


def _words(path: Path) -> set[str]:
    """The whole words of a file's name and of the folder that it is in."""
    text = f"{path.parent.name} {path.stem}"
    for mark in "._-":
        text = text.replace(mark, " ")
    return {*text.split(), path.stem, path.name}


def _listing(folder: Path) -> str:
    names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in folder.iterdir())
    rest = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + rest if names else "nothing"
