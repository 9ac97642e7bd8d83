"""Rows of a file on a contact sheet: pictures with their true boxes, questions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from grit.data.annotations import written_boxes
from grit.data.check import CheckReport
from grit.data.finding import Finding
from grit.data.jsonl import ScannedRow
from grit.data.pictures import DEFAULT_MAX_PIXELS, open_picture
from grit.draw.boxes import BoxKind, DrawnBox
from grit.draw.contact_sheet import Cell, contact_sheet
from grit.errors import DataError, PictureError

__all__ = ["rows_to_show", "write_sheet"]


def write_sheet(report: CheckReport, path: Path, *, num: int, overwrite: bool = False) -> int:
    """Draw some rows of a checked file.

    Args:
        report: What the check found; its rows are drawn.
        path: The PNG file to write.
        num: Most rows on the sheet.
        overwrite: Whether an older file may be replaced.

    Returns:
        How many rows are on it.

    Raises:
        DataError: If the file is there already, or cannot be written.
    """
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; name another file with --sheet, or give --overwrite")
    found: dict[int, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.line, []).append(finding)
    shown = rows_to_show(report.rows, set(found), num)
    page = contact_sheet([_cell(row, found.get(row.line, [])) for row in shown])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.tmp")
        page.save(partial, format="PNG")
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot write {path}: {reason}; name another file with --sheet") from error
    return len(shown)


def rows_to_show(rows: Sequence[ScannedRow], flagged: set[int], num: int) -> list[ScannedRow]:
    """Rows with findings, up to half of the sheet, and others spread evenly over the file.

    Args:
        rows: All rows.
        flagged: Lines with findings.
        num: Most rows.

    Returns:
        In the order of the file.
    """
    wrong = [row for row in rows if row.line in flagged]
    sound = [row for row in rows if row.line not in flagged]
    num_wrong = min(len(wrong), max(num // 2, num - len(sound)))
    chosen = _spread(wrong, num_wrong) + _spread(sound, num - num_wrong)
    return sorted(chosen, key=lambda row: row.line)


def _spread(rows: Sequence[ScannedRow], num: int) -> list[ScannedRow]:
    """``num`` of the rows, evenly, the first among them."""
    if num >= len(rows):
        return list(rows)
    return [rows[place * len(rows) // num] for place in range(num)]


def _cell(row: ScannedRow, findings: Sequence[Finding]) -> Cell:
    image = None
    if row.image is not None:
        try:
            image = open_picture(row.image, max_pixels=DEFAULT_MAX_PIXELS)
        except PictureError:
            image = None
    sample = row.sample
    names: object = sample.extra.get("objects") if sample is not None else None
    labels = [str(name) for name in cast("list[object]", names)] if isinstance(names, list) else []
    boxes = written_boxes(row.bboxs)
    drawn = tuple(
        DrawnBox(box, labels[place] if len(labels) == len(boxes) else str(place + 1), BoxKind.TRUE)
        for place, box in enumerate(boxes)
    )
    text = () if sample is None else (f"{sample.question} ({sample.answer})",)
    heading = f"line {row.line}" if sample is None else f"line {row.line} · {sample.dataset}"
    if findings:
        heading += f" · {findings[0].kind.value}"
        text = (*text, findings[0].problem)
    return Cell(image, drawn, heading, text, is_flagged=bool(findings))
