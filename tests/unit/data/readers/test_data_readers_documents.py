"""Large JSON item by item, and what is said of files with another layout."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import faults_of, read, write_json, write_lines

from grit.data.readers.catalogue import READERS
from grit.data.readers.documents import document_lists, document_records
from grit.errors import DataError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=25)
@given(st.lists(values, max_size=4), st.sampled_from([None, 0, 2]))
def test_items_of_a_list_are_those_of_json(tmp_path_factory, items, indent):
    path = tmp_path_factory.mktemp("list") / "a.json"
    path.write_text(json.dumps(items, indent=indent), encoding="utf-8")
    assert [record.value for record in document_records(path)] == items


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=3), values, max_size=4), st.sampled_from([None, 1]))
def test_values_of_an_object_are_those_of_json(tmp_path_factory, items, indent):
    path = tmp_path_factory.mktemp("object") / "a.json"
    path.write_text(json.dumps(items, indent=indent), encoding="utf-8")
    assert {record.key: record.value for record in document_records(path)} == items


def test_items_know_their_lines(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[\n{"a": 1},\n\n {"a":\n 2}, {"a": 3}]')
    assert [record.line for record in document_records(path)] == [2, 4, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a": 2', "line 2: the file is cut short"),
        ('[{"a": 1}\n{"a": 2}]', "line 2: ',' is missing"),
        ('{"a": 1}\n{"a": 2}', "line 2: something follows the end"),
        ("[1, x]", "line 1: malformed JSON"),
        ("pictures", "is no JSON list or object"),
        ("", "is no JSON list or object"),
    ],
)
def test_a_broken_document_is_an_error_with_its_line(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        list(document_records(path))


def test_a_key_that_stands_twice_is_a_fault(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"1": {},\n"1": {}}')
    first, second = document_records(path)
    assert first.findings == ()
    assert "the key stands on line 1 already" in second.findings[0].text
    path.write_text('{"1": {}, "1": {}}')
    first, second = document_records(path)
    assert (len(first.findings), len(second.findings)) == (0, 1)


def test_lists_of_an_object_are_found_in_any_order(tmp_path):
    path = write_json(tmp_path / "a.json", {"info": {"x": [1]}, "b": [{}, {}], "a": [3]})
    lists = document_lists(path, ("a", "b", "c"))
    assert {key: len(items) for key, items in lists.items()} == {"a": 1, "b": 2}


VSR = {"image": "a.jpg", "caption": "The cat is on the mat.", "label": 1, "relation": "on"}


def test_a_file_of_another_set_is_refused_with_layouts_keys_and_the_right_reader(tmp_path):
    path = write_lines(tmp_path / "dev.jsonl", VSR)
    for name in ("gqa", "tallyqa", "mathvista", "grit-data", "visual-cot"):
        with pytest.raises(DataError) as caught:
            read(name, path)
        message = str(caught.value)
        assert f"no layout that the reader {name} knows" in message
        assert "its records have the keys image, caption, label, relation" in message
        assert "the reader vsr knows these" in message
        assert "It knows:\n  - " in message


def test_a_row_without_its_keys_is_a_fault_and_not_another_layout(tmp_path):
    path = write_lines(
        tmp_path / "dev.jsonl",
        VSR | {"label": 2},
        {"image": "a.jpg"},
        VSR,
        VSR | {"caption": " "},
        ["no object"],
    )
    found = faults_of("vsr", path)
    assert [line for line, _ in found] == [1, 2, 2, 2, 4, 5]
    assert found[0][1] == (
        "label is neither 0 nor 1 (found 2); a label is 0 (the caption is false) or 1 (it is true)"
    )
    assert "key 'caption' is missing" in found[1][1]
    assert "not an object" in found[5][1]


def test_a_missing_path_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="none is not there"):
        read("vsr", tmp_path / "none")
    with pytest.raises(DataError, match="the folder holds nothing"):
        read("vsr", tmp_path)


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"\x89PNG\r\n", b"[1, 2]", b"{}", b"a\tb"]
)
def test_no_file_at_all_raises_anything_but_our_error(tmp_path, name, content):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"file\.json"):
        read(name, path)


HOSTILE = {
    "tallyqa": '[{"image": 5, "question": [], "answer": {}, "issimple": 1, "question_id": [1]}]',
    "gqa": '{"1": {"question": 5, "imageId": [], "answer": null, "annotations": 3}}',
    "ovdeval": (
        '{"images": [3, {"id": [1]}], "categories": [{"id": {}}], '
        '"annotations": [null, {"image_id": [1], "category_id": {}, "bbox": "x"}]}'
    ),
    "visual-cot": '[{"image": ["a", "a###x"], "conversations": [{"value": 4}], "question_id": {}}]',
    "mathvista": (
        '{"1": {"question": "q", "image": "i", "question_type": [], "answer_type": 3, '
        '"answer": 5, "choices": [1]}}'
    ),
    "vsr": '{"image": {}, "caption": 4, "label": [], "relation": null}\n[]\n',
    "grit-data": '{"question": {}, "answer": [], "image": 4, "bboxs": "x", "width": {}}\n',
    "vlmevalkit": "index\timage\tquestion\tanswer\n1\t[1,2\tq\ta\n2\t\tq\ta\n3\n",
    "mme": "a.jpg\tIs it?\tmaybe\n\t\t\n",
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_wrong_types_everywhere_are_faults_and_no_crash(tmp_path, name):
    path = tmp_path / "file.json"
    path.write_text(HOSTILE[name])
    rows, _ = read(name, path)
    assert rows
    assert all(row.findings and row.sample is None for row in rows)


@pytest.mark.parametrize("edge", ["NaN", "Infinity", "1" + "0" * 400])
def test_a_box_with_an_edge_that_is_no_number_of_pixels_is_a_fault(tmp_path, edge):
    path = tmp_path / "file.json"
    path.write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "a dog"}],'
        f'"annotations": [{{"image_id": 1, "category_id": 1, "bbox": [{edge}, 0, 1, 1]}}]}}'
    )
    assert "bbox is not four numbers" in faults_of("ovdeval", path)[0][1]
    path = tmp_path / "file.jsonl"
    path.write_text(f'{{"img_path": "a.jpg", "expression": "Where?", "bbox": [{edge}, 0, 1, 1]}}')
    assert "not four finite numbers" in faults_of("visual-cot", path)[0][1]


@pytest.mark.parametrize("as_lines", [True, False])
def test_items_of_mathvista_outside_an_object_are_known_by_their_pid(tmp_path, as_lines):
    item = {"question": "How many?", "image": "images/1.jpg", "answer": "2"}
    item |= {"question_type": "free_form", "answer_type": "integer"}
    items = [item | {"pid": "7"}, item | {"pid": "9"}]
    path = tmp_path / "testmini.json"
    if as_lines:
        write_lines(path, *items)
    else:
        write_json(path, items)
    rows, _ = read("mathvista", path)
    assert [row.sample.id for row in rows] == ["mathvista-7", "mathvista-9"]


def test_a_split_is_a_whole_word_of_the_name(tmp_path):
    for part in ("random", "zeroshot"):
        for split in ("train", "dev"):
            write_lines(tmp_path / f"splits/{part}/{split}.jsonl", VSR)
    with pytest.raises(DataError, match=r"holds several: splits/random/dev\.jsonl"):
        read("vsr", tmp_path, split="dev")
    rows, reading = read("vsr", tmp_path / "splits/zeroshot", split="dev")
    assert len(rows) == 1
    assert reading.files == [tmp_path / "splits/zeroshot/dev.jsonl"]
