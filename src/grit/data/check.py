"""Look through a whole file of samples, pictures included, and say what is wrong or odd in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grit.data.annotations import boxes_outside
from grit.data.finding import Finding, FindingKind, Severity, shown
from grit.data.frames import frame_findings
from grit.data.jsonl import ScannedRow, missing_picture, scan_rows
from grit.data.leakage import pixel_hash, shared_pictures, uses_of
from grit.data.numbers import whole_number
from grit.data.pictures import DEFAULT_MAX_PIXELS, open_picture
from grit.data.rows import COUNTING_SETS
from grit.data.sample import Sample
from grit.data.summary import DatasetSummary, summarise
from grit.errors import DataError, PictureError

__all__ = ["CheckReport", "check_samples"]

_LIKE_BBOXS = ("bboxes", "bbox", "boxes", "box", "bbox_2d")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Args:
        file: The file of samples.
        num_rows: Rows in it, unreadable ones included.
        num_pictures: Distinct pictures that could be opened.
        findings: By line.
        datasets: What the readable rows hold.
        rows: The rows as they were read, for a contact sheet.
        unopened: Files that it was held against, and how many of their pictures could not be
            opened, and so not be compared.
    """

    file: Path
    num_rows: int
    num_pictures: int
    findings: tuple[Finding, ...]
    datasets: tuple[DatasetSummary, ...]
    rows: tuple[ScannedRow, ...] = ()
    unopened: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that keep the file from being used."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that merely look odd."""
        return tuple(f for f in self.findings if f.severity is Severity.WARNING)

    def as_json(self) -> dict[str, Any]:
        """The report in JSON's types."""
        return {
            "file": str(self.file),
            "num_rows": self.num_rows,
            "num_pictures": self.num_pictures,
            "num_errors": len(self.errors),
            "num_warnings": len(self.warnings),
            "unopened_pictures_of_other_files": self.unopened,
            "findings": [asdict(f) | {"file": str(f.file)} for f in self.findings],
            "datasets": [asdict(dataset) for dataset in self.datasets],
        }


