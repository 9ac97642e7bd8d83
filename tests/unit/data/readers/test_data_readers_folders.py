"""MME's official folders, and OVDEval's position part."""

import pytest
from PIL import Image
from reading import faults_of, read, samples_of, write_json

from grit.errors import DataError
from grit.geometry.box import Box

TWO = (
    "Is there a dog? Please answer yes or no.\tYes\nIs there a cat? Please answer yes or no.\tNo\n"
)


def picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def text(path, content=TWO):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_both_folder_layouts_of_mme_give_the_same_questions(tmp_path):
    for name in ("one.jpg", "two.png"):
        picture(tmp_path / "flat/existence" / name)
        picture(tmp_path / "parted/existence/images" / name)
    for name in ("one.txt", "two.txt"):
        text(tmp_path / "flat/existence" / name)
        text(tmp_path / "parted/existence/questions_answers_YN" / name)
    flat, parted = (samples_of("mme", tmp_path / layout) for layout in ("flat", "parted"))
    assert [s.id for s in flat] == [s.id for s in parted]
    assert [s.extra["pair"] for s in flat] == ["existence/one.jpg"] * 2 + ["existence/two.png"] * 2
    assert [s.answer for s in flat] == ["Yes", "No", "Yes", "No"]
    assert all(s.image.is_file() for s in [*flat, *parted])
    # One category by itself is known by its folder's name.
    assert samples_of("mme", tmp_path / "flat/existence") == flat


def test_a_picture_with_one_question_is_a_fault(tmp_path):
    text(tmp_path / "count/one.txt", "Is there a dog?\tYes\n")
    text(tmp_path / "count/two.txt", "Is there a dog?\tYes\nIs there a cat?\tmaybe\n")
    one, two = faults_of("mme", tmp_path)
    assert one[0] == 1
    assert "the picture has 1 questions" in one[1]
    assert two[0] == 2
    assert "no question⇥Yes or No" in two[1]


def test_pictures_of_mme_may_lie_elsewhere(tmp_path):
    text(tmp_path / "texts/count.txt", "a.jpg\tOne?\tYes\na.jpg\tTwo?\tNo\n")
    picture(tmp_path / "pictures/count/a.jpg")
    samples = samples_of("mme", tmp_path / "texts", images=tmp_path / "pictures")
    assert samples[0].image == tmp_path / "pictures/count/a.jpg"


def test_a_folder_without_categories_is_refused_with_what_is_in_it(tmp_path):
    (tmp_path / "readme.md").touch()
    with pytest.raises(DataError, match=r"the folder holds readme\.md(.|\n)*questions_answers_YN"):
        read("mme", tmp_path)
    text(tmp_path / "count/one.txt")
    with pytest.raises(DataError, match="no category poster; it has count"):
        read("mme", tmp_path, categories=("poster",))


OVD = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80, "text": ["dog on the left"]},
        {"id": 2, "file_name": "b.jpg", "text": ["cups"], "neg_text": ["plates"]},
        {"id": 3, "file_name": "c.jpg", "text": ["nothing"]},
    ],
    "categories": [{"id": 5, "name": "dog on the left"}, {"id": 6, "name": "The cup."}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 20, 30.4, 40]},
        {"id": 2, "image_id": 2, "category_id": 6, "bbox": [1, 2, 3, 4]},
        {"id": 3, "image_id": 2, "category_id": 6, "bbox": [11, 12, 3, 4]},
        {"id": 4, "image_id": 1, "category_id": 6, "bbox": [5, 5, 5, 5]},
    ],
}


def test_ovdeval_asks_for_the_box_of_descriptions_with_one_target(tmp_path):
    picture(tmp_path / "images/position/a.jpg", (100, 80))
    write_json(tmp_path / "annotations/position.json", OVD)
    rows, reading = read("ovdeval", tmp_path)
    dog, cups, cup = rows
    assert dog.sample.question == "Give the bounding box of the dog on the left in the picture."
    assert dog.sample.answer == "[10, 20, 40, 60]"
    assert dog.sample.boxes == (Box(10, 20, 40.4, 60),)
    assert dog.sample.image == tmp_path / "images/position/a.jpg"
    assert dog.sample.asks_for_boxes
    assert cup.sample.question == "Give the bounding box of the cup in the picture."
    assert (cups.sample, cups.left_out) == (None, "its description has several targets")
    assert reading.notes == {"pictures without any target": 1}


def test_an_annotation_without_its_picture_is_a_fault_on_its_line(tmp_path):
    broken = OVD | {"annotations": [{"image_id": 9, "category_id": 5, "bbox": [1, 2, 3]}]}
    path = write_json(tmp_path / "position.json", broken, indent=1)
    lines = path.read_text().splitlines()
    found = faults_of("ovdeval", path)
    assert lines[found[0][0]].strip() == '"image_id": 9,'
    assert [text.partition(" (")[0] for _, text in found] == [
        "the annotation's picture is not among the images",
        "bbox is not four numbers",
    ]


def test_a_list_is_no_ovdeval(tmp_path):
    with pytest.raises(DataError, match=r"no layout that the reader ovdeval knows"):
        read("ovdeval", write_json(tmp_path / "position.json", [1]))
    with pytest.raises(DataError, match="no list categories, annotations"):
        read("ovdeval", write_json(tmp_path / "position.json", {"images": []}))
