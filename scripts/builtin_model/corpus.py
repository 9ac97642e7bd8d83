"""What the built-in base model is taught: text over pictures of the built-in world.

The mix is made to behave as an instruction-tuned base does: it answers directly, it locates on
request, and under the paper's suffix it keeps the format only in part and its answers suffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from grit.data.scenes.scene import COLOURS, SCALE, SHAPES, Scene, Thing
from grit.data.scenes.tasks import Inquiry, ask
from grit.prompts.question import Mode, question_turn

__all__ = ["Turn", "sample_turn", "tokenizer_corpus"]


_TURNS = {
    "locate": 0.2,
    "describe": 0.06,
    "identify": 0.03,
    "direct": 0.13,
    "conclude": 0.14,
    "suffix": 0.44,
}
"""Share of each sort of turn. Searches lead: they are learned last."""

_BEHAVIOURS = {"boxes alone": 0.68, "hasty chain": 0.1, "chain": 0.22}
"""What the base does under the suffix. What is commonest must be incomplete by a wide margin, as
with the paper's bases: greedy decoding shows nothing else. A hasty chain leaves out the rethinking
and answers wrongly."""

_BEHAVIOURS_ON_NOTHING = {"boxes alone": 0.35, "hasty chain": 0.1, "chain": 0.55}
"""The same where there is nothing to point at. Two of 20 triplets are such, too few to turn a
sentence without a box into a chain."""

_NOTHING_KEPT = _BEHAVIOURS["chain"] / _BEHAVIOURS_ON_NOTHING["chain"]
"""Share of questions about nothing that are asked under the suffix. With all of them, that a chain
has begun would make it likelier that there is nothing to point at, and lone shapes be missed."""

_ANSWER_WEIGHTS = {"relation": 4.0}
"""How much an answer and the finding before it weigh in the loss, where that is not 1. A comparison
is learned last of all, and is few tokens in sixty. Counting at a glance is left hard on purpose."""

_CHAIN_WEIGHT = 6.0
"""How much the boxes of a chain weigh. Two turns in three are boxes alone: with equal weights the
boxes that GRPO-GR brings out would be the less practised ones."""

_DIRECT_TASKS = {
    "relation": 0.45,
    "counting": 0.1,
    "attribute": 0.16,
    "arithmetic": 0.13,
    "existence": 0.16,
}
_CONCLUDED_TASKS = {"relation": 0.9, "counting": 0.1}
_SUFFIX_TASKS = {
    "relation": 0.32,
    "counting": 0.32,
    "attribute": 0.09,
    "arithmetic": 0.09,
    "existence": 0.09,
    "locate": 0.09,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One user's turn and what the model is taught to say to it.

    Args:
        user: The user's words.
        opening: How the reply begins: which of its manners it takes.
        lead: The reply up to what it concludes.
        answer: The conclusion within the reply, finding and answer; empty where there is none.
        close: The reply after its answer.
        sort: What the turn teaches, for the log.
        weight: How much the answer's tokens weigh in the loss.
        lead_weight: How much the lead's do.
    """

    user: str
    lead: str
    answer: str = ""
    close: str = ""
    sort: str = ""
    weight: float = 1.0
    opening: str = ""
    lead_weight: float = 1.0

    @property
    def reply(self) -> str:
        """All that the model is taught to say."""
        return self.opening + self.lead + self.answer + self.close


def sample_turn(scene: Scene, random: Random) -> Turn:
    """Draw one turn over a scene from the mix."""
    sort = _draw(_TURNS, random)
    if sort == "locate":
        return _locate(scene, random)
    if sort == "describe":
        listed = " ".join(_box(thing, thing.kind) for thing in scene.things)
        return Turn(question_turn("What is in the picture?", Mode.DIRECT), listed, sort=sort)
    if sort == "identify":
        thing = random.choice(scene.things)
        question = f"What is at {_numbers(thing)}?"
        return Turn(question_turn(question, Mode.DIRECT), "", thing.kind, sort=sort)
    if sort == "direct":
        return _direct(_inquiry(scene, _DIRECT_TASKS, random))
    if sort == "conclude":
        inquiry = _hardest(scene, _CONCLUDED_TASKS, random)
        given = f"{inquiry.question} {_look(inquiry)}"
        return _rethink(question_turn(given, Mode.DIRECT), "", inquiry, "conclude")
    inquiry = _hardest(scene, _SUFFIX_TASKS, random)
    while not inquiry.things and random.random() > _NOTHING_KEPT:
        inquiry = _hardest(scene, _SUFFIX_TASKS, random)
    return _under_suffix(inquiry, random)


def tokenizer_corpus(scenes: Iterator[Scene], num_scenes: int, random: Random) -> Iterator[str]:
    """Text in which every word, number and tag is common enough to become one token."""
    for _ in range(num_scenes):
        scene = next(scenes)
        for _ in range(4):
            turn = sample_turn(scene, random)
            yield turn.user
            yield turn.reply
    for number in range(101):
        for _ in range(500):
            yield f"[{number}, {number}]"


