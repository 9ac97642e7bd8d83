"""What ships: the 20 triplets as files, held-out samples from a seed, and nothing shared."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from grit.data.builtin import TRIPLETS_FILE, builtin_triplets, held_out_samples
from grit.data.check import check_samples
from grit.data.scenes.generate import Part, part_of, scenes
from grit.data.scenes.scene import COLOURS, SHAPES, Scene, Thing, draw_scene
from grit.data.scenes.tasks import TASKS

SIDE = 336
SCALE = 4
FILLED = dict(zip(SHAPES, (np.pi / 4, 1.0, 0.5), strict=True))


def scene_in(picture):
    """Read a scene off the pixels alone: things by flood fill, shapes by the share they fill."""
    pixels = np.asarray(picture.convert("RGB"))
    things = []
    for colour, rgb in COLOURS.items():
        left = (pixels == np.array(rgb)).all(axis=-1)
        while left.any():
            row, column = np.argwhere(left)[0]
            part = connected(left, row, column)
            rows, columns = np.nonzero(part)
            x1, y1 = columns.min(), rows.min()
            side = columns.max() + 1 - x1
            share = part.sum() / side**2
            shape = min(FILLED, key=lambda name: abs(FILLED[name] - share))
            things.append(
                Thing(shape, colour, int(x1) // SCALE, int(y1) // SCALE, int(side) // SCALE)
            )
            left = left & ~part
    return Scene(tuple(things))


def connected(mask, row, column):
    """The part of a mask that a pixel belongs to."""
    part = np.zeros_like(mask)
    part[row, column] = True
    while True:
        grown = part.copy()
        grown[1:] |= part[:-1]
        grown[:-1] |= part[1:]
        grown[:, 1:] |= part[:, :-1]
        grown[:, :-1] |= part[:, 1:]
        grown &= mask
        if (grown == part).all():
            return part
        part = grown


@pytest.fixture(scope="module")
def triplets():
    return builtin_triplets()


@pytest.fixture(scope="module")
def scenes_of_triplets(triplets):
    return {sample.id: scene_in(Image.open(sample.image)) for sample in triplets}


def test_there_are_ten_relations_and_ten_counts_from_0_to_4_twice_each(triplets):
    assert Counter(sample.dataset for sample in triplets) == {"relation": 10, "counting": 10}
    counts = Counter(sample.count for sample in triplets if sample.dataset == "counting")
    assert counts == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2}
    assert all(s.answer == str(s.count) for s in triplets if s.dataset == "counting")
    assert len({sample.id for sample in triplets}) == 20


def test_relations_are_not_all_answered_alike(triplets):
    answers = Counter(s.answer for s in triplets if s.dataset == "relation")
    assert answers["yes"] >= 3
    assert answers["no"] >= 3


def test_the_file_passes_our_own_check_without_a_warning():
    report = check_samples(TRIPLETS_FILE)
    assert report.findings == ()
    assert report.num_rows == 20


def test_boxes_lie_inside_pictures_that_have_the_size_of_a_drawn_scene(triplets):
    for sample in triplets:
        with Image.open(sample.image) as picture:
            assert picture.size == sample.image_size == (SIDE, SIDE)
        for box in sample.boxes:
            assert 0 <= box.x1 < box.x2 <= SIDE
            assert 0 <= box.y1 < box.y2 <= SIDE


def test_what_is_read_off_a_picture_paints_the_same_picture(triplets, scenes_of_triplets):
    # This is what lets the tests below speak of the layouts of files that hold only pixels.
    for sample in triplets:
        with Image.open(sample.image) as picture:
            painted = draw_scene(scenes_of_triplets[sample.id])
            assert picture.convert("RGB").tobytes() == painted.tobytes(), sample.id


def test_the_true_boxes_of_the_triplets_are_those_of_things_in_their_pictures(
    triplets, scenes_of_triplets
):
    for sample in triplets:
        boxes = {thing.box for thing in scenes_of_triplets[sample.id].things}
        assert set(sample.boxes) <= boxes, sample.id
        assert len(sample.boxes) == (2 if sample.dataset == "relation" else sample.count)


def test_the_triplets_layouts_are_in_no_other_part_and_differ_from_each_other(
    scenes_of_triplets,
):
    found = list(scenes_of_triplets.values())
    assert {part_of(scene) for scene in found} == {Part.TRIPLETS}
    pictures = {draw_scene(scene).tobytes() for scene in found}
    assert len(pictures) == 20
    for part in (Part.PRETRAINING, Part.VALIDATION, Part.TEST):
        others = itertools.islice(scenes(part, 0), 200)
        assert not pictures & {draw_scene(scene).tobytes() for scene in others}


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_held_out_samples_are_the_same_in_every_folder_and_process(tmp_path):
    one = held_out_samples(Part.TEST, tmp_path / "one", num_per_task=3, seed=2)
    two = held_out_samples(Part.TEST, tmp_path / "two", num_per_task=3, seed=2)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")

    def plain(samples):
        return [
            (s.id, s.image.name, s.question, s.answer, s.dataset, s.boxes, s.count) for s in samples
        ]

    assert plain(one) == plain(two)
    assert [s.dataset for s in one] == [task for task in TASKS for _ in range(3)]
    assert len({s.id for s in one}) == len(one)
    other_seed = held_out_samples(Part.TEST, tmp_path / "three", num_per_task=3, seed=3)
    assert plain(one) != plain(other_seed)


def test_more_samples_begin_with_the_same_ones(tmp_path):
    few = held_out_samples(Part.VALIDATION, tmp_path, num_per_task=2, tasks=["counting"])
    more = held_out_samples(Part.VALIDATION, tmp_path, num_per_task=5, tasks=["counting"])
    assert more[:2] == few


def test_pictures_that_stand_there_are_not_written_again(tmp_path):
    held_out_samples(Part.TEST, tmp_path, num_per_task=2, tasks=["relation"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    held_out_samples(Part.TEST, tmp_path, num_per_task=2, tasks=["relation"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_held_out_pictures_belong_to_their_part_and_hold_what_the_samples_say(tmp_path):
    samples = held_out_samples(Part.TEST, tmp_path, num_per_task=2)
    for sample in samples:
        scene = scene_in(Image.open(sample.image))
        assert part_of(scene) is Part.TEST
        assert set(sample.boxes) <= {thing.box for thing in scene.things}
        assert sample.image_size == (SIDE, SIDE)


def test_existence_asks_both_its_questions_of_each_picture(tmp_path):
    samples = held_out_samples(Part.TEST, tmp_path, num_per_task=8, tasks=["existence"])
    pictures = [sample.image for sample in samples]
    assert [pictures.count(picture) for picture in pictures] == [2] * 8
    assert [sample.answer for sample in samples] == ["yes", "no"] * 4
    assert all(sample.boxes == () for sample in samples if sample.answer == "no")


def test_no_two_tasks_share_a_picture(tmp_path):
    samples = held_out_samples(Part.TEST, tmp_path, num_per_task=10)
    tasks_of = {}
    for sample in samples:
        tasks_of.setdefault(sample.image.read_bytes(), set()).add(sample.dataset)
    assert all(len(tasks) == 1 for tasks in tasks_of.values())


def test_the_answer_of_locate_is_its_box_in_pixels(tmp_path):
    for sample in held_out_samples(Part.TEST, tmp_path, num_per_task=4, tasks=["locate"]):
        (box,) = sample.boxes
        assert sample.asks_for_boxes
        assert sample.answer == f"[{box.x1:.0f}, {box.y1:.0f}, {box.x2:.0f}, {box.y2:.0f}]"
