import json

import numpy as np
import pytest
from PIL import Image

from grit.data.check import check_samples
from grit.data.jsonl import ScannedRow
from grit.data.sheet import rows_to_show, write_sheet
from grit.draw.contact_sheet import FLAGGED
from grit.draw.palette import TRUE_COLOUR
from grit.errors import DataError

ROW = {"question": "Is there a dog?", "answer": "yes", "image": "a.png", "dataset": "vsr"}


def report_of(tmp_path, *rows):
    Image.new("RGB", (100, 50), "white").save(tmp_path / "a.png")
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return check_samples(path)


def pixels_of(image, colour):
    return (np.asarray(image) == colour).all(axis=2)


def test_boxes_are_drawn_and_only_rows_with_findings_have_a_red_frame(tmp_path):
    sound = {**ROW, "bboxs": [[10, 10, 60, 40]]}
    wrong = {**ROW, "question": "Other?", "bboxs": [[10, 10, 140, 40]]}
    assert write_sheet(report_of(tmp_path, sound, wrong), tmp_path / "sheet.png", num=10) == 2
    sheet = Image.open(tmp_path / "sheet.png")
    left, right = sheet.crop((0, 0, 352, 280)), sheet.crop((360, 0, sheet.width, 280))
    assert pixels_of(left, TRUE_COLOUR).sum() > 100
    assert pixels_of(right, TRUE_COLOUR).sum() > 100
    assert not pixels_of(left, FLAGGED).any()
    assert pixels_of(right, FLAGGED).sum() > 1000
    # The picture, 100×50, is shown 340 wide: the box spans 34 to 204 of it, 12 from the border.
    columns = np.nonzero(pixels_of(left, TRUE_COLOUR).any(axis=0))[0]
    assert 46 <= columns.min() <= 50
    assert 212 <= columns.max() <= 216


def test_rows_without_a_picture_or_a_sample_are_on_the_sheet_too(tmp_path):
    report = report_of(tmp_path, ROW, {**ROW, "image": "none.png"}, "no row")
    assert write_sheet(report, tmp_path / "sheet.png", num=10) == 3


def test_a_sheet_is_not_replaced_without_the_flag(tmp_path):
    report = report_of(tmp_path, ROW)
    (tmp_path / "sheet.png").write_bytes(b"mine")
    with pytest.raises(DataError, match="--overwrite"):
        write_sheet(report, tmp_path / "sheet.png", num=1)
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"
    write_sheet(report, tmp_path / "sheet.png", num=1, overwrite=True)
    assert Image.open(tmp_path / "sheet.png").size[0] > 300


def test_half_of_a_sheet_is_for_findings_and_the_rest_is_spread_over_the_file():
    rows = [ScannedRow(line, None, None, ()) for line in range(1, 101)]
    few = rows_to_show(rows, {7}, 4)
    assert [row.line for row in few] == [1, 7, 35, 68]
    many = rows_to_show(rows, set(range(1, 51)), 4)
    assert [row.line for row in many] == [1, 26, 51, 76]
    assert len(rows_to_show(rows, set(range(1, 101)), 4)) == 4
    assert len(rows_to_show(rows[:3], set(), 24)) == 3
