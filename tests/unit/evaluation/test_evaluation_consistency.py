"""Whether rethinking and answer agree: sentences whose answer a reader sees at once."""

from __future__ import annotations

import pytest

from grit.evaluation.consistency import is_consistent
from grit.geometry.spaces import Frame
from grit.traces.parse import parse_trace


def consistent(rethink, answer, question="How many dogs are there?"):
    text = f"<think> [1, 2, 3, 4] </think> <rethink> {rethink} </rethink> <answer> {answer}"
    return is_consistent(parse_trace(text, Frame((100, 100))), question)


@pytest.mark.parametrize(
    ("rethink", "answer", "expected"),
    [
        ("there are 2 dogs", "2", True),
        ("there are two dogs", "2", True),
        ("there are 3 dogs", "2", False),
        ("I counted 4 animals. So there are 2 dogs.", "2", True),
        ("I counted 2 animals. So there are 4 dogs.", "2", False),
        ("The answer is yes.", "Yes", True),
        ("The answer is no.", "Yes", False),
        ("It is what it is", "Yes", None),
        ("", "2", None),
    ],
)
def test_the_last_clause_of_the_rethinking_is_held_against_the_answer(rethink, answer, expected):
    assert consistent(rethink, answer) is expected


def test_a_chain_without_rethinking_or_answer_tells_nothing():
    frame = Frame((100, 100))
    assert is_consistent(parse_trace("<think> 2 </think> <answer> 2", frame), "?") is None
    assert is_consistent(parse_trace("<rethink> 2 </rethink>", frame), "?") is None
