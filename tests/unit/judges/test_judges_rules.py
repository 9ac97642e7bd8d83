from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.judges.rules import RulesJudge, decide
from grit.judges.verdict import JudgeRequest, Verdict


def verdict_on(reference: str, prediction: str | None, question: str = "") -> Verdict:
    return decide(JudgeRequest(question, reference, prediction))


@pytest.mark.parametrize(
    "prediction", [None, "", " \n", "???", "...", "</answer>", "<answer> </answer>"]
)
@pytest.mark.parametrize("reference", ["yes", "3", "tv", "[1, 2, 3, 4]", ""])
def test_a_missing_or_unreadable_answer_is_wrong_and_sure(reference, prediction):
    verdict = verdict_on(reference, prediction)
    assert (verdict.score, verdict.sure) == (0.0, True)
    assert verdict.reason


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [
        ("Yes", "yes"),
        ("yes", "Yes, it is."),
        ("yes", "YES!"),
        ("yes", "True"),
        ("true", "Yes."),
        ("no", "No"),
        ("No", "false"),
        ("False", "no."),
        ("no", "No, it is not."),
        ("no", "It is not."),
        ("no", "It isn't."),
        ("no", "It isn’t"),
        ("no", "not true"),
        ("no", "There is no dog in the picture."),
        ("yes", "Yes, the cat is to the right of the dog."),
    ],
)
def test_yes_and_no_are_read_in_a_sentence(reference, prediction):
    verdict = verdict_on(reference, prediction)
    assert (verdict.score, verdict.sure) == (1.0, True)


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [("yes", "no"), ("no", "yes"), ("yes", "It is not."), ("no", "Yes, it is."), ("yes", "false")],
)
def test_the_opposite_is_wrong_and_sure(reference, prediction):
    verdict = verdict_on(reference, prediction)
    assert (verdict.score, verdict.sure) == (0.0, True)


@pytest.mark.parametrize("reference", ["yes", "no"])
@pytest.mark.parametrize(
    "prediction",
    ["yes no", "no yes", "yes or no", "Yes. No.", "true and false", "yes, no, yes", "No, true"],
)
def test_a_contradiction_is_wrong_whatever_is_true(reference, prediction):
    assert verdict_on(reference, prediction).score == 0.0


@pytest.mark.parametrize("reference", ["yes", "no"])
@pytest.mark.parametrize(
    "prediction",
    [
        "I do not know.",
        "I don't know",
        "maybe",
        "Perhaps yes",
        "cannot tell",
        "not sure, no",
        "the cat",
        "yesterday",
        "nobody knows",
        "not false",
    ],
)
def test_an_answer_that_does_not_commit_itself_earns_nothing(reference, prediction):
    assert verdict_on(reference, prediction).score == 0.0


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [
        ("3", "three"),
        ("3", "3"),
        ("3", "3.0"),
        ("3", "3."),
        ("3", "there are 3"),
        ("3", "There are three dogs in the picture."),
        ("three", "3"),
        ("21", "twenty-one"),
        ("21", "Twenty one dogs"),
        ("105", "one hundred and five"),
        ("1200", "1,200"),
        ("2300", "two thousand three hundred"),
        ("1000000", "one million"),
        ("12", "a dozen"),
        ("24", "two dozen"),
        ("0", "none"),
        ("0", "no dogs"),
        ("0", "There are no dogs."),
        ("0", "zero"),
        ("-4", "minus four"),
        ("0.5", "1/2"),
        ("3 cm", "3 centimetres"),
        ("3 cm", "3cm"),
        ("3", "3 cm"),
        ("$5", "5 dollars"),
        ("50%", "fifty percent"),
        ("4", "4 4 four"),
    ],
)
def test_numbers_are_equal_in_digits_and_in_words(reference, prediction):
    verdict = verdict_on(reference, prediction)
    assert (verdict.score, verdict.sure) == (1.0, True)


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [("3", "4"), ("3", "four dogs"), ("3", "3.5"), ("3", "-3"), ("3", "33")],
)
def test_another_number_is_wrong_and_sure(reference, prediction):
    verdict = verdict_on(reference, prediction)
    assert (verdict.score, verdict.sure) == (0.0, True)


@pytest.mark.parametrize(
    "prediction",
    [
        "3 or 4",
        "3-4",
        "0 1 2 3 4",
        "two three",
        "two, three",
        "at least 3",
        "more than 3",
        "not 3",
        "it isn't 3",
        "the 3rd",
        "many",
        "3 of the 5 dogs",
        "9" * 5000,
        "9" * 1900,
    ],
)
def test_a_number_that_is_not_plainly_three_earns_nothing(prediction):
    assert verdict_on("3", prediction).score == 0.0


