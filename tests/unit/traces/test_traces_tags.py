"""Tag checks behind the format rewards."""

from __future__ import annotations

import pytest

from grit.traces.tags import (
    check_pairs,
    num_answer_tags,
    num_think_words,
    ordered_tags,
    text_after_answer,
)

GOOD = "<think> a b </think> <rethink> c </rethink> <answer> d </answer>"


@pytest.mark.parametrize(
    ("text", "think", "rethink", "reason"),
    [
        (GOOD, True, True, "both pairs correct"),
        ("<think></think><rethink></rethink>", True, True, "both pairs correct"),
        ("<think> a </think> b", True, False, "no <rethink>"),
        ("<think> a <rethink> b </rethink>", False, False, "no </think>; "),
        ("<rethink> b </rethink>", False, False, "no <think>; "),
        ("</think> a <think> <rethink> </rethink>", False, False, "</think> stands before"),
        ("<rethink> b </rethink> <think> a </think>", True, False, "<rethink> stands before"),
        ("<think> <rethink> b </rethink> </think>", True, False, "<rethink> stands before"),
        ("<think> <think> a </think> <rethink> </rethink>", False, False, "2 times <think>"),
        ("<think> </think> <rethink> </rethink> </rethink>", True, False, "2 times </rethink>"),
        ("<Think> a </Think> <rethink> </rethink>", False, False, "no <think>"),
        ("", False, False, "no <think>; no <rethink>"),
    ],
)
def test_a_pair_is_correct_when_each_tag_stands_once_and_in_order(text, think, rethink, reason):
    check = check_pairs(text)
    assert (check.think, check.rethink) == (think, rethink)
    assert reason in check.reason


@pytest.mark.parametrize(
    ("text", "num_found"),
    [
        (GOOD, 4),
        ("<think> a <rethink> b </rethink>", 3),
        ("<rethink> b </rethink> <think> a </think>", 2),
        ("</rethink></think><think>", 1),
        ("", 0),
    ],
)
def test_tags_are_found_one_after_the_other(text, num_found):
    spans = [span for span in ordered_tags(text) if span is not None]
    assert len(spans) == num_found
    assert [span.start for span in spans] == sorted(span.start for span in spans)


def test_words_of_the_thought_are_counted_between_its_tags():
    assert num_think_words(GOOD) == 2
    assert num_think_words("<think> </think>") == 0
    assert num_think_words("<think> never closed") == 0


def test_answer_tags_are_counted_and_all_after_the_first_is_given():
    assert num_answer_tags("<answer> a <answer> b </answer>") == 2
    assert text_after_answer("x <answer> a <answer> b </answer>") == " a <answer> b </answer>"
    assert text_after_answer("x </answer>") is None
