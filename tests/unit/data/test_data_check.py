import json
import os
from pathlib import Path

import pytest
from PIL import Image

from grit.data.check import check_samples
from grit.data.finding import FindingKind as Kind
from grit.data.finding import Severity
from grit.errors import DataError

REPOSITORY = Path(__file__).parents[3]
REAL = REPOSITORY / os.environ.get("GRIT_REAL_DATA", "../shared/data")

ROW = {"question": "Is there a dog?", "answer": "yes", "image": "a.png", "dataset": "vsr"}


@pytest.fixture
def check(tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")

    def run(*rows, **keywords):
        path = tmp_path / "rows.jsonl"
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("\n".join(lines), encoding="utf-8")
        return check_samples(path, **keywords)

    return run


def kinds(report):
    return [(finding.line, finding.kind, finding.severity) for finding in report.findings]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no folder {REAL}")
def test_the_photo_triplets_have_neither_errors_nor_warnings():
    report = check_samples(REAL / "photos/triplets.jsonl")
    assert report.findings == ()
    assert (report.num_rows, report.num_pictures) == (10, 6)
    by_name = {summary.dataset: summary for summary in report.datasets}
    assert by_name["vsr"].share_yes_no == 0.75
    assert by_name["vsr"].answers == {"yes": 3, "flowers": 1}
    assert by_name["tallyqa"].num_counted == 3
    assert by_name["mme"].box_coverage is None
    # One box of 196×294 in 730×530, one of 50×115 in 640×480.
    by_hand = (196 * 294 / (730 * 530) + 50 * 115 / (640 * 480)) / 2
    assert by_name["gqa"].box_coverage == pytest.approx(by_hand)


def test_a_sound_file_is_summarised(check):
    boxes = [[0, 0, 50, 50], [25, 0, 75, 50]]
    report = check(
        {**ROW, "width": 100, "height": 50, "bboxs": boxes},
        {**ROW, "question": "Is there any red cat here?", "answer": "No."},
        {**ROW, "question": "How many?", "answer": 2, "dataset": "tallyqa"},
    )
    assert report.findings == ()
    vsr, tallyqa = report.datasets
    assert vsr.box_coverage == 0.75
    assert vsr.answers == {"yes": 1, "no.": 1}
    assert (vsr.share_yes_no, vsr.mean_question_words, vsr.num_boxes) == (1.0, 5.0, 2)
    assert (tallyqa.num_counted, tallyqa.num_annotated, tallyqa.share_yes_no) == (1, 0, 0.0)


def test_every_row_is_reported_not_only_the_first_five(check):
    report = check(*["{}" for _ in range(9)], ROW)
    assert len(report.errors) == 27
    assert report.num_rows == 10
    assert report.datasets[0].num_samples == 1


def test_missing_and_broken_pictures_are_errors_on_each_line_that_names_them(check, tmp_path):
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    report = check(
        {**ROW, "image": "none.png"},
        {**ROW, "image": "broken.png"},
        {**ROW, "image": "broken.png", "question": "And now?"},
    )
    assert kinds(report) == [
        (1, Kind.PICTURE_MISSING, Severity.ERROR),
        (2, Kind.PICTURE_BROKEN, Severity.ERROR),
        (3, Kind.PICTURE_BROKEN, Severity.ERROR),
    ]
    missing, broken, _ = report.findings
    assert str(tmp_path / "none.png") in missing.sentence
    assert str(tmp_path / "broken.png") in broken.problem
    assert "again" in broken.fix


def test_a_picture_beyond_the_limit_is_an_error(check):
    assert kinds(check(ROW, max_pixels=4999)) == [(1, Kind.PICTURE_BROKEN, Severity.ERROR)]


def test_a_stated_size_unlike_the_pictures_is_an_error_where_boxes_depend_on_it(check):
    report = check(
        {**ROW, "width": 200, "height": 100},
        {**ROW, "question": "And?", "width": 50, "height": 100, "bboxs": [[1, 1, 9, 9]]},
    )
    assert kinds(report) == [
        (1, Kind.SIZE_DIFFERS, Severity.WARNING),
        (2, Kind.SIZE_DIFFERS, Severity.ERROR),
    ]
    assert "100×50" in report.findings[0].problem
    assert report.findings[0].value == "200×100"
    assert "EXIF" in report.findings[1].fix


def test_a_box_outside_the_true_picture_is_an_error_when_no_size_is_stated(check):
    report = check({**ROW, "bboxs": [[0, 0, 100.9, 50], [10, 10, 120, 50]]})
    assert kinds(report) == [(1, Kind.BOX_OUTSIDE, Severity.ERROR)]
    assert "box 2 reaches 20 px outside the 100×50 picture" in report.findings[0].problem


@pytest.mark.parametrize(
    ("boxes", "kind"),
    [
        ([[30, 10, 20, 20]], Kind.BOX_INVERTED),
        ([[30, 10, 30, 20]], Kind.BOX_EMPTY),
        ([[0.1, 0.1, 0.5, 0.9]], Kind.BOX_FRAME),
        ([[1, 2, 3]], Kind.BOX_MALFORMED),
    ],
)
def test_boxes_that_reading_refuses_are_errors(check, boxes, kind):
    assert kinds(check({**ROW, "bboxs": boxes})) == [(1, kind, Severity.ERROR)]


def test_odd_boxes_are_warnings(check):
    report = check(
        {**ROW, "bboxs": [[1, 1, 9, 9], [1, 1, 9, 9]]},
        {**ROW, "question": "And?", "bboxs": [[1, 1, 9, 9], [0.2, 0.2, 0.9, 0.9]]},
        {**ROW, "question": "Or?", "bboxes": [[1, 1, 9, 9]]},
    )
    assert kinds(report) == [
        (1, Kind.BOX_REPEATED, Severity.WARNING),
        (2, Kind.BOX_FRAME, Severity.WARNING),
        (3, Kind.KEY_NOT_READ, Severity.WARNING),
    ]


def test_boxes_that_never_pass_1000_on_large_pictures_look_like_the_0_1000_frame(check, tmp_path):
    Image.new("1", (2000, 1500)).save(tmp_path / "large.png")
    large = {**ROW, "image": "large.png"}
    rows = [{**large, "question": f"Q{n}", "bboxs": [[10, 10, 500, 950]]} for n in range(5)]
    assert kinds(check(*rows)) == [(1, Kind.BOX_FRAME, Severity.WARNING)]
    pixels = {**large, "question": "more", "bboxs": [[10, 10, 1500, 950]]}
    assert check(*rows, pixels).findings == ()


def framed(kind, boxes, **row):
    """Rows on the 100×50 picture, one a box, as another convention would write them."""
    written = {
        "xywh": lambda x1, y1, x2, y2: [x1, y1, x2 - x1, y2 - y1],
        "thousand": lambda x1, y1, x2, y2: [x1 * 10, y1 * 20, x2 * 10, y2 * 20],
        "xyxy": lambda *edges: list(edges),
    }[kind]
    return [
        {**ROW, "question": f"Q{n}", "bboxs": [written(*box)], **row} for n, box in enumerate(boxes)
    ]


PIXELS = [(5, 5, 95, 45), (60, 20, 90, 40), (50, 10, 70, 30), (80, 30, 99, 49)]


@pytest.mark.parametrize("stated", [{}, {"width": 100, "height": 50}])
@pytest.mark.parametrize(
    ("kind", "words"), [("xywh", "[x, y, width, height]"), ("thousand", "the 0–1000 frame")]
)
def test_a_file_in_another_frame_is_known_by_all_of_its_rows(check, kind, words, stated):
    report = check(*framed(kind, PIXELS, **stated))
    # The first box is possible in pixels too: only the file as a whole gives it away.
    (whole,) = report.warnings
    assert (whole.line, whole.kind) == (2 if kind == "xywh" else 1, Kind.BOX_FRAME)
    assert f"the file's boxes look like {words}" in whole.problem
    assert "every row" in whole.fix


def test_pixels_are_not_taken_for_another_frame(check):
    assert check(*framed("xyxy", PIXELS)).findings == ()
    one_wrong = framed("xyxy", [*PIXELS, (60, 20, 30, 40)])
    assert [kind for _, kind, _ in kinds(check(*one_wrong))] == [Kind.BOX_INVERTED]


def test_pictures_that_another_file_shows_too_are_errors_whatever_they_are_called(check, tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "renamed.bmp")
    Image.new("RGB", (100, 50), "red").save(tmp_path / "other.png")
    rows = [
        {**ROW, "image": "renamed.bmp"},
        {**ROW, "image": "renamed.bmp", "question": "is there  a dog?"},
        {**ROW, "image": "other.png"},
        {**ROW, "image": "gone.png"},
    ]
    test_file = tmp_path / "test.jsonl"
    test_file.write_text("".join(json.dumps(row) + "\n" for row in rows[1:]), encoding="utf-8")
    report = check(ROW, {**ROW, "question": "A cat?"}, against=[test_file])
    assert kinds(report) == [
        (1, Kind.PICTURE_SHARED, Severity.ERROR),
        (2, Kind.PICTURE_SHARED, Severity.ERROR),
    ]
    first, second = report.findings
    assert f"line 1 of {test_file} asks the same of the same picture" in first.problem
    assert f"the picture is on line 1 of {test_file} too" in second.problem
    assert report.unopened == {str(test_file): 1}
    test_file.write_text(json.dumps(rows[2]), encoding="utf-8")
    assert check(ROW, against=[test_file]).findings == ()


def test_duplicates_are_found(check):
    report = check(
        {**ROW, "id": "x"},
        {**ROW, "id": "x", "question": "Other?"},
        {**ROW, "question": "is there  a DOG?", "answer": "no"},
    )
    assert kinds(report) == [
        (2, Kind.DUPLICATE_ID, Severity.ERROR),
        (3, Kind.DUPLICATE_QUESTION, Severity.WARNING),
    ]
    assert 'line 1 asks the same of the same picture, and answers "yes"' in report.findings[1].text


def test_counts_are_held_against_answer_and_boxes(check):
    tally = {**ROW, "dataset": "tallyqa"}
    report = check(
        {**tally, "answer": "many"},
        {**tally, "question": "2?", "answer": "three", "count": 2},
        {**tally, "question": "3?", "answer": 2, "bboxs": [[1, 1, 9, 9]]},
        {**tally, "question": "4?", "answer": 1, "bboxs": [[1, 1, 9, 9]]},
    )
    assert kinds(report) == [
        (1, Kind.COUNT_UNREADABLE, Severity.WARNING),
        (2, Kind.COUNT_DIFFERS, Severity.ERROR),
        (3, Kind.COUNT_AND_BOXES, Severity.WARNING),
    ]


def test_an_empty_file_is_refused(check):
    with pytest.raises(DataError, match="holds no rows"):
        check("")


def test_progress_is_told_row_by_row(check):
    seen = []
    check(ROW, {**ROW, "question": "And?"}, on_row=lambda *place: seen.append(place))
    assert seen == [(1, 2), (2, 2)]


def test_the_report_is_json(check):
    report = check({**ROW, "bboxs": [[30, 10, 20, 20]]}, ROW)
    read = json.loads(json.dumps(report.as_json()))
    assert (read["num_rows"], read["num_errors"], read["num_warnings"]) == (2, 1, 0)
    finding = read["findings"][0]
    assert (finding["line"], finding["kind"], finding["severity"]) == (1, "box_inverted", "error")
    assert finding["value"] == "[30, 10, 20, 20]"
    assert read["datasets"][0]["dataset"] == "vsr"
