"""The rules judge on text that no honest model writes: it never raises, and long text costs little.

A rule that took quadratic time would not finish on these: a megabyte is 10^6 characters, and its
square 10^12 steps.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.judges.numbers import find_quantities
from grit.judges.polarity import polarity
from grit.judges.rules import decide
from grit.judges.verdict import JudgeRequest

MEGABYTE = 1_000_000
UNITS = [
    "a",
    "9",
    "9 ",
    "1,",
    "1,000",
    "0.",
    "1/",
    "one ",
    "twenty hundred and ",
    "not ",
    "yes no ",
    "answer is: ",
    "answer      ",
    "the correct option ",
    "(",
    "((a)",
    "\\frac{",
    "\\sqrt{ ",
    "$",
    "$4$",
    "= ",
    "x = 3, ",
    " ",
    "\n",
    "[0, 0, 0, 0]",
    "<answer>",
    "</",
    "e-",
    "1e9",
    "- ",
    "–",
    "and ",
    ", and ",
    "\u0301",
    "\ud800",
    "½",
    "٣",
    "米",
    "I'",
    "n't ",
]


def long(unit, size):
    return (unit * (size // len(unit) + 1))[:size]


@pytest.mark.parametrize("unit", UNITS, ids=ascii)
@pytest.mark.parametrize("size", [1999, MEGABYTE])
def test_long_text_gets_a_verdict_wherever_it_stands(unit, size):
    text = long(unit, size)
    for request in (
        JudgeRequest("How many?", "3", text),
        JudgeRequest("Is it?", "yes", text),
        JudgeRequest("What?", "the cat", text, choices=("the cat", "a dog", "3 √2")),
        JudgeRequest("What?", "[1, 2, 3]", text, answer_type="list"),
        JudgeRequest("What?", text, "the cat"),
        JudgeRequest(text, "yes", "It is a cat."),
        JudgeRequest(text, "3 cm", "4 m"),
        JudgeRequest(text, "cat", "dog in the box"),
        JudgeRequest("What?", "cat", "dog", choices=("cat", text)),
    ):
        verdict = decide(request)
        assert verdict.score in (0.0, 1.0)
        assert verdict.reason
        assert len(verdict.reason) < 1000


@pytest.mark.parametrize("unit", ["9 ", "1,", "one ", "not ", "a"], ids=ascii)
def test_numbers_and_polarity_of_long_text_are_read(unit):
    text = long(unit, MEGABYTE // 5)
    for quantity in find_quantities(text)[:10]:
        assert quantity.start < quantity.end
    polarity(text)


PIECES = [
    *UNITS,
    "yes",
    "no",
    "3",
    "three",
    "cm",
    "%",
    "(B)",
    "C.",
    "cat",
    "dog",
    "left",
    "right",
    "or",
    "maybe",
    "x =",
    "2.5",
    "π",
    "It is",
    "-1",
    "∞",
    "the answer is",
    "\x00",
    "🙂",
]
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join))


@settings(deadline=None, max_examples=200)
@given(
    texts,
    st.one_of(texts, st.sampled_from(["yes", "No", "3", "3 cm", "0.5", "[1, 2]", "dog", "(b)"])),
    st.one_of(st.none(), texts),
    st.lists(texts, max_size=5),
    st.sampled_from(["", "text", "integer", "float", "list", "boxes"]),
    st.one_of(st.none(), st.integers(0, 15)),
    st.one_of(st.just("cm"), texts),
)
def test_any_request_gets_a_verdict_and_a_reason(
    question, reference, prediction, choices, answer_type, precision, unit
):
    verdict = decide(
        JudgeRequest(
            question, reference, prediction, "", tuple(choices), answer_type, precision, unit
        )
    )
    assert verdict.score in (0.0, 1.0)
    assert verdict.reason
    assert verdict.score == 0.0 or verdict.sure


@settings(deadline=None)
@given(texts, texts)
def test_the_reference_itself_is_never_called_wrong_for_sure(question, reference):
    verdict = decide(JudgeRequest(question, reference, reference))
    readable = any(letter.isalnum() for letter in reference)
    if readable and verdict.judge in ("rules:number", "rules:list", "rules:box"):
        assert verdict.score == 1.0 or not verdict.sure
