"""Whatever a model writes: no exception, no blow-up, parts that cover the text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grit.geometry.box import Space
from grit.geometry.spaces import Frame
from grit.traces.counting import CountMode, count_boxes
from grit.traces.mask import mask_boxes
from grit.traces.parse import parse_trace
from grit.traces.tags import check_pairs, num_think_words, ordered_tags

MEGABYTE = 1_000_000

PIECES = [
    "<think>", "</think>", "<rethink>", "</rethink>", "<answer>", "</answer>", "<THINK>",
    "[1, 2, 3, 4]", "(9, 9, 5, 5)", "[1, 2, 3, 4", "bbox_2d_1: 1, 2, 3, 4", '"bbox_2d": ',
    '"label": "cat"', "'label': 'x'", '"label": "\\', "{", "}", "[", "]", ",", "<ref>a</ref>",
    "<box>", "</box>", "<box>1,2,3,4</box>", "\x00", "\ud800", "\n", "é١", "-", "9" * 30, " ",
]  # fmt: skip

model_text = st.one_of(
    st.text(st.characters(), max_size=60),  # lone surrogates included
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
)

frames = st.sampled_from(
    [
        Frame((640, 480)),
        Frame((640, 480), Space.THOUSAND),
        Frame((640, 480), Space.UNIT),
        Frame((640, 480), Space.RESIZED, (588, 308)),
    ]
)


@given(model_text, frames)
def test_no_text_raises_and_every_span_lies_in_it(text, frame):
    trace = parse_trace(text, frame)
    assert trace.text == text
    for thing in (*trace.segments, *trace.mentions, *trace.faults):
        assert 0 <= thing.span.start <= thing.span.end <= len(text)
    check_pairs(text)
    ordered_tags(text)
    num_think_words(text)
    mask_boxes(trace)
    count_boxes(trace, CountMode.REGEX)


@given(model_text)
def test_parts_are_in_order_and_only_tags_lie_between_them(text):
    tags = {"<think>", "</think>", "<rethink>", "</rethink>", "<answer>", "</answer>"}
    place = 0
    for segment in parse_trace(text, Frame((640, 480))).segments:
        gap = text[place : segment.span.start].lower()
        while gap:
            tag = gap[: gap.index(">") + 1]
            assert tag in tags
            gap = gap.removeprefix(tag)
        place = segment.span.end
    assert text[place:].lower() in {"", *tags}


@given(model_text)
def test_counting_distinct_boxes_agrees_with_the_trace(text):
    trace = parse_trace(text, Frame((640, 480)))
    count = count_boxes(trace, CountMode.DISTINCT)
    assert count.num_boxes == len(trace.boxes) == len(count.spans)
    in_reasoning = [m for m in trace.mentions if m.segment != "answer"]
    assert count.num_boxes + len(count.dropped) == len(in_reasoning)


@given(model_text)
def test_a_masked_text_holds_no_box(text):
    masked = mask_boxes(parse_trace(text, Frame((640, 480))))
    assert parse_trace(masked, Frame((640, 480))).mentions == ()


@pytest.mark.parametrize(
    "unit",
    [
        "[", "{", "<", "1", "[1", "1, 1, 1, 1,", "[1,1,1,1]", "<think>", "</answer>",
        '"label": "', '\\"label": "', "'label': \"", "<ref>",
        "<ref>a</ref><box>", "bbox_2d", "bbox_2d: ", '"label" ', " ", "\ud800",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_takes_seconds_of_the_processor(unit):
    text = unit * (MEGABYTE // len(unit))
    began = time.process_time()
    trace = parse_trace(text, Frame((640, 480)))
    count_boxes(trace, CountMode.REGEX)
    count_boxes(trace, CountMode.DISTINCT)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        "<think><answer>" * 10_000,
        "[1, " + " " * MEGABYTE + "x",
        "[" + "1" * MEGABYTE + ", 1, 1, 1]",
        '"label": "' + "a" * MEGABYTE,
        '"label": "' + '\\"' * (MEGABYTE // 2),
        "bbox" + " " * MEGABYTE,
        "[1, 1, 1, 1" + " " * MEGABYTE,
        '"bbox_2d": [1, 1, 1, 1]' + " " * MEGABYTE + '"label": "a"',
    ],
    ids=[
        "spoken answers",
        "spaces",
        "digits",
        "label",
        "escapes",
        "key",
        "open bracket",
        "far label",
    ],
)
def test_one_endless_thing_takes_seconds_of_the_processor(text):
    began = time.process_time()
    parse_trace(text, Frame((640, 480)))
    assert time.process_time() - began < 10
