"""Questions about a scene, with true answers and true boxes: six tasks, each after a public set.

===========  ==========  ====================================================
task         stands for  example
===========  ==========  ====================================================
relation     VSR         Is the red circle to the left of the blue square?
counting     TallyQA     How many circles are there?
attribute    GQA         What color is the triangle?
arithmetic   MathVista   How many circles and squares are there in total?
existence    MME         Is there a red circle in the image?
locate       OVDEval     Locate the red circle.
===========  ==========  ====================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from grit.data.scenes.scene import COLOURS, SHAPES, Scene, Thing

__all__ = ["TASKS", "Inquiry", "ask", "existence_pair", "plural"]

_MIN_OFFSET = 6
"""Centres closer than this, in grid units, are neither left nor right of one another."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One question about a scene.

    Args:
        task: One of ``TASKS``.
        question: As a user would type it.
        answer: The true answer; for ``locate`` the kind, whose boxes are ``things``.
        things: What the question is about, in the order in which a chain should look at it.
        finding: The sentence that leads from the things to the answer.
        count: The true count, for counting questions.
    """

    task: str
    question: str
    answer: str
    things: tuple[Thing, ...]
    finding: str
    count: int | None = None


def ask(scene: Scene, task: str, random: Random) -> Inquiry | None:
    """Ask one question of a task; None where the scene has nothing to ask about."""
    return TASKS[task](scene, random)


def plural(word: str, number: int) -> str:
    """A kind, shape or ``shape`` with the ending that the number asks for."""
    return word if number == 1 else f"{word}s"


def existence_pair(scene: Scene, random: Random) -> tuple[Inquiry, Inquiry]:
    """Both questions of a picture, as MME has them: one answered yes, one no."""
    present = random.choice(scene.things).kind
    kinds = {thing.kind for thing in scene.things}
    absent = random.choice([kind for kind in _all_kinds() if kind not in kinds])
    return _existence(scene, present), _existence(scene, absent)


def _relation(scene: Scene, random: Random) -> Inquiry | None:
    single = _unique(scene)
    if len(single) < 2:
        return None
    first, second = random.sample(single, 2)
    dx = first.centre[0] - second.centre[0]
    dy = first.centre[1] - second.centre[1]
    axes = [axis for axis, offset in (("x", dx), ("y", dy)) if abs(offset) >= _MIN_OFFSET]
    if not axes:
        return None
    axis = random.choice(axes)
    before, after = ("to the left of", "to the right of") if axis == "x" else ("above", "below")
    truth = before if (dx if axis == "x" else dy) < 0 else after
    if random.random() < 0.2:
        # VSR's questions as Visual-CoT asks them have nouns for answers, too.
        ends = ("further left", "further right") if axis == "x" else ("higher", "lower")
        end = random.choice(ends)
        is_first = (end == ends[0]) == (truth == before)
        answer = first.kind if is_first else second.kind
        return Inquiry(
            "relation",
            f"Which is {end}, the {first.kind} or the {second.kind}?",
            answer,
            (first, second),
            # Whether it is the first comes before its name: one step at a time.
            f"{_comparison(first, second, axis, swapped=end == ends[1])} {_yes_or_no(is_first)}",
        )
    asked = random.choice((before, after))
    return Inquiry(
        "relation",
        f"Is the {first.kind} {asked} the {second.kind}?",
        _yes_or_no(asked == truth),
        (first, second),
        _comparison(first, second, axis, swapped=asked == after),
    )


def _comparison(first: Thing, second: Thing, axis: str, *, swapped: bool) -> str:
    """Where two things are, and what is asked as one comparison of these two numbers.

    They are compared in the order that the question asks about, so that less always means yes: a
    small model learns to compare two numbers, and hardly that one word is another.
    """
    near = [thing.left if axis == "x" else thing.top for thing in (first, second)]
    if near[0] == near[1]:
        near = [edge + thing.side for edge, thing in zip(near, (first, second), strict=True)]
    one, two = reversed(near) if swapped else near
    return f"{near[0]}, {near[1]}; is {one} less than {two}?"


def _yes_or_no(holds: bool) -> str:
    return "yes" if holds else "no"


def _counting(scene: Scene, random: Random) -> Inquiry:
    word = _countable(scene, random)
    found = scene.of(word)
    number = len(found)
    return Inquiry(
        "counting",
        f"How many {plural(word, 2)} are there?",
        str(number),
        found,
        _there_are(number, word),
        number,
    )


def _attribute(scene: Scene, random: Random) -> Inquiry | None:
    asked: list[tuple[str, str, Thing]] = []
    for thing in scene.things:
        if len(scene.of(thing.shape)) == 1:
            asked.append((f"What color is the {thing.shape}?", thing.colour, thing))
        if len(scene.of(f"{thing.colour} shape")) == 1:
            asked.append((f"What shape is the {thing.colour} object?", thing.shape, thing))
    if not asked:
        return None
    question, answer, thing = random.choice(asked)
    return Inquiry("attribute", question, answer, (thing,), f"it is a {thing.kind}")


def _arithmetic(scene: Scene, random: Random) -> Inquiry:
    first, second = random.sample(SHAPES, 2)
    one, two = scene.of(first), scene.of(second)
    if len(one) >= len(two) and random.random() < 0.5:
        return Inquiry(
            "arithmetic",
            f"How many more {first}s than {second}s are there?",
            str(len(one) - len(two)),
            one + two,
            f"{len(one)} minus {len(two)} is {len(one) - len(two)}",
        )
    return Inquiry(
        "arithmetic",
        f"How many {first}s and {second}s are there in total?",
        str(len(one) + len(two)),
        one + two,
        f"{len(one)} plus {len(two)} is {len(one) + len(two)}",
    )


def _existence(scene: Scene, kind: str) -> Inquiry:
    found = scene.of(kind)
    return Inquiry(
        "existence",
        f"Is there a {kind} in the image?",
        "yes" if found else "no",
        found,
        f"there is a {kind}" if found else f"there is no {kind}",
    )


def _locate(scene: Scene, random: Random) -> Inquiry | None:
    single = _unique(scene)
    if not single:
        return None
    thing = random.choice(single)
    return Inquiry("locate", f"Locate the {thing.kind}.", thing.kind, (thing,), "found it")


def _unique(scene: Scene) -> list[Thing]:
    return [thing for thing in scene.things if len(scene.of(thing.kind)) == 1]


def _countable(scene: Scene, random: Random) -> str:
    """A word to count by, chosen so that no count and no kind of word is rare."""
    words = [*SHAPES, *(f"{colour} shape" for colour in COLOURS), *_all_kinds(), "shape"]
    by_count: dict[int, list[str]] = {}
    for word in words:
        by_count.setdefault(len(scene.of(word)), []).append(word)
    counts = [count for count in by_count if count <= 5]
    # Zero is always at hand; without a lower weight it would be the commonest answer.
    weights = [0.5 if count == 0 else 1.0 for count in counts]
    return random.choice(by_count[random.choices(counts, weights)[0]])


def _all_kinds() -> list[str]:
    return [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]


def _there_are(number: int, word: str) -> str:
    return f"there {'is' if number == 1 else 'are'} {number} {plural(word, number)}"


TASKS: dict[str, Callable[[Scene, Random], Inquiry | None]] = {
    "relation": _relation,
    "counting": _counting,
    "attribute": _attribute,
    "arithmetic": _arithmetic,
    "existence": lambda scene, random: random.choice(existence_pair(scene, random)),
    "locate": _locate,
}
"""Every task by its name, in the order of tables."""
