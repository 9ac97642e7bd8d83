"""Chains to be looked at: out of evaluation rows, or a file of a person's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grit.data.finding import Finding, FindingKind, error_of, shown
from grit.data.jsonl import scan_objects
from grit.data.sample import Sample
from grit.errors import DataError
from grit.geometry.box import Box
from grit.geometry.overlap import clip
from grit.geometry.spaces import Frame
from grit.records.rows import EvaluationRow
from grit.traces.mask import mask_boxes
from grit.traces.parse import parse_trace

__all__ = ["Chain", "chain_of_row", "read_chains", "shuffled_chains"]


@dataclass(frozen=True, slots=True)
class Chain:
    """One completion about one picture.

    Args:
        sample_id: Of its sample.
        task: Its set or task.
        image: The picture's file.
        image_size: (width, height) in pixels.
        text: The whole completion.
        boxes: Distinct boxes of its reasoning inside the picture, in order of the text; pixels.
        answers_with_boxes: Whether the answer itself is a box (OVDEval).
    """

    sample_id: str
    task: str
    image: Path
    image_size: tuple[int, int]
    text: str
    boxes: tuple[Box, ...]
    answers_with_boxes: bool = False

    @property
    def masked_text(self) -> str:
        """The text without coordinates."""
        # Where a box stands in a text does not depend on the space of its numbers.
        return mask_boxes(parse_trace(self.text, Frame(self.image_size)))


def chain_of_row(row: EvaluationRow) -> Chain:
    """The chain of an evaluated sample."""
    return Chain(
        row.sample_id,
        row.task,
        Path(row.image),
        row.image_size,
        row.text,
        _inside([Box(*box.pixels) for box in row.boxes], row.image_size),
        row.asks_for_boxes,
    )


def read_chains(path: Path, samples: Mapping[str, Sample]) -> list[Chain]:
    """Read chains that people wrote: one JSON object a line with ``id`` and ``text``.

    Args:
        path: The file. Boxes in a text are pixels of the original picture, in any spelling that
            a model may use.
        samples: What the ids stand for; each needs ``image_size``.

    Raises:
        DataError: If the file cannot be read or a line is wrong; names the line and the fix.
    """
    chains: list[Chain] = []
    faults: list[Finding] = []
    for line, row, found in scan_objects(path):
        sample = None if row is None else samples.get(str(row.get("id")))
        text = None if row is None else row.get("text")
        if row is None:
            faults += found
        elif sample is None or sample.image_size is None:
            problem, fix = "the id is no sample's", "take ids from the data that --data names"
            faults.append(_fault(path, line, problem, row.get("id"), fix))
        elif not isinstance(text, str) or not text.strip():
            faults.append(_fault(path, line, "there is no text", text, "write the chain as text"))
        else:
            boxes = _inside(parse_trace(text, Frame(sample.image_size)).boxes, sample.image_size)
            chains.append(
                Chain(sample.id, sample.dataset, sample.image, sample.image_size, text, boxes)
            )
    if faults:
        raise error_of(faults, len(faults))
    if not chains:
        raise DataError(f"{path} holds no chains; write one object with id and text a line")
    return chains


def shuffled_chains(chains: Sequence[Chain]) -> list[Chain]:
    """Each text with the boxes of another chain that draws as many; a control.

    Boxes move as shares of the picture. A chain whose number of boxes no other has is left out.
    """
    groups: dict[int, list[Chain]] = {}
    for chain in chains:
        if not chain.answers_with_boxes:
            groups.setdefault(len(chain.boxes), []).append(chain)
    return [
        replace(chain, boxes=_moved(group[(place + 1) % len(group)], chain.image_size))
        for group in groups.values()
        if len(group) > 1
        for place, chain in enumerate(group)
    ]


def _moved(chain: Chain, size: tuple[int, int]) -> tuple[Box, ...]:
    x, y = size[0] / chain.image_size[0], size[1] / chain.image_size[1]
    return tuple(Box(b.x1 * x, b.y1 * y, b.x2 * x, b.y2 * y) for b in chain.boxes)


def _fault(path: Path, line: int, problem: str, value: object, fix: str) -> Finding:
    return Finding(path, line, FindingKind.MALFORMED_ROW, problem, shown(value), fix)


def _inside(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Box, ...]:
    """Distinct boxes that enclose something of the picture, cut off at its border."""
    cut = dict.fromkeys(clip(box, *size) for box in boxes)
    return tuple(box for box in cut if not box.is_empty)
