"""Scenes from a seed. Each layout belongs to exactly one part of the world, decided by its hash."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from random import Random

from grit.data.scenes.scene import COLOURS, GRID, SHAPES, Scene, Thing, layout_hash

__all__ = ["Part", "part_of", "random_scene", "scenes"]

_NUM_THINGS = (1, 2, 3, 4, 5)
_NUM_THINGS_WEIGHTS = (0.1, 0.22, 0.26, 0.22, 0.2)
_MIN_SIDE, _MAX_SIDE = 14, 26
_REPEATING_SCENES = 0.5
_REPEAT_THING = 0.4
_GAP = 2


class Part(StrEnum):
    """The part of the world that a layout belongs to; no layout belongs to two."""

    PRETRAINING = "pretraining"
    TRIPLETS = "triplets"
    VALIDATION = "validation"
    TEST = "test"


def part_of(scene: Scene) -> Part:
    """Sort a scene into its part by its layout's hash, so that parts cannot overlap."""
    slot = int(layout_hash(scene)[:8], 16) % 100
    if slot < 85:
        return Part.PRETRAINING
    if slot < 88:
        return Part.TRIPLETS
    return Part.VALIDATION if slot < 91 else Part.TEST


def random_scene(random: Random) -> Scene:
    """Draw one to five things that do not overlap; half of the scenes may repeat a kind."""
    wanted = random.choices(_NUM_THINGS, _NUM_THINGS_WEIGHTS)[0]
    repeating = random.random() < _REPEATING_SCENES
    things: list[Thing] = []
    for _ in range(60):
        if len(things) == wanted:
            break
        side = random.randint(_MIN_SIDE, _MAX_SIDE)
        left, top = random.randint(0, GRID - side), random.randint(0, GRID - side)
        if any(_too_close(left, top, side, other) for other in things):
            continue
        if things and repeating and random.random() < _REPEAT_THING:
            shape, colour = (last := random.choice(things)).shape, last.colour
        else:
            shape, colour = random.choice(SHAPES), random.choice(tuple(COLOURS))
            taken = {thing.kind for thing in things}
            if not repeating and f"{colour} {shape}" in taken:
                continue
        things.append(Thing(shape, colour, left, top, side))
    return Scene(tuple(sorted(things, key=_reading_order)))


def scenes(part: Part, seed: int) -> Iterator[Scene]:
    """Endless distinct scenes of one part, the same for the same seed."""
    random = Random(f"grit scenes {part} {seed}")
    seen: set[str] = set()
    while True:
        scene = random_scene(random)
        key = layout_hash(scene)
        if part_of(scene) is part and key not in seen:
            seen.add(key)
            yield scene


def _too_close(left: int, top: int, side: int, other: Thing) -> bool:
    return (
        left < other.left + other.side + _GAP
        and other.left < left + side + _GAP
        and top < other.top + other.side + _GAP
        and other.top < top + side + _GAP
    )


def _reading_order(thing: Thing) -> tuple[int, int]:
    return (thing.left, thing.top)
