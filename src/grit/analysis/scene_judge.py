"""A judge that knows the built-in world's scenes; it stands in for a vision-language judge.

It reads no picture as a model would: it finds the things of a scene by their flat colours and
holds boxes against them. What it says is about the built-in world, and about nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from grit.analysis.correlation import Choice, MarkedPicture, Puzzle
from grit.data.pictures import open_picture
from grit.data.scenes.read import read_scene
from grit.data.scenes.scene import Scene
from grit.geometry.overlap import iou

__all__ = ["SceneJudge"]

_MARK = re.compile(r"\[box\]")
_NUMBER = re.compile(r"\s+\d+$")
_LABEL = re.compile(r"""\s*,?\s*["']label["']\s*:\s*["']([^"'}\n]*)""")


class SceneJudge:
    """Says which boxes lie on the things that a text names.

    A box counts as much as it overlaps the thing that its label names (without a label: any thing
    whose kind the text names), each thing once. The copy with the higher mean is chosen; where
    both are equal, a coin is tossed, and the reason says so.
    """

    @property
    def name(self) -> str:
        """Word for records and tables."""
        return "scene"

    async def choose(self, puzzles: Sequence[Puzzle]) -> list[Choice]:
        """One choice per puzzle, in order.

        Raises:
            PictureError: If a picture is none of the built-in world.
        """
        return [self._choose(puzzle) for puzzle in puzzles]

    def _choose(self, puzzle: Puzzle) -> Choice:
        labels = _labels(puzzle.text)
        first, second = (_fit(picture, labels, puzzle.text) for picture in puzzle.pictures)
        if first == second:
            side = Random(f"coin {puzzle.key}").randrange(2)
            return Choice(side, f"fit {first:.2f} both; tossed a coin", sure=False)
        return Choice(int(second > first), f"fit {first:.2f} and {second:.2f}")


def _labels(text: str) -> list[str | None]:
    """What each masked box is called, in order of the text."""
    labels: list[str | None] = []
    for mark in _MARK.finditer(text):
        label = _LABEL.match(text, mark.end())
        labels.append(label[1].strip() or None if label else None)
    return labels


def _fit(picture: MarkedPicture, labels: Sequence[str | None], text: str) -> float:
    """Mean overlap of a picture's boxes with the things that they should lie on."""
    scene = _scene(picture.image)
    named = [number for number, thing in enumerate(scene.things) if thing.kind in text]
    free = set(range(len(scene.things)))
    total = 0.0
    for place, box in enumerate(picture.boxes):
        label = labels[place] if place < len(labels) else None
        wanted = named if label is None else _of(scene, label)
        best = max(
            (number for number in wanted if number in free),
            key=lambda number: iou(box, scene.things[number].box),
            default=None,
        )
        overlap = 0.0 if best is None else iou(box, scene.things[best].box)
        if best is not None and overlap > 0:
            free.remove(best)
        total += overlap
    return total / len(picture.boxes) if picture.boxes else 0.0


def _of(scene: Scene, label: str) -> list[int]:
    # Chains number what they count: "red circle 2".
    plain = _NUMBER.sub("", label)
    words = {plain, plain.removesuffix("s")}
    return [
        number
        for number, thing in enumerate(scene.things)
        if words & {thing.kind, thing.shape, thing.colour, f"{thing.colour} shape", "shape"}
    ]


@lru_cache(maxsize=4096)
def _scene(image: Path) -> Scene:
    return read_scene(open_picture(image))