def test_one_as_a_pronoun_counts_nothing():
    assert verdict_on("1", "the left one").score == 0.0
    assert verdict_on("1", "There is one.").score == 1.0


@pytest.mark.parametrize(
    ("reference", "prediction", "score"),
    [
        ("3 cm", "3 m", 0.0),
        ("3 cm", "30 mm", 1.0),
        ("2 years", "24 months", 1.0),
        ("1 kg", "1000 grams", 1.0),
        ("90°", "90 radians", 0.0),
        ("2 ft", "24 inches", 1.0),
    ],
)
def test_another_unit_of_the_same_kind_is_converted(reference, prediction, score):
    verdict = verdict_on(reference, prediction)
    assert (verdict.score, verdict.sure) == (score, True)


def test_a_unit_of_another_kind_is_left_to_a_judge():
    assert not verdict_on("3 cm", "3 kg").sure
    assert not verdict_on("$3", "£3").sure


@pytest.mark.parametrize(
    ("reference", "prediction", "question"),
    [
        ("tv", "the tv", ""),
        ("tv", "TV.", ""),
        ("The TV", "tv", ""),
        ("tv", "It is a TV.", ""),
        ("cats", "cat", ""),
        ("bus", "buses", ""),
        ("shelf", "shelves", ""),
        ("man", "men", ""),
        ("circle", "the red circle", ""),
        ("left", "on the left", ""),
        ("two cats", "2 cats", ""),
        ("A", "A", ""),
        ("B", "(B)", ""),
        ("square", "The square is across from the truck.", "What is across from the truck?"),
        ("salt and pepper", "Salt and pepper", ""),
        ("naïve café", "NAÏVE CAFÉ", ""),
    ],
)
def test_short_answers_forgive_case_articles_punctuation_and_plural(
    reference, prediction, question
):
    verdict = verdict_on(reference, prediction, question)
    assert (verdict.score, verdict.sure) == (1.0, True)


@pytest.mark.parametrize(
    ("reference", "prediction", "question"),
    [
        ("circle", "circle or square", ""),
        ("circle", "not a circle", ""),
        ("circle", "maybe a circle", ""),
        ("circle", "circle/square", ""),
        ("circle", "circle square", "Is it a circle or a square?"),
        ("circle", "circle square triangle", ""),
        ("dog", "hot dog", ""),
        ("art", "cart", ""),
        ("red", "blue red circle", "What color is it?"),
        ("tv", "television", ""),
        ("wooden table", "table", ""),
        ("cat", "cat and dog", ""),
    ],
)
def test_containment_counts_only_where_nothing_else_is_said(reference, prediction, question):
    assert verdict_on(reference, prediction, question).score == 0.0


def test_what_no_rule_can_match_is_wrong_and_not_sure():
    verdict = verdict_on("tv", "television")
    assert (verdict.score, verdict.sure) == (0.0, False)
    assert "television" in verdict.reason


def test_boxes_compare_their_four_numbers_exactly():
    assert verdict_on("[1, 2, 3, 4]", "(1,2,3,4)").score == 1.0
    assert verdict_on("[1, 2, 3, 4]", '{"bbox_2d": [1, 2, 3, 4]}').score == 1.0
    assert verdict_on("[1, 2, 3, 4]", "[1, 2, 3, 5]").score == 0.0
    assert verdict_on("[1, 2, 3, 4]", "[1, 2, 3, 4] [5, 6, 7, 8]").score == 0.0
    assert verdict_on("[1, 200, 300, 400]", "1,200,300,400").score == 1.0


def test_the_judge_answers_a_batch_in_order_and_gives_reasons():
    requests = [JudgeRequest("", "3", "3"), JudgeRequest("", "3", None), JudgeRequest("", "a", "b")]
    verdicts = asyncio.run(RulesJudge().judge(requests))
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 0.0]
    assert all(verdict.reason and verdict.judge for verdict in verdicts)
    assert RulesJudge().name == "rules"


words = st.sampled_from(
    [
        "yes",
        "no",
        "not",
        "3",
        "three",
        "hundred",
        "and",
        "minus",
        "dozen",
        "/",
        "-",
        ",",
        "the",
        "one",
    ]
)


@settings(deadline=None)
@given(
    st.one_of(st.text(), st.lists(words).map(" ".join)),
    st.one_of(st.none(), st.text(), st.lists(words).map(" ".join)),
    st.text(),
)
def test_any_text_gets_a_scored_verdict(reference, prediction, question):
    verdict = verdict_on(reference, prediction, question)
    assert verdict.score in (0.0, 1.0)
    assert verdict.reason


@settings(deadline=None)
@given(st.integers(-999_999, 999_999))
def test_a_number_is_itself_and_not_its_neighbour(number):
    assert verdict_on(str(number), f"There are {number}.").score == 1.0
    assert verdict_on(str(number), str(number + 1)).score == 0.0
