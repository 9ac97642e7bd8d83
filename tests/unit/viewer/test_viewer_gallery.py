from __future__ import annotations

import base64
import io

from fabricated_run import broken_row, evaluation_row
from PIL import Image

from grit.viewer.embedding import embed_picture, find_picture
from grit.viewer.gallery import Answers, choose_columns, make_entries, pick_samples


def answers(mode, rows, model="grit", step=None):
    return Answers(model, mode, step, {(row.task, row.sample_id): row for row in rows})


def many(task, outcomes):
    return [
        evaluation_row(task=task, sample_id=f"{task}-{number}", correct=correct)
        for number, correct in enumerate(outcomes)
    ]


def decoded(picture):
    head, _, body = picture.uri.partition(",")
    return head, Image.open(io.BytesIO(base64.b64decode(body)))


def test_the_papers_prompt_stands_before_the_last_trained_weights():
    row = [evaluation_row()]
    direct, cot = answers("direct", row, "base"), answers("cot", row, "base")
    early, late = answers("grounded", row, step=50), answers("grounded", row, step=150)
    assert choose_columns([late, direct, early, cot]) == ([cot, late], direct)
    assert choose_columns([direct]) == ([direct], None)
    assert choose_columns([cot]) == ([cot], None)
    assert choose_columns([]) == ([], None)


def test_rare_outcomes_are_picked_too():
    rows = many("counting", [True] * 40 + [False])
    keys = pick_samples([answers("grounded", rows)], per_task=4, seed=0)
    assert len(keys) == 4
    assert ("counting", "counting-40") in keys


def test_the_pick_is_fixed_by_its_seed():
    rows = many("counting", [True, False] * 30) + many("relation", [True] * 30)
    columns = [answers("grounded", rows)]
    first = pick_samples(columns, per_task=5, seed=1)
    assert first == pick_samples([answers("grounded", rows[::-1])], per_task=5, seed=1)
    assert first != pick_samples(columns, per_task=5, seed=2)
    assert [task for task, _ in first] == ["counting"] * 5 + ["relation"] * 5


def test_no_sample_is_picked_twice_and_small_tasks_give_all_they_have():
    rows = many("counting", [True, False, True])
    keys = pick_samples([answers("grounded", rows)], per_task=9, seed=0)
    assert sorted(keys) == [("counting", f"counting-{number}") for number in range(3)]
    assert pick_samples([answers("grounded", rows)], per_task=0, seed=0) == []


def test_only_samples_that_both_sides_answered_are_shown():
    before = answers("cot", many("counting", [True] * 3), "base")
    after = answers("grounded", many("counting", [True] * 5))
    assert len(pick_samples([before, after], per_task=9, seed=0)) == 3


def test_an_entry_holds_both_answers_and_one_picture(run):
    before, after = broken_row(sample_id="r-1"), evaluation_row()
    columns = [answers("cot", [before], "base"), answers("grounded", [after])]
    (entry,) = make_entries(columns, None, [("relation", "r-1")], run=run.path)
    assert [panel.mark for panel in entry.panels] == ["wrong", "right"]
    assert (entry.result, entry.has_boxes) == ("right", True)
    assert [panel.finished for panel in entry.panels] == [False, True]
    assert entry.panels[0].faults[0] == ("no think", "there is no <think>")
    assert entry.picture.size == (200, 120)


def test_an_unscored_answer_is_neither_right_nor_wrong(run):
    row = evaluation_row(score=None, correct=False)
    columns = [answers("grounded", [row])]
    (entry,) = make_entries(columns, None, [("relation", "r-1")], run=run.path)
    assert entry.result == "unscored"


def test_a_lost_picture_is_said_in_its_place(tmp_path):
    columns = [answers("grounded", [evaluation_row(image="gone.png")])]
    (entry,) = make_entries(columns, None, [("relation", "r-1")], run=tmp_path)
    assert entry.picture is None
    assert "gone.png" in entry.missing


def test_drawings_become_png_without_loss(run):
    head, image = decoded(embed_picture(run.path / "scene.png"))
    assert head == "data:image/png;base64"
    assert image.convert("RGB").tobytes() == Image.open(run.path / "scene.png").tobytes()


def test_photographs_become_jpeg_no_larger_than_the_limit(tmp_path):
    noise = Image.merge("RGB", [Image.effect_noise((900, 300), 80) for _ in range(3)])
    noise.save(tmp_path / "noise.png")
    embedded = embed_picture(tmp_path / "noise.png", longest_side=300)
    head, image = decoded(embedded)
    assert head == "data:image/jpeg;base64"
    assert image.size == (300, 100)
    assert embedded.size == (900, 300)


def test_a_picture_is_looked_for_in_the_run_too(run):
    absolute = run.path / "scene.png"
    assert find_picture("scene.png", run=run.path) == absolute
    assert find_picture(str(absolute), run=run.path / "elsewhere") == absolute
    assert str(find_picture("nowhere/gone.png", run=run.path)) == "nowhere/gone.png"


def test_the_pictures_of_a_run_that_was_moved_are_found(run):
    run.pictures.mkdir()
    (run.path / "scene.png").rename(run.pictures / "scene.png")
    there = find_picture("/old/place/runs/demo/pictures/scene.png", run=run.path)
    assert there == run.pictures / "scene.png"