def check_samples(
    path: Path,
    images: Path | None = None,
    *,
    against: Sequence[Path] = (),
    max_pixels: int = DEFAULT_MAX_PIXELS,
    on_row: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Read every row and decode every picture of a file.

    Args:
        path: The JSONL file.
        images: Folder of the pictures; None looks beside the file, then in ``images/`` there.
        against: Files that may share no picture with this one, as training and test do not.
        max_pixels: Largest width × height that is decoded.
        on_row: Called after each row with its number and how many there are.

    Raises:
        DataError: If the file cannot be read at all, or holds no rows.
    """
    rows = list(scan_rows(path, images=images))
    if not rows:
        raise DataError(f"{path} holds no rows; write one JSON object a line")
    pictures = _Pictures(path, max_pixels, with_hashes=bool(against))
    unopened: dict[str, int] = {}
    findings: list[Finding] = []
    for number, row in enumerate(rows, start=1):
        findings += row.findings
        if row.image is not None:
            findings += pictures.findings_on(row.line, row.image)
        if row.sample is not None:
            note = _Note(path, row.line)
            findings += _on_size(row.sample, pictures.sizes.get(row.sample.image), note)
            findings += _on_boxes(row.sample, note)
            findings += _on_count(row.sample, note)
            findings += _on_keys(row.sample, note)
        if on_row is not None:
            on_row(number, len(rows))
    findings += _repeated_questions(path, rows)
    findings += frame_findings(path, rows, pictures.sizes)
    for other in against:
        uses, num_unopened = uses_of(other, images, max_pixels=max_pixels, on_row=on_row)
        findings += shared_pictures(path, rows, pictures.hashes, other, uses)
        unopened[str(other)] = num_unopened
    samples = [row.sample for row in rows if row.sample is not None]
    return CheckReport(
        file=path,
        num_rows=len(rows),
        num_pictures=len(pictures.sizes),
        findings=tuple(sorted(findings, key=lambda finding: finding.line)),
        datasets=summarise(samples, pictures.sizes),
        rows=tuple(rows),
        unopened=unopened,
    )


class _Pictures:
    """Opens each picture once, and reports a broken one on every line that names it."""

    def __init__(self, file: Path, max_pixels: int, *, with_hashes: bool) -> None:
        self.sizes: dict[Path, tuple[int, int]] = {}
        self.hashes: dict[Path, str] = {}
        self._with_hashes = with_hashes
        self._broken: dict[Path, str] = {}
        self._file = file
        self._max_pixels = max_pixels

    def findings_on(self, line: int, image: Path) -> Iterator[Finding]:
        if image not in self.sizes and image not in self._broken:
            if not image.is_file():
                yield missing_picture(self._file, line, image)
                return
            try:
                picture = open_picture(image, max_pixels=self._max_pixels)
                self.sizes[image] = picture.size
                if self._with_hashes:
                    self.hashes[image] = pixel_hash(picture)
            except PictureError as error:
                self._broken[image] = str(error)
        if image in self._broken:
            # The error has value and fix already, parted by its last semicolon.
            problem, _, fix = self._broken[image].rpartition("; ")
            yield Finding(self._file, line, FindingKind.PICTURE_BROKEN, problem, "", fix)


@dataclass(frozen=True, slots=True)
class _Note:
    """Makes findings on one line."""

    file: Path
    line: int

    def error(self, kind: FindingKind, problem: str, value: str, fix: str) -> Finding:
        return Finding(self.file, self.line, kind, problem, value, fix)

    def warning(self, kind: FindingKind, problem: str, value: str, fix: str) -> Finding:
        return Finding(self.file, self.line, kind, problem, value, fix, Severity.WARNING)


def _on_size(sample: Sample, true: tuple[int, int] | None, note: _Note) -> Iterator[Finding]:
    stated = sample.image_size
    if true is None or stated == true:
        return
    if stated is not None:
        fix = "state the size of the original picture, and see that the boxes are its pixels"
        if stated == true[::-1]:
            fix = "state size and boxes of the picture as shown, its EXIF orientation applied"
        note_it = note.error if sample.boxes else note.warning
        problem = f"the picture is {true[0]}×{true[1]}, unlike the row's width and height"
        yield note_it(FindingKind.SIZE_DIFFERS, problem, f"{stated[0]}×{stated[1]}", fix)
    for fault in boxes_outside(sample.boxes or (), true):
        yield note.error(fault.kind, fault.problem, fault.value, fault.fix)


def _on_boxes(sample: Sample, note: _Note) -> Iterator[Finding]:
    seen: set[tuple[float, float, float, float]] = set()
    for number, box in enumerate(sample.boxes or (), start=1):
        edges = box.as_tuple()
        if edges in seen:
            fix = "keep it once; overlap and counts take boxes as distinct"
            problem = f"box {number} repeats an earlier one"
            yield note.warning(FindingKind.BOX_REPEATED, problem, shown(edges), fix)
        seen.add(edges)
        if min(box.width, box.height) < 1:
            fix = "see whether it is in pixels of the original picture"
            problem = f"box {number} is thinner than a pixel"
            yield note.warning(FindingKind.BOX_FRAME, problem, shown(edges), fix)


def _on_count(sample: Sample, note: _Note) -> Iterator[Finding]:
    stated = whole_number(sample.answer)
    if sample.count is None:
        if sample.dataset.casefold() in COUNTING_SETS:
            fix = "answer with a number, or add 'count'; as it is, it earns no count reward"
            problem = "the answer to a counting question is no whole number"
            value = shown(sample.answer)
            yield note.warning(FindingKind.COUNT_UNREADABLE, problem, value, fix)
        return
    if stated is not None and stated != sample.count:
        value = f"answer {sample.answer}, count {sample.count}"
        problem = "answer and count disagree"
        yield note.error(FindingKind.COUNT_DIFFERS, problem, value, "correct one of them")
    if sample.boxes is not None and len(sample.boxes) != sample.count:
        value = f"count {sample.count}, {len(sample.boxes)} boxes"
        problem = "count and number of true boxes disagree"
        fix = "see whether every counted thing has a box of its own"
        yield note.warning(FindingKind.COUNT_AND_BOXES, problem, value, fix)


def _on_keys(sample: Sample, note: _Note) -> Iterator[Finding]:
    for key in _LIKE_BBOXS:
        if key in sample.extra and sample.boxes is None:
            fix = "name it 'bboxs' if it holds true boxes in xyxy pixels"
            problem = f"key '{key}' is not read"
            yield note.warning(FindingKind.KEY_NOT_READ, problem, shown(sample.extra[key]), fix)


def _repeated_questions(path: Path, rows: Sequence[ScannedRow]) -> Iterator[Finding]:
    first: dict[tuple[Path, str], tuple[int, str]] = {}
    for row in rows:
        if row.sample is None:
            continue
        question = " ".join(row.sample.question.casefold().split())
        line, answer = first.setdefault((row.sample.image, question), (row.line, row.sample.answer))
        if line != row.line:
            differs = answer.strip().casefold() != row.sample.answer.strip().casefold()
            problem = f"line {line} asks the same of the same picture"
            problem += f", and answers {shown(answer)}" if differs else ""
            kind = FindingKind.DUPLICATE_QUESTION
            value = f"{shown(row.sample.question)}: {shown(row.sample.answer)}"
            yield _Note(path, row.line).warning(kind, problem, value, "keep one of the two")
