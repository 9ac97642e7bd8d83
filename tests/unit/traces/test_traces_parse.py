"""Golden traces in each of the paper's spellings, with what a reader finds in them."""

from __future__ import annotations

import pytest

from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame
from grit.traces.parse import parse_trace
from grit.traces.trace import FaultKind, SegmentKind

FRAME = Frame((640, 640))


def found(text, frame=FRAME):
    """(x1, y1, x2, y2, label) of every mention."""
    return [
        (*(int(edge) for edge in mention.raw.as_tuple()), mention.label)
        for mention in parse_trace(text, frame).mentions
    ]


def kinds(text, frame=FRAME):
    return [fault.kind for fault in parse_trace(text, frame).faults]


SQUARE = """<think> The truck stands at [123, 456, 234, 567] and the tv across from it. </think>
<rethink> The tv is across from the truck. </rethink>
<answer> tv"""

ROUND = """<think> The cat sits at (200, 168, 248, 202), left of a lamp (300,100,420,260). </think>
<rethink> Left. </rethink>
<answer> yes </answer>"""

JSON_OBJECT = """<think> I need the chair and the table.
```json
[
  {"bbox_2d": [142, 314, 299, 447], "label": "chair"},
  {"label": "table", "bbox_2d": [0, 439, 58, 531]}
]
```
</think> <rethink> One chair. </rethink> <answer> 1 </answer>"""

REPEATED_KEYS = """<think> Let me check them out
{
  "bbox_2d": [142, 314, 299, 447],
  "label": "chair",
  "bbox_2d": [0, 439, 58, 531],
  "label": "stool",
  "bbox_2d": [222, 260, 299, 324]
}
</think>
<rethink> There are three seats. </rethink>
<answer> 3 </answer>"""

NUMBERED_KEYS = """<think> bbox_2d_1: [0, 28, 305, 364], bbox_2d_2: 310, 30, 600, 360 </think>
<rethink> Two dogs. </rethink> <answer> 2"""

INTERNVL = """<think> Look at <ref>chair</ref> <box>[[142, 314, 299, 447], [0, 439, 58, 531]]</box>
and <ref>cup</ref><box>[[10, 20, 30, 40]]</box> and <box>[[50, 60, 70, 80]]</box> </think>
<rethink> Two chairs. </rethink> <answer> 2 </answer>"""

NESTED_LISTS = """<think> {"bbox_2d": [[1, 2, 30, 40], [5, 6, 70, 80]], "label": "birds"} </think>
<rethink> Two. </rethink> <answer> 2 </answer>"""


@pytest.mark.parametrize(
    ("text", "boxes", "answer"),
    [
        (SQUARE, [(123, 456, 234, 567, None)], "tv"),
        (ROUND, [(200, 168, 248, 202, None), (300, 100, 420, 260, None)], "yes"),
        (JSON_OBJECT, [(142, 314, 299, 447, "chair"), (0, 439, 58, 531, "table")], "1"),
        (
            REPEATED_KEYS,
            [
                (142, 314, 299, 447, "chair"),
                (0, 439, 58, 531, "stool"),
                (222, 260, 299, 324, None),
            ],
            "3",
        ),
        (NUMBERED_KEYS, [(0, 28, 305, 364, None), (310, 30, 600, 360, None)], "2"),
        (
            INTERNVL,
            [
                (142, 314, 299, 447, "chair"),
                (0, 439, 58, 531, "chair"),
                (10, 20, 30, 40, "cup"),
                (50, 60, 70, 80, None),
            ],
            "2",
        ),
        (NESTED_LISTS, [(1, 2, 30, 40, "birds"), (5, 6, 70, 80, "birds")], "2"),
    ],
    ids=["square", "round", "json", "repeated keys", "numbered keys", "internvl", "nested lists"],
)
def test_every_spelling_of_the_paper_is_read(text, boxes, answer):
    trace = parse_trace(text, FRAME)
    assert found(text) == boxes
    assert trace.answer == answer
    assert trace.faults == ()
    assert all(mention.segment is SegmentKind.THINK for mention in trace.mentions)
    assert len(trace.boxes) == len(boxes)


