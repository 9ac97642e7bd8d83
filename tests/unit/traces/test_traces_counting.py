"""The two ways of counting boxes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from grit.geometry.spaces import Frame
from grit.traces.counting import (
    CountMode,
    count_boxes,
    reasoning_before_rethink,
    reasoning_text,
    regex_boxes,
)
from grit.traces.parse import parse_trace
from grit.traces.trace import FaultKind

CHAIN = (
    "<think> [1, 2, 30, 40] [1, 2, 30, 40] [50, 2, 30, 40] [5, 5, 5, 9] and 7, 8, 9, 10 </think>"
    "<rethink> again [100, 100, 200, 200] </rethink><answer> [9, 9, 99, 99] </answer>"
)


def count(text, mode):
    return count_boxes(parse_trace(text, Frame((640, 480))), mode)


def test_the_paper_counts_whatever_looks_like_four_integers_before_rethink():
    result = count(CHAIN, CountMode.REGEX)
    assert result.num_boxes == 5  # repeated, inverted, empty and bare ones too
    assert result.dropped == ()
    first = result.spans[0]
    assert CHAIN[first.start : first.end] == "1, 2, 30, 40"


def test_distinct_counting_says_what_it_left_out():
    result = count(CHAIN, CountMode.DISTINCT)
    assert result.num_boxes == 2  # [1, 2, 30, 40] and the one in the rethink part
    assert [drop.why for drop in result.dropped] == [
        FaultKind.BOX_REPEATED,
        FaultKind.BOX_INVERTED,
        FaultKind.BOX_EMPTY,
    ]
    assert result.reason == (
        "2 boxes drawn; left out [1, 2, 30, 40] (repeated), [50, 2, 30, 40] (inverted), "
        "[5, 5, 5, 9] (empty)"
    )


def test_a_long_list_of_dropped_boxes_is_cut_short_in_the_reason():
    result = count("[1, 2, 3, 4]" * 6, CountMode.DISTINCT)
    assert result.reason.startswith("1 box drawn")
    assert result.reason.endswith("and 2 more")
    assert len(result.dropped) == 5


def test_without_rethink_the_reasoning_ends_at_the_answer():
    text = "<think> [1, 2, 3, 4] </think> <answer> [5, 6, 7, 8]"
    assert reasoning_before_rethink(text) is None
    assert reasoning_text(text) == "<think> [1, 2, 3, 4] </think> "
    assert count(text, CountMode.REGEX).num_boxes == 1
    assert reasoning_text("only [1, 2, 3, 4]") == "only [1, 2, 3, 4]"


def test_only_text_before_the_first_rethink_is_reasoning():
    assert reasoning_before_rethink("a<rethink>b<rethink>c") == "a"
    assert reasoning_before_rethink("a</rethink>b") is None


def test_eight_numbers_in_a_row_are_two_boxes_to_the_expression():
    assert len(regex_boxes("1, 2, 3, 4, 5, 6, 7, 8")) == 2
    assert len(regex_boxes("1, 2, 3, 4, 5, 6, 7")) == 1
    assert regex_boxes("1.5, 2, 3 4") == []


@given(st.lists(st.sampled_from(["1", "23", ", ", ",", "\n", "a", "[", ".", "٣", "_"])))
def test_the_expression_is_the_published_one(pieces):
    text = "".join(pieces)
    published = re.findall(r"\b\d+,\s*\d+,\s*\d+,\s*\d+\b", text)
    assert [text[span.start : span.end] for span in regex_boxes(text)] == published
