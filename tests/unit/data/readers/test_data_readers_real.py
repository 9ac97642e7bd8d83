"""Readers on the real parts; expectations were read off the files by eye, or by other code."""

import json
from collections import Counter

import pytest
from PIL import Image
from reading import REAL, needs_real_data, read, samples_of

from grit.data.readers.visual_cot import unpadded
from grit.geometry.box import Box

pytestmark = needs_real_data


def test_every_caption_of_vsr_becomes_a_question_with_its_relation():
    samples = samples_of("vsr", REAL / "vsr")
    assert len(samples) == 340
    first = samples[0]
    assert first.question == "Is it true that the dog is on the surfboard?"
    assert (first.answer, first.dataset, first.split) == ("Yes", "vsr", "dev")
    assert first.image.name == "000000372029.jpg"
    assert first.extra["relation"] == "on"
    assert first.extra["vote_true_validator_id"] == [19, 2, 51]
    assert Counter(sample.answer for sample in samples) == {"No": 173, "Yes": 167}
    verbs = [s.question for s in samples if " contains " in s.question]
    assert verbs[0] == "Is it true that the train contains the laptop?"


@pytest.mark.parametrize("part", ["vsr", "gqa"])
def test_the_benchmark_of_visual_cot_has_the_boxes_of_its_detection_rows(part):
    benchmark = samples_of("visual-cot", REAL / f"visual-cot/benchmark_{part}.json")
    detection = samples_of("visual-cot", REAL / f"visual-cot/benchmark_det/{part}.jsonl")
    assert len(benchmark) == len(detection) == 80
    for whole, exact in zip(benchmark, detection, strict=True):
        assert whole.image.name == exact.image.name
        # Behind ### the edges are cut to whole pixels.
        edges = tuple(int(edge) for edge in exact.boxes[0].as_tuple())
        assert whole.boxes[0].as_tuple() == edges
        assert exact.question.endswith(whole.question)
        assert exact.asks_for_boxes
        assert not whole.asks_for_boxes
    assert benchmark[0].answer == {"vsr": "dog", "gqa": "window"}[part]


@pytest.mark.parametrize("part", ["vsr", "gqa"])
def test_the_padded_boxes_of_visual_cot_are_the_pixel_boxes_of_the_same_row(part):
    items = json.loads((REAL / f"visual-cot/benchmark_{part}.json").read_text())
    rows = (REAL / f"visual-cot/benchmark_det/{part}.jsonl").read_text().splitlines()
    sizes = {row["question_id"]: (row["width"], row["height"]) for row in map(json.loads, rows)}
    for item in items:
        padded = json.loads(item["conversations"][1]["value"])
        pixels = json.loads(item["image"][1].split("###")[1])
        made = unpadded(padded, sizes[item["question_id"]])
        assert made == pytest.approx(pixels, abs=2)


def test_either_form_of_visual_cot_takes_what_it_lacks_from_the_other():
    folder = REAL / "visual-cot"
    benchmark, detection = folder / "benchmark_gqa.json", folder / "benchmark_det/gqa.jsonl"
    (one, *_) = samples_of("visual-cot", benchmark, boxes=(detection,))
    assert (one.image_size, one.boxes) == ((391, 500), (Box(217, 343, 242, 393),))
    (other, *_) = samples_of("visual-cot", detection, boxes=(benchmark,))
    assert (other.question, other.answer) == ("What are the tree branches in front of?", "window")


def test_a_wrong_size_shows_in_the_two_boxes_of_a_benchmark_row(tmp_path):
    rows = (REAL / "visual-cot/benchmark_det/gqa.jsonl").read_text().splitlines()
    wrong = [json.loads(row) | {"width": 800} for row in rows]
    (tmp_path / "det.jsonl").write_text("".join(json.dumps(row) + "\n" for row in wrong))
    rows, _ = read(
        "visual-cot", REAL / "visual-cot/benchmark_gqa.json", boxes=(tmp_path / "det.jsonl",)
    )
    (finding,) = rows[0].findings
    assert "two boxes are" in finding.problem
    assert rows[0].sample is None


def test_a_picture_of_another_size_shows_in_them_too(tmp_path):
    # The first row's picture has 391×500 pixels.
    (tmp_path / "cot/gqa").mkdir(parents=True)
    Image.new("1", (500, 391)).save(tmp_path / "cot/gqa/2316539.jpg")
    file = REAL / "visual-cot/benchmark_gqa.json"
    wrong, *others = read("visual-cot", file, images=tmp_path)[0]
    assert "two boxes are" in wrong.findings[0].problem
    assert all(row.findings == () for row in others)
    Image.new("1", (391, 500)).save(tmp_path / "cot/gqa/2316539.jpg")
    assert len(samples_of("visual-cot", file, images=tmp_path)) == 80


def test_the_training_rows_of_visual_cot_are_rows_of_ours():
    samples = samples_of("visual-cot", REAL / "visual-cot/vsr_cot_train.jsonl")
    assert len(samples) == 400
    assert samples[1].question == "What is under the teddy bear?"
    assert samples[1].boxes == (Box(0.0, 0.88, 640.0, 422.54),)


def test_mathvista_keeps_choices_kinds_and_units():
    samples = samples_of("mathvista", REAL / "mathvista")
    assert len(samples) == 250
    spring, cup, angle = samples[:3]
    assert (spring.extra["answer_type"], spring.extra["precision"]) == ("float", 1)
    assert "choices" not in spring.extra
    assert cup.question == "what is the total volume of the measuring cup? (Unit: g)"
    assert cup.extra["unit"] == "g"
    assert angle.answer == "145°"
    assert angle.extra["choices"] == ["135°", "140°", "145°", "150°"]
    assert angle.question.endswith("\n(A) 135°\n(B) 140°\n(C) 145°\n(D) 150°")
    assert angle.image_size == (131, 60)
    kinds = Counter((s.extra["question_type"], s.extra["answer_type"]) for s in samples)
    assert kinds == {
        ("multi_choice", "text"): 130,
        ("free_form", "integer"): 108,
        ("free_form", "float"): 11,
        ("free_form", "list"): 1,
    }


def test_mme_pairs_two_questions_a_picture():
    samples = samples_of("mme", REAL / "mme")
    assert Counter(s.extra["category"] for s in samples) == {"count": 60, "existence": 60}
    pairs = Counter(s.extra["pair"] for s in samples)
    assert len(pairs) == 60
    assert set(pairs.values()) == {2}
    first = samples[0]
    assert first.question == "Is there a train in the picture? Please answer yes or no."
    assert (first.answer, first.extra["category"]) == ("Yes", "count")
    assert first.extra["response"].startswith("yes, there is a train")


def test_a_category_is_chosen_and_the_others_are_left_out_by_name():
    rows, reading = read("mme", REAL / "mme", categories=("count",))
    assert Counter(row.left_out for row in rows) == {
        "": 60,
        "category existence was not asked for": 60,
    }
    assert [file.name for file in reading.files] == ["count.txt"]


def test_the_photographs_read_as_grit_data():
    samples = samples_of("grit-data", REAL / "photos")
    assert len(samples) == 10
    assert samples[0].count == 2
    assert all(sample.image.is_file() for sample in samples)