def test_spans_cover_the_numbers_with_their_brackets():
    text = NUMBERED_KEYS
    spans = [m.span for m in parse_trace(text, FRAME).mentions]
    assert [text[s.start : s.end] for s in spans] == ["[0, 28, 305, 364]", "310, 30, 600, 360"]


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ('{"label": "a", "bbox_2d": [1, 2, 3, 4], "label": "b", "bbox_2d": [5, 6, 7, 8]}',
         [(1, 2, 3, 4, "a"), (5, 6, 7, 8, "b")]),
        ('{"bbox_2d": [1, 2, 3, 4], "bbox_2d": [5, 6, 7, 8], "label": "b"}',
         [(1, 2, 3, 4, "b"), (5, 6, 7, 8, "b")]),
        ('"bbox_2d": [1, 2, 3, 4], "label": "no braces"', [(1, 2, 3, 4, "no braces")]),
        ('"label": "first", "bbox_2d": [1, 2, 3, 4]', [(1, 2, 3, 4, "first")]),
        ("{'bbox_2d': [1, 2, 3, 4], 'label': 'python'}", [(1, 2, 3, 4, "python")]),
        ('{"bbox_2d": "[1, 2, 3, 4]", "label": "text"}', [(1, 2, 3, 4, "text")]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "cut', [(1, 2, 3, 4, None)]),
        ('{"bbox_2d": [1, 2, 3, 4, "label": "open"}', [(1, 2, 3, 4, "open")]),
        ('{"bbox_2d": [1, 2, 3, 4}', [(1, 2, 3, 4, None)]),
        ("<think> bbox [1, 2, 3, 4</think>", [(1, 2, 3, 4, None)]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "a \\"b\\" \\u00e9"}', [(1, 2, 3, 4, 'a "b" é')]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "a\\q"}', [(1, 2, 3, 4, "a\\q")]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": " "}', [(1, 2, 3, 4, None)]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "see [5, 6, 7, 8]"}',
         [(1, 2, 3, 4, "see [5, 6, 7, 8]")]),
        ('(1, 2, 3, 4) is far from the "label": "x"', [(1, 2, 3, 4, None)]),
        ('{"a": {"bbox_2d": [1, 2, 3, 4]}, "label": "outer"}', [(1, 2, 3, 4, None)]),
        ("<ref>far</ref> and then <box>[[1, 2, 3, 4]]</box>", [(1, 2, 3, 4, None)]),
        ("<ref>bare</ref><box>1, 2, 3, 4</box>", [(1, 2, 3, 4, "bare")]),
        ("[1,2,3,4][ 5 ,\n6 ,7 , 8 ]", [(1, 2, 3, 4, None), (5, 6, 7, 8, None)]),
        ("[١٢, ٣, ٤٠, ٥٠]", [(12, 3, 40, 50, None)]),
    ],
)  # fmt: skip
def test_broken_and_unusual_writing_is_read(text, boxes):
    assert found(text) == boxes


@pytest.mark.parametrize(
    "text",
    [
        "I count 1, 2, 3, 4 chairs",
        "the years 1990, 1991, 1992, 1993, 1994",
        "[1, 2, 3, 4, 5]",
        "[1, 2, 3]",
        "(1, 2, 3, 4, 5, 6, 7, 8)",
        "bbox_2d_1: 1, 2, 3, 4, 5",
        "[1 2 3 4]",
        "[x1, y1, x2, y2]",
        "<think> cut off at [12, 34, 56, 7",
    ],
)
def test_other_numbers_are_no_boxes(text):
    assert found(text) == []


def test_decimals_and_negative_numbers_are_kept_as_written():
    mentions = parse_trace("[12.5, -3, \u22124, 5]", FRAME).mentions
    assert mentions[0].raw == Box(12.5, -3, -4, 5)


def test_boxes_come_out_in_original_pixels():
    resized = Frame((640, 354), Space.RESIZED, (588, 308))
    mention = parse_trace("[294, 77, 588, 308]", resized).mentions[0]
    assert mention.raw == Box(294, 77, 588, 308, Space.RESIZED)
    assert mention.box.as_tuple() == pytest.approx((320, 88.5, 640, 354))
    mention = parse_trace("[0.5, 0, 1, 0.25]", Frame((640, 480), Space.UNIT)).mentions[0]
    assert mention.box == Box(320, 0, 640, 120)


def test_a_little_over_a_thousand_is_clamped_and_told():
    frame = Frame((640, 480), Space.THOUSAND)
    trace = parse_trace("[500, 0, 1004, 1000] [0, 0, 1400, 900] [501, 0, 999, 1000]", frame)
    assert trace.mentions[0].raw.x2 == 1004
    assert trace.mentions[0].box == Box(320, 0, 640, 480)
    assert [f.kind for f in trace.faults][3:] == [
        FaultKind.BOX_CLAMPED,
        FaultKind.BOX_OUTSIDE_PICTURE,
    ]


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ("[30, 10, 20, 40]", FaultKind.BOX_INVERTED),
        ("[10, 10, 10, 40]", FaultKind.BOX_EMPTY),
        ("[10, 10, 641, 40]", FaultKind.BOX_OUTSIDE_PICTURE),
        ("[10, -1, 20, 40]", FaultKind.BOX_OUTSIDE_PICTURE),
        ("[1, 2, 3, 4] [1, 2, 3, 4]", FaultKind.BOX_REPEATED),
        (f"[1, 2, 3, {'9' * 5000}]", FaultKind.NUMBER_TOO_LONG),
        ("[1, 2, 3, 1000000000]", FaultKind.NUMBER_TOO_LONG),
    ],
)
def test_a_box_that_is_wrong_has_a_fault(box, fault):
    text = f"<think> {box} </think><rethink> r </rethink><answer> a"
    assert kinds(text) == [fault]


def test_a_good_box_has_no_fault():
    assert kinds("<think>[0, 0, 640, 640]</think><rethink>r</rethink><answer>a") == []


def test_boxes_of_the_answer_stand_apart_from_those_of_the_reasoning():
    text = "<think>[1, 2, 3, 4]</think><rethink>r</rethink><answer>[1, 2, 3, 4]</answer>"
    trace = parse_trace(text, FRAME)
    assert trace.boxes == trace.answer_boxes == (Box(1, 2, 3, 4),)
    assert trace.faults == ()
    assert trace.answer == "[1, 2, 3, 4]"
