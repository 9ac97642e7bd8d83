"""Parts of a completion, its answer, and what is wrong with its tags."""

from __future__ import annotations

import pytest

from grit.geometry.spaces import Frame
from grit.traces.parse import parse_trace
from grit.traces.trace import FaultKind, SegmentKind

T, R, A, OUT = (
    SegmentKind.THINK,
    SegmentKind.RETHINK,
    SegmentKind.ANSWER,
    SegmentKind.OUTSIDE,
)


def parse(text):
    return parse_trace(text, Frame((640, 480)))


def parts(text):
    return [
        (segment.kind, text[segment.span.start : segment.span.end], segment.closed)
        for segment in parse(text).segments
    ]


def kinds(text):
    return {fault.kind for fault in parse(text).faults}


def test_a_complete_completion_has_three_closed_parts():
    text = "<think>a</think> <rethink>b</rethink> <answer>c</answer>"
    assert parts(text) == [
        (T, "a", True),
        (OUT, " ", True),
        (R, "b", True),
        (OUT, " ", True),
        (A, "c", True),
    ]
    assert kinds(text) == set()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a</think><rethink>b</rethink><answer> yes", "yes"),
        ("<think>a</think><rethink>b</rethink><answer>\n yes \n</answer> tail", "yes"),
        ("<answer> yes", "yes"),
        ("<think> then after <answer>. ok </think><rethink>r</rethink><answer> no", "no"),
        ("<think> open <answer> one <rethink> r </rethink> <answer> two", "two"),
        ("<answer> one </answer> <answer> two </answer>", "two"),
        ("<answer> one <answer> two", "two"),
        ("<think> a <answer> yes </answer>", "yes"),
        ("<think>a</think><rethink> so <answer> yes </answer> </rethink>", "yes"),
        ("<think> I answer after <answer>. [1, 2, 3, 4] </think>", None),
        ("<think>a</think><rethink>b</rethink><answer> yes </rethink>", "yes"),
        ("<think>a</think><rethink>b</rethink><ANSWER> yes </Answer>", "yes"),
        ("<think>a</think><rethink>b</rethink><answer>  </answer>", None),
        ("<think>a</think> yes", None),
        ("", None),
    ],
)
def test_the_answer_is_what_follows_the_last_answer_tag(text, answer):
    assert parse(text).answer == answer


def test_an_answer_tag_spoken_in_a_thought_stays_thought():
    text = "<think> say <answer> x </answer> [1, 2, 3, 4] </think><rethink>r</rethink><answer>y"
    trace = parse(text)
    assert trace.content(T) == " say <answer> x </answer> [1, 2, 3, 4] "
    assert trace.mentions[0].segment is T
    assert trace.faults == ()


def test_a_stray_closing_tag_stays_in_a_thought_and_is_told():
    text = "<think> a </rethink> b </think><rethink>c</rethink><answer>d"
    assert parts(text)[0] == (T, " a </rethink> b ", True)
    assert kinds(text) == {FaultKind.STRAY_TAG}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"no_think", "no_rethink", "no_answer"}),
        ("yes", {"no_think", "no_rethink", "no_answer"}),
        ("<think>a", {"think_unclosed", "no_rethink", "no_answer"}),
        ("<think>a<rethink>b</rethink><answer>c", {"think_unclosed"}),
        ("<think>a</think><rethink>b<answer>c", {"rethink_unclosed"}),
        ("<rethink>b</rethink><think>a</think><answer>c", {"rethink_before_think"}),
        ("<think>a</think><think>b</think><rethink>r</rethink><answer>c", {"repeated_tag"}),
        ("<think>a</think><rethink>b</rethink><answer>", {"empty_answer"}),
        ("<Think>a</think><rethink>b</rethink><answer>c", {"tag_case"}),
        ("a</think><rethink>b</rethink><answer>c", {"no_think", "stray_tag"}),
    ],
)
def test_what_is_wrong_with_the_tags_is_told(text, expected):
    assert kinds(text) == expected


def test_a_missing_part_is_noted_at_the_end_of_the_text():
    text = "<think>a</think><rethink>b</rethink> c"
    fault = parse(text).faults[0]
    assert (fault.kind, fault.span.start, fault.span.end) == ("no_answer", len(text), len(text))
