"""Which answers the page shows, and each of them made ready for the template."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from grit.errors import PictureError
from grit.records.rows import EvaluationRow
from grit.viewer.chains import draw_boxes, mark_text
from grit.viewer.embedding import EmbeddedPicture, embed_picture, find_picture
from grit.viewer.wording import fault_words, mode_words

__all__ = ["Answers", "Entry", "Panel", "choose_columns", "make_entries", "pick_samples"]

Key = tuple[str, str]
"""(task, sample id): what makes a sample of an evaluation."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one model in one mode.

    Args:
        model: The model's label.
        mode: ``direct``, ``cot`` or ``grounded``.
        step: Training step of the weights, where they have one.
        rows: By task and sample id.
    """

    model: str
    mode: str
    step: int | None
    rows: Mapping[Key, EvaluationRow]


@dataclass(frozen=True, slots=True)
class Panel:
    """One answer beside its picture."""

    heading: str
    mark: str
    """``right``, ``wrong`` or ``unscored``."""
    drawing: Markup
    text: Markup
    answer: str | None
    reason: str
    iou: float | None
    faults: tuple[tuple[str, str], ...]
    """(words, detail) of each."""
    num_boxes: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample with its answers before and after training."""

    task: str
    sample_id: str
    question: str
    reference: str
    panels: tuple[Panel, ...]
    direct: EvaluationRow | None
    picture_id: str
    picture: EmbeddedPicture | None
    missing: str
    """Why there is no picture; empty when there is one."""

    @property
    def result(self) -> str:
        """How the last answer, the one after training, was judged."""
        return self.panels[-1].mark

    @property
    def has_boxes(self) -> bool:
        """Whether the last answer draws a box."""
        return self.panels[-1].num_boxes > 0


def choose_columns(answers: Sequence[Answers]) -> tuple[list[Answers], Answers | None]:
    """Say which answers stand side by side, and which were asked directly.

    Side by side: the untrained model under the paper's prompt, then the trained one with the most
    steps. Where a run has neither, whatever it has stands alone.
    """

    def last(mode: str) -> Answers | None:
        fitting = [one for one in answers if one.mode == mode and one.rows]
        return max(fitting, key=lambda one: -1 if one.step is None else one.step, default=None)

    before, after, direct = last("cot"), last("grounded"), last("direct")
    columns = [one for one in (before, after) if one is not None]
    if columns:
        return columns, direct
    return ([direct] if direct else []), None


def pick_samples(columns: Sequence[Answers], *, per_task: int, seed: int) -> list[Key]:
    """Pick a few samples of each task, right and wrong ones mixed, the same ones for a seed.

    Kinds of outcome (as wrong before and right after) take turns, so rare ones are seen too.
    """
    shared = set(columns[0].rows).intersection(*(one.rows for one in columns[1:]))
    kinds: dict[str, dict[tuple[bool, ...], list[Key]]] = defaultdict(lambda: defaultdict(list))
    for key in sorted(shared):
        kinds[key[0]][tuple(one.rows[key].correct for one in columns)].append(key)
    picked: list[Key] = []
    for task in sorted(kinds):
        chance = random.Random(f"{seed}:{task}")
        queues = [keys for _, keys in sorted(kinds[task].items(), reverse=True)]
        for keys in queues:
            chance.shuffle(keys)
        chosen: list[Key] = []
        while len(chosen) < per_task and any(queues):
            for keys in queues:
                if keys and len(chosen) < per_task:
                    chosen.append(keys.pop())
        picked += chosen
    return picked


def make_entries(
    columns: Sequence[Answers], direct: Answers | None, keys: Sequence[Key], *, run: Path
) -> list[Entry]:
    """Make the gallery's entries; a picture that cannot be read is said to be so, in its place."""
    pictures: dict[str, tuple[str, EmbeddedPicture | None, str]] = {}
    entries: list[Entry] = []
    for key in keys:
        rows = [one.rows[key] for one in columns]
        image = rows[-1].image
        if image not in pictures:
            pictures[image] = (f"picture-{len(pictures) + 1}", *_embedded(image, run))
        picture_id, picture, missing = pictures[image]
        panels = tuple(
            _panel(one, row, picture_id, missing) for one, row in zip(columns, rows, strict=True)
        )
        entries.append(
            Entry(
                task=key[0],
                sample_id=key[1],
                question=rows[-1].question,
                reference=rows[-1].reference,
                panels=panels,
                direct=direct.rows.get(key) if direct else None,
                picture_id=picture_id,
                picture=picture,
                missing=missing,
            )
        )
    return entries


def _embedded(image: str, run: Path) -> tuple[EmbeddedPicture | None, str]:
    try:
        return embed_picture(find_picture(image, run=run)), ""
    except PictureError as error:
        return None, str(error)


def _panel(answers: Answers, row: EvaluationRow, picture_id: str, missing: str) -> Panel:
    mark = "unscored" if row.score is None else "right" if row.correct else "wrong"
    return Panel(
        heading=mode_words(answers.model, answers.mode, answers.step),
        mark=mark,
        drawing=draw_boxes(row, picture_id=picture_id, missing=missing),
        text=mark_text(row),
        answer=row.answer,
        reason=row.reason,
        iou=row.grounding_iou,
        faults=tuple((fault_words(fault.kind), fault.detail) for fault in row.faults),
        num_boxes=len(row.boxes) + len(row.answer_boxes),
        finished=row.finish == "finished",
    )
