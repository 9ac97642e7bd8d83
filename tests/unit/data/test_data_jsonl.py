import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grit.data.jsonl import read_samples, write_samples
from grit.data.sample import Sample
from grit.errors import DataError, SpaceMismatchError
from grit.geometry.box import Box, Space

REPOSITORY = Path(__file__).parents[3]
REAL = REPOSITORY / os.environ.get("GRIT_REAL_DATA", "../shared/data")
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"no folder {REAL}")

ROW = {"question": "Is there a dog?", "answer": "yes", "image": "a.png"}
SIZED = {**ROW, "width": 640, "height": 480}


def write(folder, *rows, name="rows.jsonl"):
    path = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_one(folder, row, **keywords):
    (sample,) = read_samples(write(folder, row), **keywords)
    return sample


def refusal(folder, *rows, **keywords):
    path = write(folder, *rows)
    with pytest.raises(DataError) as caught:
        read_samples(path, **keywords)
    message = str(caught.value)
    assert str(path) in message
    return message


@needs_real_data
def test_the_photo_triplets_read_as_they_are_and_their_pictures_are_found():
    samples = read_samples(REAL / "photos/triplets.jsonl", must_exist=True)
    assert len(samples) == 10
    birds, _, television = samples[:3]
    assert (birds.answer, birds.count, birds.dataset, birds.split) == ("2", 2, "tallyqa", "test")
    assert birds.boxes == (Box(640, 464, 762, 634), Box(1264, 336, 1554, 462))
    assert birds.image_size == (1920, 1080)
    assert birds.image == REAL / "photos/bird.jpg"
    assert television.count is None
    assert samples[9].boxes == ()
    assert [s.id for s in samples[:2]] == ["triplets:1", "triplets:2"]


@needs_real_data
def test_the_visual_cot_rows_read_as_they_are_without_their_pictures():
    samples = read_samples(REAL / "visual-cot/vsr_cot_train.jsonl")
    assert len(samples) == 400
    assert samples[0].boxes == (Box(34.41, 379.87, 608.3399999999999, 615.23),)
    assert all(s.extra == {} and s.dataset == "vsr" for s in samples)


def test_only_question_answer_and_image_are_needed(tmp_path):
    sample = read_one(tmp_path, ROW)
    assert sample == Sample("rows:1", tmp_path / "a.png", "Is there a dog?", "yes", "rows")
    assert sample.boxes is None


def test_keys_that_we_do_not_read_are_kept(tmp_path):
    sample = read_one(tmp_path, {**ROW, "id": 7, "relation": "left of", "votes": [1, 2]})
    assert sample.id == "7"
    assert sample.extra == {"relation": "left of", "votes": [1, 2]}


def test_a_question_id_serves_as_id(tmp_path):
    assert read_one(tmp_path, {**ROW, "question_id": 30095774}).id == "30095774"


@pytest.mark.parametrize(
    ("written", "text"),
    [(4, "4"), (4.0, "4"), (2.5, "2.5"), (True, "yes"), (False, "no"), (0, "0"), ("Tv", "Tv")],
)
def test_an_answer_that_is_no_text_becomes_one(tmp_path, written, text):
    assert read_one(tmp_path, {**ROW, "answer": written}).answer == text


@pytest.mark.parametrize(
    ("row", "count"),
    [
        ({"dataset": "tallyqa", "answer": 3}, 3),
        ({"dataset": "TallyQA", "answer": "three"}, 3),
        ({"dataset": "counting", "answer": "0"}, 0),
        ({"dataset": "tallyqa", "answer": "many"}, None),
        ({"dataset": "tallyqa", "answer": "-1"}, None),
        ({"dataset": "vsr", "answer": "3"}, None),
        ({"dataset": "vsr", "answer": "three dogs", "count": 3}, 3),
        ({"dataset": "not_tallyqa_at_all", "answer": "3"}, None),
    ],
)
def test_the_count_comes_from_the_row_or_from_a_counting_answer(tmp_path, row, count):
    assert read_one(tmp_path, {**ROW, **row}).count == count


def test_pictures_are_looked_for_beside_the_file_then_in_images_then_where_told(tmp_path):
    (tmp_path / "images").mkdir()
    assert read_one(tmp_path, ROW).image == tmp_path / "a.png"
    (tmp_path / "images/a.png").touch()
    assert read_one(tmp_path, ROW).image == tmp_path / "images/a.png"
    (tmp_path / "a.png").touch()
    assert read_one(tmp_path, ROW).image == tmp_path / "a.png"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert read_one(tmp_path, ROW, images=elsewhere).image == elsewhere / "a.png"


def test_byte_order_mark_blank_lines_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "rows.jsonl"
    line = json.dumps({**ROW, "question": "Where is it?"}).encode()
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line + b"\r\n")
    assert [s.id for s in read_samples(path)] == ["rows:1", "rows:3"]


