"""Names of which a thing can bear only one: a cat is no dog, and what is wet is not dry.

A table that only ever says no. Two names that could be given to one thing (a couch and a sofa, a
man and a person) are simply not told apart here.
"""

from __future__ import annotations

from collections.abc import Sequence

from grit.judges.normalise import same_words

__all__ = ["are_opposites", "exclude_each_other"]

# Each line is a group whose members exclude each other; spellings of one member stand between
# bars. Most of the first group are the classes of COCO, whose pictures VSR asks about.
_GROUPS_TEXT = (
    "person|people|human, bicycle|bike|cycle, car|automobile, motorcycle|motorbike, "
    "airplane|aeroplane|plane|jet, bus, train, truck|lorry, boat|ship, traffic light|stoplight, "
    "fire hydrant|hydrant, stop sign, parking meter, bench, bird, cat|kitten, dog|puppy, "
    "horse|pony, sheep|lamb, cow|cattle, elephant, bear, zebra, giraffe, backpack|rucksack, "
    "umbrella|parasol, handbag|purse, tie|necktie, suitcase|luggage, frisbee, skis|ski, snowboard, "
    "sports ball|ball, kite, baseball bat|bat, baseball glove|glove, skateboard, surfboard, "
    "tennis racket|racket, bottle, wine glass|wineglass, cup|mug, fork, knife, spoon, bowl, "
    "banana, apple, sandwich, broccoli, carrot, hot dog|hotdog, pizza, donut|doughnut, cake, "
    "chair, couch|sofa, "
    "potted plant|plant, bed, dining table|table, toilet, tv|television|monitor, laptop, "
    "mouse|computer mouse, remote|remote control, keyboard, cell phone|phone|cellphone, "
    "microwave|microwave oven, oven|stove, toaster, sink, refrigerator|fridge, book, clock, vase, "
    "scissors, teddy bear|teddybear|teddy, hair drier|hair dryer, toothbrush, window, door, wall, "
    "floor, ceiling, mirror, lamp, shelf|bookshelf, pillow, curtain, carpet|rug, fan, heater, "
    "air conditioner|ac, dvd player, cd player, sock, shoe, hat, tree, road|street, fence",
    "man, woman|lady",
    "boy, girl",
    "woman|lady, boy",
    "man, girl",
    "red, green, blue, yellow, black, white, brown, purple|violet, gray|grey, orange, pink",
    "circle|round|circular, square, triangle|triangular, hexagon|hexagonal, octagon|octagonal, "
    "pentagon|pentagonal, star",
    "wood|wooden, metal|metallic, plastic, glass, paper, leather, brick, concrete, cloth|fabric",
)
_OPPOSITES_TEXT = (
    "left right; top bottom; up down; upper lower; above below; above under; over under; on under; "
    "inside outside; indoors outdoors; front behind; wet dry; open closed; old young; full empty; "
    "hot cold; clean dirty; long short; tall short; big small; large small; odd even; more fewer; "
    "more less; higher lower; greater smaller; greater less; larger smaller; same different; "
    "increase decrease; rise fall; day night; true false; near far; sitting standing"
)
# Pairs of one group that people do take for each other.
_NEAR_TEXT = (
    "hot dog, sandwich; cup, wine glass; cup, bowl; handbag, backpack; handbag, suitcase; "
    "backpack, suitcase; couch, chair; couch, bed; couch, bench; chair, bench; car, truck; "
    "microwave, oven; oven, toaster; bear, teddy bear; tv, laptop; boat, surfboard; "
    "bicycle, motorcycle; skis, snowboard; mouse, remote; cell phone, remote; potted plant, tree; "
    "potted plant, vase; bowl, vase; bottle, vase; bottle, wine glass; wall, fence; window, door; "
    "door, refrigerator; floor, carpet; road, floor; ceiling, wall; window, mirror; "
    "dining table, shelf; sports ball, frisbee; horse, zebra; dvd player, cd player; fan, "
    "air conditioner; gray, white; gray, black; orange, red; orange, yellow; pink, purple; "
    "pink, red; brown, orange; blue, purple; glass, plastic; paper, cloth; brick, concrete"
)

_Name = tuple[str, ...]


def _groups() -> list[dict[_Name, _Name]]:
    """For each group, every spelling with the first spelling of its member."""
    groups: list[dict[_Name, _Name]] = []
    for text in _GROUPS_TEXT:
        group: dict[_Name, _Name] = {}
        for member in text.split(", "):
            spellings = [tuple(spelling.split()) for spelling in member.split("|")]
            group |= dict.fromkeys(spellings, spellings[0])
        groups.append(group)
    return groups


_GROUPS = _groups()
_NEAR = {
    frozenset(tuple(name.split()) for name in pair.split(", ")) for pair in _NEAR_TEXT.split("; ")
}
_OPPOSITES = {frozenset(pair.split()) for pair in _OPPOSITES_TEXT.split("; ")}


def exclude_each_other(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether two names, as lists of words, cannot be names of one thing."""
    if len(ours) == len(theirs) == 1 and are_opposites(ours[0], theirs[0]):
        return True
    for group in _GROUPS:
        one, other = _member(ours, group), _member(theirs, group)
        if one is not None and other is not None and one != other:
            return frozenset({one, other}) not in _NEAR
    return False


def are_opposites(one: str, other: str) -> bool:
    """Whether one word says the opposite of the other."""
    return frozenset({one, other}) in _OPPOSITES


def _member(words: Sequence[str], group: dict[_Name, _Name]) -> _Name | None:
    """The member that the words name, in singular or plural."""
    if not 0 < len(words) <= 3:
        return None
    if (known := group.get(tuple(words))) is not None:
        return known
    return next((first for name, first in group.items() if same_words(words, name)), None)