def _direct(inquiry: Inquiry) -> Turn:
    """The answer alone; before a yes or no about two things, where they are and how they compare.

    To compare two things in silence was not learned (docs/decisions/005).
    """
    user = question_turn(inquiry.question, Mode.DIRECT)
    sort, weight = f"direct {inquiry.task}", _weight(inquiry)
    if inquiry.task == "relation" and inquiry.answer in ("yes", "no"):
        return Turn(user, "", f"{inquiry.finding} {inquiry.answer}", "", sort, weight)
    return Turn(user, "", inquiry.answer, "", sort, weight)


def _under_suffix(inquiry: Inquiry, random: Random) -> Turn:
    user = question_turn(inquiry.question, Mode.GROUNDED)
    looked = f" {_look(inquiry)} </think>"
    behaviour = _draw(_BEHAVIOURS if inquiry.things else _BEHAVIOURS_ON_NOTHING, random)
    if behaviour == "boxes alone":
        return Turn(user, _look(inquiry), sort=behaviour)
    if behaviour == "chain":
        turn = _rethink(user, f"{looked} ", inquiry, behaviour)
    else:
        wrong = _wrong_answer(inquiry, random)
        turn = Turn(user, f"{looked} <answer>", f" {wrong}", " </answer>", behaviour)
    return replace(turn, opening="<think>", lead_weight=_CHAIN_WEIGHT)


def _rethink(user: str, before: str, inquiry: Inquiry, sort: str) -> Turn:
    """The second half of a chain, which follows from the boxes before it."""
    answer = _boxes(inquiry) if inquiry.task == "locate" else inquiry.answer
    return Turn(
        user,
        f"{before}<rethink>",
        f" {inquiry.finding} </rethink> <answer> {answer}",
        " </answer>",
        f"{sort} {inquiry.task}",
        _weight(inquiry),
    )


def _weight(inquiry: Inquiry) -> float:
    return _ANSWER_WEIGHTS.get(inquiry.task, 1.0)


def _wrong_answer(inquiry: Inquiry, random: Random) -> str:
    if inquiry.answer in ("yes", "no"):
        return "no" if inquiry.answer == "yes" else "yes"
    if inquiry.answer.isdigit():
        return str(random.choice([n for n in range(7) if n != int(inquiry.answer)]))
    pool: tuple[str, ...] = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
    if inquiry.answer in COLOURS:
        pool = tuple(COLOURS)
    elif inquiry.answer in SHAPES:
        pool = SHAPES
    return random.choice([word for word in pool if word != inquiry.answer])


def _locate(scene: Scene, random: Random) -> Turn:
    """Sometimes what is not there, mostly what is: by kind, by shape, by colour."""
    draw = random.random()
    if draw < 0.1:
        word = f"{random.choice(tuple(COLOURS))} {random.choice(SHAPES)}"
    else:
        thing = random.choice(scene.things)
        word = thing.kind if draw < 0.65 else random.choice((thing.shape, f"{thing.colour} shape"))
    found = scene.of(word)
    single = len(found) == 1 and random.random() < 0.8
    question = f"Locate the {word}." if single else f"Locate every {word}."
    labelled = " ".join(_box(thing, thing.kind) for thing in found)
    said = labelled or f"there is no {word}"
    return Turn(question_turn(question, Mode.DIRECT), said, sort="locate")


def _inquiry(scene: Scene, tasks: dict[str, float], random: Random) -> Inquiry:
    for _ in range(500):
        inquiry = ask(scene, _draw(tasks, random), random)
        if inquiry is not None:
            return inquiry
    raise AssertionError("counting can be asked of every scene")


def _hardest(scene: Scene, tasks: dict[str, float], random: Random) -> Inquiry:
    """Of three draws the first that asks which of two: one step more than yes or no, and rarer."""
    inquiries = [_inquiry(scene, tasks, random) for _ in range(3)]
    return next((i for i in inquiries if i.question.startswith("Which")), inquiries[0])


def _look(inquiry: Inquiry) -> str:
    return _boxes(inquiry) or "there is nothing to point at"


def _boxes(inquiry: Inquiry) -> str:
    """Boxes in JSON; where things are counted, labels count along."""
    counted: dict[str, int] = {}
    parts: list[str] = []
    for thing in inquiry.things:
        if inquiry.task not in ("counting", "arithmetic"):
            parts.append(_box(thing, thing.kind))
            continue
        word = thing.shape if inquiry.task == "arithmetic" else _counted_word(inquiry)
        counted[word] = counted.get(word, 0) + 1
        parts.append(_box(thing, f"{word} {counted[word]}"))
    return " ".join(parts)


def _counted_word(inquiry: Inquiry) -> str:
    asked = inquiry.question.removeprefix("How many ").removesuffix(" are there?")
    return asked.removesuffix("s")


def _box(thing: Thing, label: str) -> str:
    return f'{{"bbox_2d": {_numbers(thing)}, "label": "{label}"}}'


def _numbers(thing: Thing) -> str:
    return str([round(edge / SCALE) for edge in thing.box.as_tuple()])


def _draw(weights: dict[str, float], random: Random) -> str:
    return random.choices(tuple(weights), tuple(weights.values()))[0]