def test_a_line_separator_inside_a_text_does_not_end_the_row(tmp_path):
    row = json.dumps({**ROW, "question": "one\u2028two"}, ensure_ascii=False)
    assert read_one(tmp_path, row).question == "one\u2028two"


def test_limit_reads_the_first_rows_and_looks_no_further(tmp_path):
    path = write(tmp_path, ROW, ROW, "{broken")
    assert len(read_samples(path, limit=2)) == 2
    with pytest.raises(DataError, match="limit=0"):
        read_samples(path, limit=0)


BAD_ROWS = [
    ('{"question": "a", ', ["line 1", "malformed JSON", '{"question": "a",']),
    ("[1, 2]", ["line 1", "a list, not an object"]),
    ("3", ["a number, not an object"]),
    ('[{"question": "a"},', ["one JSON list", "one JSON object a line"]),
    ('{"answer": "a", "answer": "b"}', ["'answer' stands twice"]),
    ('{"id": ' + "9" * 5000 + "}", ["unreadable JSON"]),
    ('{"id": ' + "[" * 100_000, ["JSON"]),
    ({"answer": "yes", "image": "a.png"}, ["key 'question' is missing", "answer, image"]),
    ({"question": "q", "image": "a.png"}, ["key 'answer' is missing"]),
    ({"question": "q", "answer": "a"}, ["key 'image' is missing"]),
    ({**ROW, "question": 3}, ["question is no text", "found 3"]),
    ({**ROW, "question": "  "}, ["question is empty"]),
    ({**ROW, "question": "what \ud83d"}, ["question holds half a surrogate pair"]),
    ({**ROW, "image": "\ud83d.png"}, ["image is no file name"]),
    ({**ROW, "answer": ""}, ["answer is empty"]),
    ({**ROW, "answer": ["a"]}, ["answer is no single answer", '["a"]']),
    ({**ROW, "answer": float("nan")}, ["answer is no single answer", "NaN"]),
    ({**ROW, "image": ["a.png", "b.png"]}, ["2 pictures; exactly one", '["a.png", "b.png"]']),
    ({**ROW, "image": 12}, ["image is no file name", "found 12"]),
    ({**ROW, "image": "https://x.org/a.png"}, ["is an address", "download"]),
    ({**ROW, "width": 640}, ["width and height are no size", "[640, null]"]),
    ({**ROW, "width": 0, "height": 5}, ["width and height are no size"]),
    ({**ROW, "width": "640", "height": "480"}, ['["640", "480"]']),
    ({**ROW, "id": ["x"]}, ["id is no identifier"]),
    ({**ROW, "id": True}, ["id is no identifier"]),
    ({**ROW, "dataset": 1}, ["dataset is no text"]),
    ({**ROW, "count": "many"}, ["count is no count", '"many"']),
    ({**ROW, "count": 1.5}, ["count is no count"]),
    ({**ROW, "count": True}, ["count is no count"]),
    ({**ROW, "bboxs": "1,2,3,4"}, ["no list of boxes"]),
    ({**ROW, "bboxs": [1, 2, 3, 4]}, ["bboxs is one box", "[[1, 2, 3, 4]]"]),
    ({**ROW, "bboxs": [[1, 2, 3]]}, ["box 1 is not four finite numbers", "[1, 2, 3]"]),
    ({**ROW, "bboxs": [[1, 2, 3, "4"]]}, ["box 1 is not four finite numbers"]),
    ({**ROW, "bboxs": [[1, 2, 3, float("inf")]]}, ["box 1 is not four finite numbers"]),
    ({**ROW, "bboxs": [[1, 2, 3, 10**400]]}, ["box 1 is not four finite numbers"]),
    ({**ROW, "bboxs": [[9, 9, 20, 20], [30, 9, 20, 20]]}, ["box 2 is inverted", "[30, 9, 20, 20]"]),
    ({**SIZED, "bboxs": [[300, 200, 50, 40]]}, ["inverted", "[x, y, width, height]"]),
    ({**SIZED, "bboxs": [[10, 10, 10, 50]]}, ["box 1 encloses nothing"]),
    ({**SIZED, "bboxs": [[0.1, 0.2, 0.5, 0.9]]}, ["0–1 frame", "multiply x by the width"]),
    ({**SIZED, "bboxs": [[10, 10, 900, 950]]}, ["470 px outside the 640×480", "0–1000 frame"]),
    ({**SIZED, "bboxs": [[10, 10, 1900, 950]]}, ["1260 px outside", "resized or rotated copy"]),
    ({**ROW, "bboxs": [[-5, 10, 19, 95]]}, ["5 px outside any picture"]),
]


@pytest.mark.parametrize(("row", "words"), BAD_ROWS)
def test_a_bad_row_is_refused_with_file_line_value_and_fix(tmp_path, row, words):
    message = refusal(tmp_path, row)
    assert "line 1" in message
    assert ";" in message, "no fix"
    for word in words:
        assert word in message


