"""In which frame a whole file's boxes seem to be: one row does not show it, many do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from grit.data.annotations import BORDER_TOLERANCE, written_boxes
from grit.data.finding import Finding, FindingKind, Severity
from grit.data.jsonl import ScannedRow
from grit.geometry.box import Box

__all__ = ["frame_findings"]

_LARGE_SIDE = 1100
"""A picture with both sides above this shows whether boxes stop at 1000."""

_TELLING_SHARE = 0.1
"""From this share of rows on, boxes that are none in pixels speak for the whole file."""


def frame_findings(
    file: Path, rows: Sequence[ScannedRow], sizes: Mapping[Path, tuple[int, int]]
) -> Iterator[Finding]:
    """Warn where the boxes of the file look like another frame than xyxy pixels.

    Args:
        file: The file.
        rows: All of its rows, those that were refused included.
        sizes: (width, height) of the pictures that could be opened.
    """
    boxed: list[tuple[int, list[Box], tuple[int, int]]] = []
    for row in rows:
        boxes = written_boxes(row.bboxs)
        size = sizes.get(row.image) if row.image is not None else None
        size = size or (row.sample.image_size if row.sample is not None else None)
        if boxes and size is not None:
            boxed.append((row.line, boxes, size))
    impossible = [line for line, boxes, size in boxed if not _are_xyxy(boxes, size)]
    telling = len(impossible) >= 2 and len(impossible) >= _TELLING_SHARE * len(boxed)
    if telling and all(_are_xywh(boxes, size) for _, boxes, size in boxed):
        yield Finding(
            file,
            impossible[0],
            FindingKind.BOX_FRAME,
            f"the file's boxes look like [x, y, width, height]: all {len(boxed)} rows fit it, and "
            f"{len(impossible)} are impossible as [x1, y1, x2, y2]",
            "",
            "write [x, y, x + width, y + height] in every row, also where nothing was refused",
            Severity.WARNING,
        )
    elif telling and all(_are_thousand(boxes) for _, boxes, _ in boxed):
        yield Finding(
            file,
            impossible[0],
            FindingKind.BOX_FRAME,
            f"the file's boxes look like the 0–1000 frame: no edge of {len(boxed)} rows passes "
            f"1000, and {len(impossible)} pass their picture's border",
            "",
            "multiply x by width/1000 and y by height/1000 in every row, also where nothing was "
            "refused",
            Severity.WARNING,
        )
    yield from _stops_at_a_thousand(file, boxed)


def _stops_at_a_thousand(
    file: Path, boxed: Sequence[tuple[int, list[Box], tuple[int, int]]]
) -> Iterator[Finding]:
    """Where pictures are larger than 1000, only the file as a whole shows a 0–1000 frame."""
    on_large = [
        (line, max(max(box.as_tuple()) for box in boxes))
        for line, boxes, size in boxed
        if min(size) > _LARGE_SIDE
    ]
    # Five pictures, one of them boxed close to its border: in pixels some edge would pass 1000.
    highest = max((edge for _, edge in on_large), default=0.0)
    if len(on_large) >= 5 and 900 <= highest <= 1000:
        problem = f"no box of the {len(on_large)} rows with large pictures passes 1000"
        fix = "see whether they are in the 0–1000 frame; if so multiply by width/1000, height/1000"
        value = f"highest edge {highest:g}"
        kind = FindingKind.BOX_FRAME
        yield Finding(file, on_large[0][0], kind, problem, value, fix, Severity.WARNING)


def _are_xyxy(boxes: Sequence[Box], size: tuple[int, int]) -> bool:
    """Whether all are boxes of xyxy pixels inside the picture."""
    width, height = size
    return all(
        not box.is_empty
        and box.x2 <= width + BORDER_TOLERANCE
        and box.y2 <= height + BORDER_TOLERANCE
        for box in boxes
    )


def _are_xywh(boxes: Sequence[Box], size: tuple[int, int]) -> bool:
    width, height = size
    return all(
        min(box.as_tuple()) >= 0
        and box.x2 > 0
        and box.y2 > 0
        and box.x1 + box.x2 <= width + BORDER_TOLERANCE
        and box.y1 + box.y2 <= height + BORDER_TOLERANCE
        for box in boxes
    )


def _are_thousand(boxes: Sequence[Box]) -> bool:
    return all(
        not box.is_empty and min(box.as_tuple()) >= 0 and max(box.as_tuple()) <= 1000
        for box in boxes
    )
