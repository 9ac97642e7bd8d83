"""The built-in world: true boxes against painted pixels, true answers against a second count."""

from __future__ import annotations

import itertools
import re
from random import Random

import numpy as np
import pytest
from PIL import Image

from grit.data.scenes.generate import Part, part_of, random_scene, scenes
from grit.data.scenes.scene import (
    COLOURS,
    GRID,
    SCALE,
    SHAPES,
    Scene,
    Thing,
    draw_scene,
    layout_hash,
)
from grit.data.scenes.tasks import TASKS, ask, existence_pair

SIDE = 336


def first_scenes(part, number, seed=0):
    return list(itertools.islice(scenes(part, seed), number))


def painted_box(picture, colour):
    """The bounding box of a colour's pixels, x2 and y2 one past the last."""
    pixels = np.asarray(picture)
    rows, columns = np.nonzero((pixels == np.array(COLOURS[colour])).all(axis=-1))
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def inquiries(task, number=60, seed=0):
    """Questions of a task with the scenes that they are about."""
    random = Random(f"a test's questions {task}")
    asked = ((scene, ask(scene, task, random)) for scene in scenes(Part.PRETRAINING, seed))
    found = ((scene, inquiry) for scene, inquiry in asked if inquiry is not None)
    return list(itertools.islice(found, number))


@pytest.mark.parametrize("side", [14, 17, 26])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", ["red", "purple"])
def test_the_true_box_of_a_thing_is_the_box_of_its_pixels(shape, colour, side):
    thing = Thing(shape, colour, left=11, top=GRID - side, side=side)
    picture = draw_scene(Scene((thing,)))
    assert picture.size == (SIDE, SIDE)
    assert painted_box(picture, colour) == thing.box.as_tuple()


def test_boxes_of_whole_scenes_are_those_of_their_pixels_where_colours_do_not_repeat():
    checked = 0
    for scene in first_scenes(Part.VALIDATION, 60):
        picture = draw_scene(scene)
        for thing in scene.things:
            if sum(other.colour == thing.colour for other in scene.things) == 1:
                assert painted_box(picture, thing.colour) == thing.box.as_tuple()
                checked += 1
    assert checked > 60


def test_shapes_can_be_told_apart_by_the_share_of_the_box_that_they_fill():
    # A disc fills pi/4 of its box, a triangle a half.
    for shape, share in zip(SHAPES, (np.pi / 4, 1.0, 0.5), strict=True):
        pixels = np.asarray(draw_scene(Scene((Thing(shape, "blue", 20, 20, 20),))))
        filled = (pixels == np.array(COLOURS["blue"])).all(axis=-1).sum() / (20 * SCALE) ** 2
        assert filled == pytest.approx(share, abs=0.02)


def test_things_lie_inside_the_picture_and_do_not_overlap():
    for scene in first_scenes(Part.TEST, 300):
        assert 1 <= len(scene.things) <= 5
        boxes = [thing.box for thing in scene.things]
        assert all(min(box.as_tuple()) >= 0 and max(box.as_tuple()) <= SIDE for box in boxes)
        for one, two in itertools.combinations(boxes, 2):
            apart = one.x2 < two.x1 or two.x2 < one.x1 or one.y2 < two.y1 or two.y2 < one.y1
            assert apart, (one, two)


def test_no_layout_is_in_two_parts_over_thousands_of_scenes():
    hashes = {
        part: {layout_hash(scene) for scene in first_scenes(part, number)}
        for part, number in [
            (Part.PRETRAINING, 4000),
            (Part.TRIPLETS, 300),
            (Part.VALIDATION, 1000),
            (Part.TEST, 1500),
        ]
    }
    for one, two in itertools.combinations(hashes, 2):
        assert not hashes[one] & hashes[two], (one, two)


def test_the_hash_is_that_of_the_picture_and_not_of_the_order_of_its_things():
    scene = next(s for s in scenes(Part.TEST, 3) if len(s.things) > 2)
    turned = Scene(scene.things[::-1])
    assert layout_hash(turned) == layout_hash(scene)
    assert draw_scene(turned).tobytes() == draw_scene(scene).tobytes()
    pictures: dict[bytes, str] = {}
    random = Random(0)
    for _ in range(200):
        other = random_scene(random)
        painted = draw_scene(other).tobytes()
        assert pictures.setdefault(painted, layout_hash(other)) == layout_hash(other)
    assert len(set(pictures.values())) == len(pictures)


def test_scenes_are_the_same_for_the_same_seed_and_differ_between_seeds():
    assert first_scenes(Part.TEST, 20, seed=5) == first_scenes(Part.TEST, 20, seed=5)
    assert first_scenes(Part.TEST, 20, seed=5) != first_scenes(Part.TEST, 20, seed=6)
    assert all(part_of(scene) is Part.TEST for scene in first_scenes(Part.TEST, 20))


def count_by_hand(scene, words):
    """Things that a plural noun phrase names, read off colours and shapes alone."""
    *colour, noun = words.split()
    noun = noun.removesuffix("s")
    return [
        thing
        for thing in scene.things
        if noun in (thing.shape, "shape") and (not colour or thing.colour == colour[0])
    ]


