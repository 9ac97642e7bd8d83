"""Writing chains, and masking the coordinates in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grit.errors import DataError, SpaceMismatchError
from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame
from grit.traces.mask import mask_boxes
from grit.traces.parse import parse_trace
from grit.traces.trace import SegmentKind
from grit.traces.write import write_box, write_chain

TAGS = ("<think>", "</think>", "<rethink>", "</rethink>", "<answer>", "</answer>")

# Text without brackets and braces, which would be boxes and objects of their own.
prose = st.text(st.characters(codec="utf-8", exclude_characters="[](){}<>"), max_size=30).filter(
    lambda text: "bbox" not in text and "label" not in text
)
labels = st.none() | st.text(st.characters(), min_size=1, max_size=20).map(str.strip).filter(
    lambda text: text and not any(tag in text.lower() for tag in TAGS)
)


@st.composite
def grid_boxes(draw):
    x1, y1 = draw(st.integers(0, 638)), draw(st.integers(0, 478))
    return Box(
        float(x1), float(y1), float(draw(st.integers(x1 + 1, 640))),
        float(draw(st.integers(y1 + 1, 480))),
    )  # fmt: skip


chains = st.lists(st.tuples(grid_boxes(), labels), max_size=5)
answers = prose.map(str.strip).filter(bool)


@given(chains, prose, answers, st.booleans())
def test_parsing_a_written_chain_gives_it_back(boxes, rethink, answer, close):
    text = write_chain(boxes, Frame((640, 480)), rethink, answer, close_answer=close)
    trace = parse_trace(text, Frame((640, 480)))
    assert [(mention.box, mention.label) for mention in trace.mentions] == boxes
    assert trace.answer == answer
    assert trace.content(SegmentKind.RETHINK).strip() == rethink.strip()
    assert {fault.kind for fault in trace.faults} <= {"box_repeated"}


@given(grid_boxes(), st.sampled_from([Space.THOUSAND, Space.UNIT, Space.RESIZED]))
def test_a_box_survives_another_space_to_half_a_step(box, space):
    frame = Frame((640, 480), space, (588, 308))
    mention = parse_trace(write_box(box, frame), frame).mentions[0]
    step_x, step_y = (640 / 10_000, 480 / 10_000) if space is Space.UNIT else frame.scale
    for ours, theirs, step in zip(
        mention.box.as_tuple(), box.as_tuple(), (step_x, step_y) * 2, strict=True
    ):
        # Half a step by rounding, a whole one where a thin box is kept open.
        assert abs(ours - theirs) <= step * 1.001
    assert not mention.box.is_empty


def test_a_chain_has_the_shape_of_the_paper():
    text = write_chain(
        [(Box(1, 2, 3, 4), "chair"), (Box(5, 6, 7, 8), None)],
        Frame((640, 480)),
        "One chair.",
        "1",
        think="I look.",
    )
    assert text == (
        '<think> I look. {"bbox_2d": [1, 2, 3, 4], "label": "chair"}, {"bbox_2d": [5, 6, 7, 8]} '
        "</think> <rethink> One chair. </rethink> <answer> 1 </answer>"
    )


def test_a_chain_without_boxes_draws_none():
    text = write_chain([], Frame((640, 480)), "", "no", close_answer=False)
    assert text == "<think> </think> <rethink> </rethink> <answer> no"


def test_a_written_box_is_json():
    text = write_box(Box(1.4, 2.6, 30, 40), Frame((640, 480)), 'a "red"\nchair')
    assert json.loads(text) == {"bbox_2d": [1, 3, 30, 40], "label": 'a "red"\nchair'}


def test_numbers_are_written_in_the_frames_space():
    box = Box(320, 88.5, 640, 354)
    resized = Frame((640, 354), Space.RESIZED, (588, 308))
    assert write_box(box, resized) == '{"bbox_2d": [294, 77, 588, 308]}'
    unit = Frame((640, 354), Space.UNIT)
    assert write_box(box, unit) == '{"bbox_2d": [0.5000, 0.2500, 1.0000, 1.0000]}'


def test_a_thin_box_stays_open_at_the_pictures_edge():
    assert write_box(Box(639.9, 0, 640, 5), Frame((640, 480))) == '{"bbox_2d": [639, 0, 640, 5]}'


@pytest.mark.parametrize("field", ["rethink", "answer", "think"])
def test_a_tag_inside_a_text_is_refused(field):
    texts = {"rethink": "r", "answer": "a", "think": "t", field: "x </Answer> y"}
    with pytest.raises(DataError, match=rf"{field} 'x </Answer> y' holds the tag </Answer>"):
        write_chain([], Frame((640, 480)), **texts)


def test_a_tag_in_a_label_and_a_box_not_in_pixels_are_refused():
    with pytest.raises(DataError, match="label"):
        write_box(Box(1, 2, 3, 4), Frame((640, 480)), "<think>")
    with pytest.raises(SpaceMismatchError):
        write_box(Box(1, 2, 3, 4, Space.THOUSAND), Frame((640, 480)))


def test_masking_leaves_words_and_json():
    text = (
        '<think> {"bbox_2d": [1, 2, 3, 4], "label": "chair"} near (5, 6, 7, 8), bare 1, 2, 3, 4 '
        "and <box>[[1, 2, 3, 4], [5, 6, 7, 8]]</box> </think> <answer> [9, 9, 9, 10]"
    )
    assert mask_boxes(parse_trace(text, Frame((640, 480)))) == (
        '<think> {"bbox_2d": [box], "label": "chair"} near [box], bare [box] '
        "and <box>[[box], [box]]</box> </think> <answer> [box]"
    )


def test_masking_with_nothing_deletes_the_boxes():
    text = "<think> the cat [1, 2, 3, 4] sits </think>"
    masked = mask_boxes(parse_trace(text, Frame((640, 480))), placeholder="")
    assert masked == "<think> the cat  sits </think>"
