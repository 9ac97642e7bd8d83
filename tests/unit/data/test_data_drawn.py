"""Drawn triplets: the mix, counted by hand; and shuffled answers."""

from __future__ import annotations

from collections import Counter

from grit.data.builtin import builtin_triplets
from grit.data.drawn import draw_triplets, with_shuffled_answers, write_triplets
from grit.data.jsonl import read_samples
from grit.data.pictures import open_picture
from grit.data.scenes.generate import Part, part_of
from grit.data.scenes.read import read_scene


def test_forty_triplets_have_the_mix_of_the_shipped_twenty(tmp_path):
    samples = draw_triplets(40, tmp_path / "pictures")
    sorts = Counter(
        (s.dataset, s.answer if s.count is not None or s.answer in ("yes", "no") else "noun")
        for s in samples
    )
    assert sorts == {
        ("relation", "yes"): 8, ("relation", "no"): 8, ("relation", "noun"): 4,
        **{("counting", str(count)): 4 for count in range(5)},
    }  # fmt: skip
    for sample in samples[:6]:
        assert part_of(read_scene(open_picture(sample.image))) is Part.TRIPLETS
    file = write_triplets(tmp_path / "triplets.jsonl", samples)
    assert [s.question for s in read_samples(file)] == [s.question for s in samples]
    assert write_triplets(file, samples[:3]) == file
    assert len(read_samples(file)) == 40


def test_one_task_alone_can_be_drawn(tmp_path):
    samples = draw_triplets(20, tmp_path, tasks=("relation",))
    assert Counter(s.dataset for s in samples) == {"relation": 20}
    assert all(s.count is None for s in samples)


def test_shuffled_answers_are_the_same_ones_on_other_questions():
    plain = builtin_triplets()
    shuffled = with_shuffled_answers(plain)
    assert [(s.id, s.boxes, s.question) for s in shuffled] == [
        (s.id, s.boxes, s.question) for s in plain
    ]
    for task in ("relation", "counting"):

        def labels(samples, task=task):
            return Counter((s.answer, s.count) for s in samples if s.dataset == task)

        assert labels(shuffled) == labels(plain)
    moved = sum(a.answer != b.answer for a, b in zip(plain, shuffled, strict=True))
    assert moved >= 10