def test_counts_are_those_of_a_second_count_and_each_counted_thing_has_its_box():
    numbers = set()
    for scene, inquiry in inquiries("counting", 150):
        (words,) = re.fullmatch(r"How many (.+) are there\?", inquiry.question).groups()
        counted = count_by_hand(scene, words)
        assert inquiry.answer == str(len(counted)) == str(inquiry.count)
        assert {thing.box for thing in inquiry.things} == {thing.box for thing in counted}
        numbers.add(len(counted))
    assert {0, 1, 2, 3, 4} <= numbers


def centre_of_pixels(scene, kind):
    """Middle of the painted box of the one thing of a kind."""
    colour, shape = kind.split()
    (thing,) = (t for t in scene.things if (t.colour, t.shape) == (colour, shape))
    x1, y1, x2, y2 = painted_box(draw_scene(Scene((thing,))), colour)
    return ((x1 + x2) / 2, (y1 + y2) / 2)


IS_TRUE = {
    "to the left of": lambda one, two: one[0] < two[0],
    "to the right of": lambda one, two: one[0] > two[0],
    "above": lambda one, two: one[1] < two[1],
    "below": lambda one, two: one[1] > two[1],
}
IS_AT_THE_END = {
    "further left": IS_TRUE["to the left of"],
    "further right": IS_TRUE["to the right of"],
    "higher": IS_TRUE["above"],
    "lower": IS_TRUE["below"],
}


def test_relations_are_those_of_the_painted_centres():
    answers = set()
    for scene, inquiry in inquiries("relation", 120):
        first, second = (centre_of_pixels(scene, thing.kind) for thing in inquiry.things)
        kinds = [thing.kind for thing in inquiry.things]
        asked = re.fullmatch(r"Is the (\w+ \w+) (.+) the (\w+ \w+)\?", inquiry.question)
        if asked:
            assert [asked[1], asked[3]] == kinds
            assert inquiry.answer == ("yes" if IS_TRUE[asked[2]](first, second) else "no")
        else:
            asked = re.fullmatch(r"Which is (.+), the (.+) or the (.+)\?", inquiry.question)
            assert [asked[2], asked[3]] == kinds
            assert inquiry.answer == kinds[0 if IS_AT_THE_END[asked[1]](first, second) else 1]
        answers.add(inquiry.answer in ("yes", "no") and inquiry.answer)
    assert {"yes", "no", False} == answers


def test_attributes_are_those_of_the_only_thing_that_is_meant():
    for scene, inquiry in inquiries("attribute"):
        (thing,) = inquiry.things
        if inquiry.question.startswith("What color"):
            (shape,) = re.fullmatch(r"What color is the (\w+)\?", inquiry.question).groups()
            assert [t.colour for t in scene.things if t.shape == shape] == [inquiry.answer]
            assert thing.shape == shape
        else:
            (colour,) = re.fullmatch(r"What shape is the (\w+) object\?", inquiry.question).groups()
            assert [t.shape for t in scene.things if t.colour == colour] == [inquiry.answer]
            assert thing.colour == colour


def test_sums_and_differences_are_those_of_a_second_count():
    for scene, inquiry in inquiries("arithmetic", 100):
        one, two = re.search(r"(\w+)s (?:and|than) (\w+)s", inquiry.question).groups()
        numbers = [sum(t.shape == shape for t in scene.things) for shape in (one, two)]
        difference = "How many more" in inquiry.question
        assert int(inquiry.answer) == (numbers[0] - numbers[1] if difference else sum(numbers))
        assert int(inquiry.answer) >= 0
        assert len(inquiry.things) == sum(numbers)


def test_existence_asks_two_questions_a_picture_one_yes_one_no():
    random = Random(1)
    for scene in first_scenes(Part.TEST, 100):
        pair = existence_pair(scene, random)
        assert [inquiry.answer for inquiry in pair] == ["yes", "no"]
        for inquiry in pair:
            colour, shape = re.fullmatch(
                r"Is there a (\w+) (\w+) in the image\?", inquiry.question
            ).groups()
            there = [t for t in scene.things if (t.colour, t.shape) == (colour, shape)]
            assert list(inquiry.things) == there
            assert inquiry.answer == ("yes" if there else "no")


def test_locate_asks_for_a_thing_of_which_there_is_one():
    for scene, inquiry in inquiries("locate"):
        (kind,) = re.fullmatch(r"Locate the (.+)\.", inquiry.question).groups()
        assert [thing for thing in scene.things if thing.kind == kind] == list(inquiry.things)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_finds_something_to_ask_in_most_scenes(task):
    random = Random(2)
    asked = [ask(scene, task, random) for scene in first_scenes(Part.TEST, 100)]
    assert sum(inquiry is not None for inquiry in asked) > 50
    assert all(inquiry.task == task for inquiry in asked if inquiry is not None)


def test_a_scene_of_one_thing_has_no_relation():
    thing = Thing("circle", "red", 10, 10, 20)
    assert ask(Scene((thing,)), "relation", Random(0)) is None


def test_pictures_are_rgb_with_nothing_blended():
    # A box must not end in a half-transparent pixel: there would be two true boxes.
    picture = draw_scene(next(scenes(Part.TEST, 0)))
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
    colours = {colour for _, colour in picture.getcolors()}
    assert len(colours - set(COLOURS.values())) == 1
