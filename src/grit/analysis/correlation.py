"""Cross-modal correlation: do a chain's words and its boxes belong together?

A chain's coordinates are masked. A judge sees two copies of the picture, one with the chain's
boxes, one with as many random ones, in a random order, and says which copy fits the words. A
judge that cannot tell is right half of the time (GRIT, arXiv 2505.15879).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from PIL import Image

from grit.analysis.chains import Chain
from grit.analysis.random_boxes import Size, box_sizes, matched_boxes, uniform_boxes
from grit.data.pictures import open_picture
from grit.draw.boxes import DrawnBox, draw_boxes
from grit.errors import RewardError
from grit.geometry.box import Box
from grit.records.analyses import CorrelationFigure, CorrelationRow, Draw
from grit.records.rows import ALL_TASKS
from grit.statistics.intervals import mean_and_spread

__all__ = [
    "DRAWS",
    "Choice",
    "MarkedPicture",
    "Puzzle",
    "RegionJudge",
    "correlate",
    "correlation_figures",
    "fitting",
]

DRAWS: tuple[Draw, ...] = ("matched", "uniform")
"""How random boxes are drawn: sizes as chains have them, or two corners uniformly."""


@dataclass(frozen=True, slots=True)
class MarkedPicture:
    """A picture's file and the boxes to draw on it, in pixels."""

    image: Path
    boxes: tuple[Box, ...]

    def drawn(self) -> Image.Image:
        """The picture with numbered boxes, enlarged where it is too small to read them."""
        marks = [DrawnBox(box, str(number)) for number, box in enumerate(self.boxes, start=1)]
        return draw_boxes(open_picture(self.image), marks)


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What a judge is asked: which of two pictures fits a text.

    Args:
        text: A chain whose coordinates are masked.
        pictures: In the order in which they are shown.
        key: Names the puzzle, for what a judge draws at random.
    """

    text: str
    pictures: tuple[MarkedPicture, MarkedPicture]
    key: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A judge's word.

    Args:
        picture: 0 or 1; None when the judge itself failed.
        reason: Why, in a few words.
        sure: False where both pictures fitted alike and the judge took one at random.
    """

    picture: int | None
    reason: str
    sure: bool = True


class RegionJudge(Protocol):
    """Anything that can say which of two pictures has the regions that a text speaks of."""

    @property
    def name(self) -> str:
        """Word for records and tables."""
        ...

    async def choose(self, puzzles: Sequence[Puzzle]) -> list[Choice]:
        """One choice per puzzle, in order; never raises for an outage."""
        ...


def fitting(chains: Sequence[Chain]) -> tuple[list[Chain], dict[str, int]]:
    """Chains that can be asked about, and why the others cannot be: reasons with numbers."""
    left_out: dict[str, int] = {}
    kept: list[Chain] = []
    for chain in chains:
        if chain.answers_with_boxes:
            reason = "the answer is a box"
        elif not chain.boxes:
            reason = "no box in the chain"
        else:
            kept.append(chain)
            continue
        left_out[reason] = left_out.get(reason, 0) + 1
    return kept, left_out


def correlate(
    chains: Sequence[Chain],
    judge: RegionJudge,
    *,
    repeats: int = 3,
    seed: int = 0,
    draws: Sequence[Draw] = DRAWS,
    done: Collection[tuple[Draw, int]] = (),
    on_rows: Callable[[int], None] | None = None,
) -> Iterator[list[CorrelationRow]]:
    """Ask about every chain, with other random boxes in every repeat.

    Args:
        chains: Those that ``fitting`` keeps.
        judge: Who is asked.
        repeats: Times that each chain is asked about.
        seed: Of random boxes and of the pictures' order.
        draws: How random boxes are drawn.
        done: Ways of drawing and repeats that need not be asked again.
        on_rows: Told how many rows are done.

    Yields:
        The rows of one repeat with one way of drawing.

    Raises:
        RewardError: If the judge gives another number of choices than it was asked for.
    """
    sizes = [size for chain in chains for size in box_sizes(chain.boxes, chain.image_size)]
    for draw in draws:
        for repeat in range(repeats):
            if (draw, repeat) in done:
                continue
            asked = [_puzzle(chain, draw, repeat, sizes, seed) for chain in chains]
            choices = asyncio.run(judge.choose([puzzle for puzzle, _ in asked]))
            if len(choices) != len(asked):
                raise RewardError(
                    f"judge {judge.name} chose {len(choices)} times for {len(asked)} puzzles"
                )
            yield [
                _row(chain, seed, draw, repeat, puzzle, place, choice, judge.name)
                for chain, (puzzle, place), choice in zip(chains, asked, choices, strict=True)
            ]
            if on_rows is not None:
                on_rows(len(asked))


def correlation_figures(rows: Sequence[CorrelationRow]) -> list[CorrelationFigure]:
    """Mean and deviation over the repeats, by way of drawing and task, then over all tasks."""
    figures: list[CorrelationFigure] = []
    for draw in DRAWS:
        drawn = [row for row in rows if row.draw == draw]
        tasks = list(dict.fromkeys(row.task for row in drawn))
        figures += [
            _figure(task, draw, [row for row in drawn if row.task == task]) for task in tasks
        ]
        if len(tasks) > 1:
            figures.append(_figure(ALL_TASKS, draw, drawn))
    return figures


def _figure(task: str, draw: Draw, rows: Sequence[CorrelationRow]) -> CorrelationFigure:
    by_repeat: dict[int, list[bool]] = {}
    for row in rows:
        if row.right is not None:
            by_repeat.setdefault(row.repeat, []).append(row.right)
    rates = [sum(marks) / len(marks) for marks in by_repeat.values()]
    spread = mean_and_spread(rates) if rates else None
    return CorrelationFigure(
        task=task,
        draw=draw,
        n=len({row.sample_id for row in rows}),
        mean=None if spread is None else spread.mean,
        deviation=None if spread is None else spread.deviation,
        repeats=len({row.repeat for row in rows}),
        unscored=sum(row.right is None for row in rows),
        undecided=sum(not row.sure for row in rows),
    )


def _puzzle(
    chain: Chain, draw: Draw, repeat: int, sizes: Sequence[Size], seed: int
) -> tuple[Puzzle, int]:
    """The puzzle of a chain, and where its own picture stands."""
    key = f"correlation {seed} {draw} {repeat} {chain.sample_id}"
    random = Random(key)
    number = len(chain.boxes)
    if draw == "matched":
        boxes = matched_boxes(number, sizes, chain.image_size, random)
    else:
        boxes = uniform_boxes(number, chain.image_size, random)
    own, other = MarkedPicture(chain.image, chain.boxes), MarkedPicture(chain.image, boxes)
    place = random.randrange(2)
    pictures = (own, other) if place == 0 else (other, own)
    return Puzzle(chain.masked_text, pictures, key), place


def _row(
    chain: Chain,
    seed: int,
    draw: Draw,
    repeat: int,
    puzzle: Puzzle,
    place: int,
    choice: Choice,
    judge: str,
) -> CorrelationRow:
    return CorrelationRow(
        sample_id=chain.sample_id,
        task=chain.task,
        seed=seed,
        draw=draw,
        repeat=repeat,
        image=str(chain.image),
        text=puzzle.text,
        boxes=tuple(box.as_tuple() for box in chain.boxes),
        random_boxes=tuple(box.as_tuple() for box in puzzle.pictures[1 - place].boxes),
        place=place,
        choice=choice.picture,
        right=None if choice.picture is None else choice.picture == place,
        reason=choice.reason,
        sure=choice.sure,
        judge=judge,
    )
