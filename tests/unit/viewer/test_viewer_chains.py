from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html import unescape

from fabricated_run import box_in, broken_row, evaluation_row
from hypothesis import given
from hypothesis import strategies as st

from grit.records.rows import BoxRow
from grit.viewer.chains import draw_boxes, mark_text, number_boxes


def plain(markup):
    """What a reader sees of a piece of markup, without the numbers that we add."""
    return unescape(re.sub(r"<sup>\d+</sup>|<[^>]*>", "", str(markup)))


def drawing(row, **changes):
    return ElementTree.fromstring(str(draw_boxes(row, picture_id="picture-1", **changes)))


def groups(root, name):
    return [part for part in root.iter("g") if name in part.get("class", "").split()]


def test_mentions_carry_the_number_and_colour_of_their_rectangle():
    row = evaluation_row()
    text = str(mark_text(row))
    assert '<mark class="b1" data-box="1" tabindex="0">[20, 30, 80, 90]<sup>1</sup></mark>' in text
    assert '<mark class="b2" data-box="2" tabindex="0">[120, 40, 170, 90]<sup>2' in text
    boxes = groups(drawing(row), "box")
    assert [(box.get("class"), box.get("data-box")) for box in boxes] == [
        ("box b1", "1"),
        ("box b2", "2"),
    ]


def test_rectangles_stand_at_the_boxes_pixels():
    rect = groups(drawing(evaluation_row()), "box")[0].findall("rect")[0]
    assert [float(rect.get(side)) for side in ("x", "y", "width", "height")] == [20, 30, 60, 60]


def test_true_boxes_are_drawn_apart_from_the_models():
    truths = groups(drawing(evaluation_row()), "true")
    assert len(truths) == 2
    over = truths[0].findall("rect")[1]
    assert [float(over.get(side)) for side in ("x", "y", "width", "height")] == [22, 32, 58, 58]
    assert groups(drawing(evaluation_row(true_boxes=None)), "true") == []


def test_a_box_that_is_said_twice_has_one_number_and_one_rectangle():
    text = "first [1, 2, 30, 40] then [1, 2, 30, 40] again"
    first = box_in(text, (1, 2, 30, 40))
    second = box_in(text, (1, 2, 30, 40), after=first.end)
    row = evaluation_row(text=text, boxes=(first, second))
    assert number_boxes(row) == {(1.0, 2.0, 30.0, 40.0): 1}
    assert str(mark_text(row)).count('data-box="1"') == 2
    assert len(groups(drawing(row), "box")) == 1


def test_boxes_of_the_answer_are_numbered_on():
    text = "<think> [1, 2, 30, 40] </think><answer> [5, 6, 70, 80]"
    row = evaluation_row(
        text=text,
        boxes=(box_in(text, (1, 2, 30, 40)),),
        answer_boxes=(box_in(text, (5, 6, 70, 80), segment="answer"),),
    )
    assert list(number_boxes(row).values()) == [1, 2]
    assert 'data-box="2"' in str(mark_text(row))


def test_an_inverted_box_is_marked_in_the_text_and_not_drawn():
    row = broken_row()
    assert '<span class="undrawn"' in str(mark_text(row))
    assert groups(drawing(row), "box") == []


def test_text_after_escaping_reads_as_the_model_wrote_it():
    row = evaluation_row()
    assert plain(mark_text(row)) == row.text


@given(text=st.text(alphabet=st.sampled_from("<>&'\"/ absciptlmgh=[](),12\n"), max_size=60))
def test_no_text_of_a_model_becomes_an_element(text):
    row = evaluation_row(text=text + "<script>'\"", boxes=())
    marked = str(mark_text(row))
    assert set(re.findall(r"<(/?\w+)", marked)) <= {"span", "/span"}
    assert plain(marked) == text + "<script>'\""


@given(start=st.integers(-5, 40), length=st.integers(-5, 40))
def test_spans_that_fit_no_text_harm_nothing(start, length):
    box = BoxRow(
        raw=(1, 2, 3, 4), space="pixels", pixels=(1, 2, 3, 4), start=start, end=start + length
    )
    inside = BoxRow(raw=(1, 2, 5, 6), space="pixels", pixels=(1, 2, 5, 6), start=3, end=9)
    row = evaluation_row(text="0123456789 & <b>", boxes=(box, inside))
    assert plain(mark_text(row)) == row.text


def test_a_label_with_quotes_and_tags_is_escaped_in_the_drawing():
    text = "a [1, 2, 30, 40]"
    label = "</title><script>alert('x')</script>\""
    row = evaluation_row(
        text=text, boxes=(box_in(text, (1, 2, 30, 40), label),), question='"><img src=x onerror=y>'
    )
    assert "<script" not in str(draw_boxes(row, picture_id="picture-1"))
    root = drawing(row)
    assert groups(root, "box")[0].find("title").text == f"box 1: {label} [1, 2, 30, 40]"
    assert '"><img src=x onerror=y>' in root.get("aria-label")


def test_a_box_far_outside_does_not_stretch_the_drawing():
    text = "a [1, 2, 999999999999, 999999999999]"
    numbers = (1, 2, 999999999999, 999999999999)
    row = evaluation_row(text=text, boxes=(box_in(text, numbers),))
    tab = groups(drawing(row), "number")[0].find("rect")
    rect = groups(drawing(row), "box")[0].find("rect")
    assert float(rect.get("width")) <= 2 * 200
    assert 0 <= float(tab.get("x")) <= 200


def test_a_very_long_text_is_cut_and_says_by_how_much():
    text = "x" * 7000
    marked = plain(mark_text(evaluation_row(text=text, boxes=()), most_characters=6000))
    assert marked == "x" * 6000 + "… 1,000 more characters in the records"


def test_without_a_picture_the_boxes_stand_on_an_empty_ground():
    root = drawing(evaluation_row(), missing="scene.png is missing")
    assert root.find("use") is None
    assert "scene.png is missing" in root.get("aria-label")
    assert len(groups(root, "box")) == 2
