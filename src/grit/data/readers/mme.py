"""MME: two yes/no questions on each picture, in the three folder layouts that it is found in.

Both questions of a picture share ``pair``: acc+ pays only where both are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.readers.documents import Record, read_text
from grit.data.readers.layouts import layout_error
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.errors import DataError

__all__ = ["MmeReader"]

_ENDINGS = (".jpg", ".png", ".jpeg")
_QUESTIONS = "questions_answers_YN"


@dataclass(frozen=True, slots=True)
class _Line:
    """One question: where it stands, its category, its picture's name and file, its columns."""

    file: Path
    line: int
    category: str
    image: str
    picture: Path | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MmeReader:
    """Reads the official folders, or one tab-separated file a category."""

    name: str = "mme"
    about: str = "MME: two yes/no questions a picture, by category"
    layouts: tuple[str, ...] = (
        "<category>/ with a .txt beside each .jpg or .png, two lines question⇥Yes or No",
        "<category>/images/ and <category>/questions_answers_YN/",
        "<category>.txt with image⇥question⇥answer, maybe ⇥response",
        "one of these, or the folder that holds the categories; --categories chooses some",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every question in turn; see ``Reader.read``."""
        source = reading.source
        lines = list(self._lines(source.path, source.images))
        known = tuple(dict.fromkeys(each.category for each in lines))
        for category in source.categories:
            if category not in known:
                raise DataError(
                    f"{source.path} has no category {category}; it has {', '.join(known)}"
                )
        reading.files += dict.fromkeys(
            each.file
            for each in lines
            if not source.categories or each.category in source.categories
        )
        of_pair = Counter((each.category, each.image) for each in lines)
        for number, each in enumerate(lines, start=1):
            record = Record(each.file, each.line, number / len(lines), "\t".join(each.columns))
            fields = Fields(record)
            row = _row(each, fields, of_pair[each.category, each.image])
            left_out = ""
            if source.categories and each.category not in source.categories:
                left_out = f"category {each.category} was not asked for"
            yield read_row(record, row, source.images, findings=fields.findings, left_out=left_out)

    def _lines(self, path: Path, images: Path | None) -> Iterator[_Line]:
        """Lines of whichever layout the path has."""
        if path.is_file():
            if not _is_table(path):
                found = "its first line is not image⇥question⇥answer"
                raise layout_error(self, path, found)
            yield from _of_table(path, images)
            return
        if not path.is_dir():
            raise DataError(f"{path} is not there; name MME's folder or file with --from")
        if _is_category(path):
            yield from _of_folder(path, images)
            return
        folders = [each for each in sorted(path.iterdir()) if each.is_dir() and _is_category(each)]
        tables = [each for each in sorted(path.glob("*.txt")) if _is_table(each)]
        if not folders and not tables:
            names = ", ".join(sorted(each.name for each in path.iterdir())[:8]) or "nothing"
            raise layout_error(self, path, f"the folder holds {names}")
        for folder in folders:
            yield from _of_folder(folder, images)
        for table in tables:
            yield from _of_table(table, images)


def _is_category(folder: Path) -> bool:
    """Whether a folder is one category: texts beside pictures, or its two folders."""
    if (folder / _QUESTIONS).is_dir():
        return True
    texts = sorted(folder.glob("*.txt"))
    return bool(texts) and not _is_table(texts[0])


def _is_table(file: Path) -> bool:
    """Whether a text names a picture on its first line, in three columns or more."""
    first = next((line for line in read_text(file).splitlines() if line.strip()), "")
    return first.count("\t") >= 2


def _of_folder(folder: Path, images: Path | None) -> Iterator[_Line]:
    parted = (folder / _QUESTIONS).is_dir()
    texts = sorted((folder / _QUESTIONS if parted else folder).glob("*.txt"))
    homes = [folder / "images"] if parted else [folder]
    if images is not None:
        homes = [images / folder.name / "images", images / folder.name, images, *homes]
    for text in texts:
        names = [f"{text.stem}{ending}" for ending in _ENDINGS]
        picture = _first([home / name for home in homes for name in names])
        name = names[0] if picture is None else picture.name
        for line, columns in _columns(text):
            yield _Line(text, line, folder.name, name, picture or homes[0] / name, tuple(columns))


def _of_table(file: Path, images: Path | None) -> Iterator[_Line]:
    category = file.stem
    start = images or file.parent
    for line, columns in _columns(file):
        name, *rest = columns
        homes = (start / category / "images", start / category, start / "images", start)
        picture = _first([home / name for home in homes])
        if picture is None and images is not None:
            picture = homes[1] / name
        yield _Line(file, line, category, name.strip(), picture, tuple(rest))


def _columns(file: Path) -> Iterator[tuple[int, list[str]]]:
    for line, text in enumerate(read_text(file).splitlines(), start=1):
        if text.strip():
            yield line, [column.strip() for column in text.split("\t")]


def _first(candidates: Sequence[Path]) -> Path | None:
    return next((each for each in candidates if each.is_file()), None)


def _row(line: _Line, fields: Fields, num_questions: int) -> dict[str, Any]:
    columns = line.columns
    question, answer = (*columns, "", "")[:2]
    if len(columns) < 2 or answer.casefold().rstrip(".") not in ("yes", "no"):
        problem = "the line is no question⇥Yes or No"
        fix = "part question and answer by one tab; the answer is Yes or No"
        fields.fault(FindingKind.MALFORMED_ROW, problem, shown("\t".join(columns)), fix)
    if num_questions != 2:
        problem = f"the picture has {num_questions} questions"
        fix = "MME asks two of each picture; without both, acc+ cannot be told"
        fields.fault(FindingKind.MALFORMED_ROW, problem, line.image, fix)
    response = {"response": columns[2]} if len(columns) > 2 else {}
    stem = Path(line.image).stem
    return {
        "id": f"mme-{line.category}-{stem}-{fields.record.line}",
        "question": question,
        "answer": answer.rstrip(".").capitalize(),
        "image": str(line.picture.absolute()) if line.picture else f"{line.category}/{line.image}",
        "dataset": "mme",
        "category": line.category,
        "pair": f"{line.category}/{line.image}",
        **response,
    }
