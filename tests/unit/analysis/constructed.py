"""Models of which it is known what their answers rest on."""

from __future__ import annotations

import re

import numpy as np

_BOX = re.compile(r"\[(\d+), (\d+), (\d+), (\d+)\]")
SURE, UNLIKELY = np.log(0.99), np.log(0.01)


class Constructed:
    """Says what ``number_of`` finds, and believes in it with 99 in 100."""

    def number_of(self, turn):
        raise NotImplementedError

    def go_on(self, turns):
        return [
            f" <rethink> so </rethink> <answer> {self.number_of(turn)} </answer>" for turn in turns
        ]

    def score(self, turns, endings):
        return [
            SURE if f" {self.number_of(turn)} " in ending else UNLIKELY
            for turn, ending in zip(turns, endings, strict=True)
        ]


class Blind(Constructed):
    """Has learned its answers by heart, whatever picture and boxes are."""

    def number_of(self, turn):
        return int(turn.sample.answer)


class Oracle(Constructed):
    """Counts the boxes of its chain that have something other than the ground in them."""

    def __init__(self, ground):
        self.ground = np.array(ground)

    def number_of(self, turn):
        pixels = np.asarray(turn.picture)
        boxes = [tuple(map(int, found)) for found in _BOX.findall(turn.start)]
        return sum(
            bool((pixels[y1:y2, x1:x2] != self.ground).any(axis=-1).mean() > 0.4)
            for x1, y1, x2, y2 in boxes
        )


class Reader(Constructed):
    """Counts the boxes in its chain and never looks at the picture."""

    def number_of(self, turn):
        return len(_BOX.findall(turn.start))