def test_several_bad_rows_are_told_together_and_the_rest_counted(tmp_path):
    message = refusal(tmp_path, ROW, *["{}" for _ in range(4)])
    # Each empty row lacks three keys: twelve faults, five of them spelt out.
    assert "has 12 faults" in message
    assert message.count("\n  line ") == 5
    assert "line 2" in message
    assert "and 7 more" in message


def test_duplicate_ids_name_both_lines(tmp_path):
    message = refusal(tmp_path, {**ROW, "id": "a"}, ROW, {**ROW, "id": "a"})
    assert "line 3" in message
    assert "line 1 already" in message
    assert '"a"' in message


def test_an_empty_file_is_refused(tmp_path):
    assert "holds no rows" in refusal(tmp_path, "", "  ")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(DataError, match=r"cannot read .*; name a JSONL file"):
            read_samples(path)


def test_a_missing_folder_of_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="none is no folder of pictures"):
        read_samples(write(tmp_path, ROW), images=tmp_path / "none")


def test_a_missing_picture_is_refused_with_its_line_when_asked(tmp_path):
    message = refusal(tmp_path, ROW, must_exist=True)
    assert "line 1: the picture is not there" in message
    assert str(tmp_path / "a.png") in message


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path):
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b'{"question": "caf\xe9", "answer": "a", "image": "b"}\n')
    with pytest.raises(DataError, match=r"line 1: byte 18 is not UTF-8.*save the file as UTF-8"):
        read_samples(path)
    path.write_text(json.dumps(ROW), encoding="utf-16")
    with pytest.raises(DataError, match="UTF-16"):
        read_samples(path)


def test_a_box_up_to_one_pixel_beyond_the_border_is_kept_as_written(tmp_path):
    row = {**SIZED, "bboxs": [[-0.5, 0, 640.0, 481.0]]}
    assert read_one(tmp_path, row).boxes == (Box(-0.5, 0, 640.0, 481.0),)
    assert "outside" in refusal(tmp_path, {**SIZED, "bboxs": [[0, 0, 641.5, 480]]})


characters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.text(characters, max_size=12).map(lambda text: text + "é")
edges = st.tuples(st.floats(2, 50), st.floats(2, 50), st.floats(51, 100), st.floats(51, 100))
samples = st.builds(
    Sample,
    id=texts,
    image=st.just(Path("/pictures/a.png")),
    question=texts,
    answer=texts,
    dataset=st.sampled_from(["vsr", "gqa"]),
    image_size=st.none() | st.just((100, 100)),
    boxes=st.none() | st.lists(edges.map(lambda e: Box(*e)), max_size=3).map(tuple),
    count=st.none() | st.integers(0, 9),
    split=st.sampled_from(["", "train"]),
    extra=st.dictionaries(st.sampled_from(["relation", "votes"]), st.integers() | texts),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(samples, min_size=1, max_size=4, unique_by=lambda s: s.id))
def test_what_is_written_reads_back_equal(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("round") / "rows.jsonl"
    write_samples(path, written)
    assert read_samples(path) == written


def test_extra_text_that_utf8_cannot_hold_reads_back_equal(tmp_path):
    sample = Sample("a", tmp_path / "a.png", "q", "a", "vsr", extra={"note": "\ud83d é"})
    write_samples(tmp_path / "rows.jsonl", [sample])
    assert read_samples(tmp_path / "rows.jsonl") == [sample]


def test_pictures_in_the_folder_are_named_relative_to_the_file(tmp_path):
    sample = Sample("a", tmp_path / "images/a.png", "q", "a", "vsr")
    write_samples(tmp_path / "rows.jsonl", [sample])
    assert json.loads((tmp_path / "rows.jsonl").read_text())["image"] == "images/a.png"


def test_writing_never_replaces_a_file_unless_told_to(tmp_path):
    path = write(tmp_path, ROW)
    before = path.read_bytes()
    sample = Sample("a", tmp_path / "a.png", "q", "a", "vsr")
    with pytest.raises(DataError, match="exists"):
        write_samples(path, [sample])
    assert path.read_bytes() == before
    write_samples(path, [sample], overwrite=True)
    assert read_samples(path) == [sample]


def test_samples_that_could_not_be_read_back_are_not_written(tmp_path):
    path, image = tmp_path / "rows.jsonl", tmp_path / "a.png"
    sample = Sample("a", image, "q", "a", "vsr")
    foreign = Sample("a", image, "q", "a", "vsr", boxes=(Box(1, 2, 3, 4, Space.THOUSAND),))
    clash = Sample("a", image, "q", "a", "vsr", extra={"count": 3})
    for bad, error, word in [
        ([], DataError, "no samples"),
        ([sample, sample], DataError, 'share the id "a"'),
        ([foreign], SpaceMismatchError, "thousand"),
        ([clash], DataError, "count"),
    ]:
        with pytest.raises(error, match=word):
            write_samples(path, bad)
    assert not path.exists()
