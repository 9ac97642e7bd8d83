"""TallyQA, with boxes from Visual Genome and COCO."""

import pytest
from reading import faults_of, read, samples_of, write_json

from grit.data.readers.regions import picture_key, read_regions, singular
from grit.data.readers.tallyqa import counted_name
from grit.errors import DataError
from grit.geometry.box import Box

ROW = {
    "answer": 2,
    "data_source": "imported_genome",
    "image": "VG_100K_2/2410408.jpg",
    "image_id": 92410408,
    "issimple": False,
    "question": "How many headlights does the black bus have?",
    "question_id": 30095774,
}
COCO_ROW = ROW | {
    "answer": 1,
    "data_source": "amt",
    "image": "train2014/COCO_train2014_000000000042.jpg",
    "question": "How many dogs are there?",
    "question_id": 7,
}


def light(x, **keywords):
    return {"object_id": x, "x": x, "y": 20, "w": 30, "h": 10, "names": ["headlight"]} | keywords


def genome(*objects):
    return [{"image_id": 2410408, "objects": list(objects), "image_url": "…"}]


def test_a_row_keeps_its_count_and_what_it_is(tmp_path):
    (sample,) = samples_of("tallyqa", write_json(tmp_path / "test.json", [ROW]))
    assert (sample.id, sample.answer, sample.count) == ("tallyqa-test-30095774", "2", 2)
    assert sample.image == tmp_path / "VG_100K_2/2410408.jpg"
    assert sample.boxes is None
    assert sample.extra["issimple"] is False


def test_boxes_of_visual_genome_are_joined_where_their_number_is_the_answer(tmp_path):
    file = write_json(tmp_path / "test.json", [ROW, ROW | {"question_id": 2, "answer": 3}])
    bus = {"object_id": 9, "x": 0, "y": 0, "w": 300, "h": 200, "names": ["bus"]}
    objects = write_json(tmp_path / "objects.json", genome(light(40), light(200), bus))
    rows, reading = read("tallyqa", file, boxes=(objects,))
    assert rows[0].sample.boxes == (Box(40, 20, 70, 30), Box(200, 20, 230, 30))
    assert rows[0].sample.extra["objects"] == ["headlight", "headlight"]
    assert rows[1].sample.boxes is None
    assert reading.notes == {
        "boxes joined": 1,
        "no boxes: the file has another number of such things": 1,
    }
    assert reading.files == [file, objects]


def test_a_thing_that_is_boxed_twice_counts_once(tmp_path):
    file = write_json(tmp_path / "test.json", [ROW])
    objects = genome(light(40), light(41), light(200))
    (row,) = read("tallyqa", file, boxes=(write_json(tmp_path / "objects.json", objects),))[0]
    assert [box.x1 for box in row.sample.boxes] == [40, 200]


def test_boxes_of_coco_are_xywh_and_a_crowd_counts_nothing(tmp_path):
    crowded = COCO_ROW | {"question_id": 8, "question": "How many people are there?"}
    file = write_json(tmp_path / "train.json", [COCO_ROW, crowded])
    instances = {
        "info": {},
        "images": [{"id": 42, "file_name": "x.jpg", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 42, "category_id": 18, "bbox": [10, 20, 95, 30], "iscrowd": 0},
            {"id": 2, "image_id": 42, "category_id": 1, "bbox": [1, 2, 9, 9], "iscrowd": 1},
        ],
    }
    boxes = write_json(tmp_path / "instances.json", instances, indent=1)
    rows, reading = read("tallyqa", file, boxes=(boxes,))
    # 10 + 95 passes the border at 100 and is cut off there.
    assert rows[0].sample.boxes == (Box(10, 20, 100, 50),)
    assert rows[1].sample.boxes is None
    assert reading.notes["no boxes: a crowd that is not told apart"] == 1


def test_none_of_a_thing_is_an_empty_list_and_an_unknown_picture_is_none(tmp_path):
    none = ROW | {"answer": 0, "question": "How many cats are there?", "question_id": 1}
    elsewhere = ROW | {"image": "VG_100K/1.jpg", "question_id": 3}
    file = write_json(tmp_path / "test.json", [none, elsewhere])
    rows, reading = read(
        "tallyqa", file, boxes=(write_json(tmp_path / "objects.json", genome(light(4))),)
    )
    assert [row.sample.boxes for row in rows] == [(), None]
    assert reading.notes["no boxes: the picture is not in the file of boxes"] == 1


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How many headlights does the black bus have?", "headlights"),
        ("How many people are wearing hats?", "people"),
        ("How many of the cows are lying down?", "cows"),
        ("How many fire hydrants?", "fire hydrants"),
        ("how many red cars in the picture?", "red cars"),
        ("What number is on the bus?", None),
    ],
)
def test_what_a_question_counts(question, name):
    assert counted_name(question) == name


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("dogs", "dog"),
        ("People", "person"),
        ("buses", "bus"),
        ("bus", "bus"),
        ("boxes", "box"),
        ("glass", "glass"),
        ("puppies", "puppy"),
        ("black horses", "black horse"),
        ("", ""),
    ],
)
def test_nouns_in_the_singular(plural, one):
    assert singular(plural) == one


def test_whose_picture_a_name_names():
    assert picture_key("train2014/COCO_train2014_000000000042.jpg") == ("coco", 42)
    assert picture_key("VG_100K/5.jpg") == ("genome", 5)
    assert picture_key("photos/5.jpg") is None
    assert picture_key("VG_100K/photo.jpg") is None


def test_pictures_of_two_sets_with_one_number_are_not_taken_for_each_other(tmp_path):
    coco = ROW | {"image": "val2014/COCO_val2014_000002410408.jpg", "question_id": 1}
    file = write_json(tmp_path / "test.json", [ROW, coco])
    objects = write_json(tmp_path / "objects.json", genome(light(40), light(200)))
    instances = {
        "images": [{"id": 2410408}],
        "categories": [{"id": 3, "name": "headlight"}],
        "annotations": [
            {"image_id": 2410408, "category_id": 3, "bbox": [x, 1, 5, 5]} for x in (7, 90)
        ],
    }
    boxes = (objects, write_json(tmp_path / "instances.json", instances))
    rows, reading = read("tallyqa", file, boxes=boxes)
    assert [row.sample.boxes[0].x1 for row in rows] == [40, 7]
    rows, _ = read("tallyqa", file, boxes=(objects,))
    assert [row.sample.boxes is None for row in rows] == [False, True]
    assert reading.files == [file, *boxes]


def test_an_answer_that_is_no_count_is_a_fault_on_its_line(tmp_path):
    bad = [ROW, ROW | {"answer": "two", "question_id": 5}, ROW | {"answer": True}]
    path = write_json(tmp_path / "test.json", bad, indent=0)
    (first, text), (second, _) = faults_of("tallyqa", path)
    # Nine lines an object with indent=0: seven keys and two brackets.
    assert (first, second) == (11, 20)
    assert text == 'answer is no count (found "two"); an answer is a whole number, zero or more'


def test_boxes_in_another_layout_are_refused_with_those_that_are_known(tmp_path):
    for value in ([{"image": 3}], {"pictures": []}):
        path = write_json(tmp_path / "boxes.json", value)
        with pytest.raises(DataError, match=r"Visual Genome's objects\.json.*COCO"):
            read_regions((path,), ())
