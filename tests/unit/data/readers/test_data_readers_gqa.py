import pytest
from reading import read, samples_of, write_json

from grit.errors import DataError
from grit.geometry.box import Box

QUESTION = {
    "question": "What is on the shelf?",
    "imageId": "2354786",
    "answer": "book",
    "fullAnswer": "The book is on the shelf.",
    "annotations": {
        "answer": {"0": "11"},
        "question": {"4:5": "12"},
        "fullAnswer": {"1": "11", "5": "12"},
    },
    "types": {"structural": "query", "semantic": "rel"},
    "isBalanced": True,
}
GRAPH = {
    "2354786": {
        "width": 500,
        "height": 300,
        "objects": {
            "11": {"name": "book", "x": 10, "y": 20, "w": 30, "h": 40, "attributes": []},
            "12": {"name": "shelf", "x": 400, "y": 0, "w": 120, "h": 300, "relations": []},
        },
    }
}


def prepared(tmp_path, questions, graphs=GRAPH):
    file = write_json(tmp_path / "val_balanced_questions.json", questions)
    if graphs is not None:
        write_json(tmp_path / "val_sceneGraphs.json", graphs)
    return file


def test_true_boxes_are_the_objects_of_all_three_annotations_each_once(tmp_path):
    prepared(tmp_path, {"201": QUESTION})
    (sample,) = samples_of("gqa", tmp_path)
    assert (sample.id, sample.answer, sample.split) == ("gqa-201", "book", "val")
    assert sample.image == tmp_path / "2354786.jpg"
    assert sample.image_size == (500, 300)
    # In the order question, answer; the shelf passes the border by 20 pixels and is cut off.
    assert sample.boxes == (Box(400, 0, 500, 300), Box(10, 20, 40, 60))
    assert sample.extra["objects"] == ["shelf", "book"]
    assert sample.extra["fullAnswer"] == "The book is on the shelf."


def test_what_has_no_boxes_is_counted_by_reason(tmp_path):
    nothing = {"answer": {}, "question": {}, "fullAnswer": {}}
    questions = {
        "1": QUESTION | {"imageId": "999"},
        "2": QUESTION | {"annotations": nothing, "answer": "no"},
        "3": QUESTION | {"annotations": nothing, "answer": "outdoors"},
        "4": QUESTION | {"annotations": {"answer": {"0": "77"}}},
        "5": QUESTION | {"annotations": {"answer": {"0": "11,12"}}},
    }
    rows, reading = read("gqa", prepared(tmp_path, questions))
    boxes = [row.sample.boxes for row in rows]
    assert boxes[:4] == [None, (), None, None]
    assert len(boxes[4]) == 2
    assert reading.notes == {
        "no boxes: the picture has no scene graph": 1,
        "boxes: an empty list, for nothing is there to point at": 1,
        "no boxes: the annotations name no object": 1,
        "no boxes: a named object has no box in the scene graph": 1,
        "boxes cut off at the picture's border": 1,
        "boxes from scene graphs": 1,
    }


def test_without_scene_graphs_a_question_has_no_boxes(tmp_path):
    rows, reading = read("gqa", prepared(tmp_path, {"201": QUESTION}, graphs=None))
    assert rows[0].sample.boxes is None
    assert reading.notes == {"no boxes: no scene graphs": 1}


def test_scene_graphs_of_another_layout_are_refused(tmp_path):
    prepared(tmp_path, {"201": QUESTION}, graphs={"2354786": {"boxes": []}})
    with pytest.raises(DataError, match=r"sceneGraphs\.json, line 1: no scene graph \(keys boxes"):
        read("gqa", tmp_path)


def test_two_parts_in_a_folder_ask_for_the_split(tmp_path):
    prepared(tmp_path, {"201": QUESTION})
    write_json(tmp_path / "testdev_balanced_questions.json", {"5": QUESTION})
    with pytest.raises(DataError, match=r"holds several: testdev_balanced.*--split"):
        read("gqa", tmp_path)
    (sample,) = samples_of("gqa", tmp_path, split="testdev")
    assert sample.id == "gqa-5"
    with pytest.raises(DataError, match="no file of the split train"):
        read("gqa", tmp_path, split="train")
