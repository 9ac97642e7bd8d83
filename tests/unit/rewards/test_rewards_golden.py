"""Whole completions in the paper's spellings, paid by hand computation in both presets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.config.rewards import RewardsConfig
from grit.data.sample import Sample
from grit.geometry.spaces import Frame
from grit.judges.rules import decide
from grit.judges.verdict import JudgeRequest, Verdict
from grit.rewards.presets import build_rubric, load_preset
from grit.rewards.rubric import ScoredRow
from grit.rewards.score import RewardRow
from grit.traces.parse import parse_trace

TWO_BOXES_IN_JSON = (
    '<think> Let me look. {"bbox_2d": [10, 20, 30, 40], "label": "chair", '
    '"bbox_2d": [50, 60, 70, 80], "label": "chair"} </think> '
    "<rethink> There are two chairs. </rethink> <answer> 2 </answer>"
)
ROUND_BRACKETS = (
    "<think> The tv is at (200, 168, 248, 202). </think>"
    "<rethink> It is across from the truck. </rethink><answer> the tv"
)
NUMBERED_KEYS = (
    "<think>bbox_2d_1: [0, 28, 305, 364] bbox_2d_2: [1, 2, 3, 4] bbox_2d_3: [5, 6, 7, 8]</think>"
    "<rethink>three</rethink><answer>three</answer>"
)
INTERN = (
    "<think><ref>chair</ref> <box>[[1, 2, 30, 40], [5, 6, 70, 80]]</box></think>"
    "<rethink>two</rethink><answer>2</answer>"
)
NO_BOX = "<think>There is no dog here.</think><rethink>None.</rethink><answer>No</answer>"
INVERTED_AND_REPEATED = (
    "<think>[30, 40, 10, 20] [1, 2, 3, 4] [1, 2, 3, 4]</think>"
    "<rethink>one</rethink><answer>3</answer>"
)
BOX_ONLY_AFTER_RETHINK = "<think>a dog</think><rethink>[1, 2, 3, 4]</rethink><answer>yes</answer>"
WITHOUT_RETHINK = "<think>a dog [1, 2, 3, 4]</think><answer>yes</answer>"
REPEATED_THINK = (
    "<think>a</think><think>b [1, 2, 3, 4]</think><rethink>c</rethink><answer>yes</answer>"
)
RETHINK_FIRST = "<rethink>c</rethink><think>b [1, 2, 3, 4]</think><answer>yes</answer>"
TWO_ANSWER_TAGS = (
    "<think>a b [1, 2, 3, 4]</think><rethink>c</rethink><answer>no</answer><answer>yes</answer>"
)


@dataclass(frozen=True)
class Golden:
    """A completion, what is true, and what each component must pay."""

    text: str
    answer: str
    count: int | None
    paper: dict[str, float | None]
    released: dict[str, float | None]


# BLEU-1 of the released preset reads what follows <answer>: "2 </answer>" is "2 answer", so one of
# two words matches and the prediction is not shorter: 0.5.
HALF = 1.0 + 0.1 * 0.5
GOLDENS = {
    "two boxes in one JSON object": Golden(
        TWO_BOXES_IN_JSON,
        "2",
        2,
        {"format": 1.5, "count": 0.5, "answer": 1.1},
        {"format": 1.0, "count": 1.0, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "round brackets, an article too many": Golden(
        ROUND_BRACKETS,
        "tv",
        None,
        # BLEU-1 of "the tv" against "tv": one of two words.
        {"format": 1.5, "count": None, "answer": HALF},
        {"format": 1.0, "count": None, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "numbered keys, the number in words": Golden(
        NUMBERED_KEYS,
        "3",
        3,
        {"format": 1.5, "count": 0.5, "answer": 1.0},
        {"format": 1.0, "count": 1.0, "answer": 1.0, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "InternVL's boxes, a wrong count": Golden(
        INTERN,
        "3",
        3,
        {"format": 1.5, "count": 0.0, "answer": 0.0},
        {"format": 1.0, "count": 0.0, "answer": 0.0, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "no box for something absent": Golden(
        NO_BOX,
        "no",
        None,
        {"format": 1.0, "count": None, "answer": 1.1},
        {"format": 0.5, "count": None, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "count zero without a box": Golden(
        NO_BOX,
        "0",
        0,
        {"format": 1.0, "count": 0.5, "answer": 0.0},
        {"format": 0.5, "count": 1.0, "answer": 0.0, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "inverted and repeated boxes count by the expression": Golden(
        INVERTED_AND_REPEATED,
        "3",
        3,
        {"format": 1.5, "count": 0.5, "answer": 1.1},
        {"format": 1.0, "count": 1.0, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "a box only after rethink": Golden(
        BOX_ONLY_AFTER_RETHINK,
        "yes",
        None,
        {"format": 1.0, "count": None, "answer": 1.1},
        {"format": 0.5, "count": None, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "no rethink part": Golden(
        WITHOUT_RETHINK,
        "yes",
        1,
        {"format": 1.0, "count": 0.5, "answer": 1.1},
        {"format": 0.2, "count": 0.0, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "a think part twice": Golden(
        REPEATED_THINK,
        "yes",
        None,
        {"format": 0.5, "count": None, "answer": 1.1},
        # The four tags stand in order, the first think part has one word.
        {"format": 0.9, "count": None, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "rethink before think": Golden(
        RETHINK_FIRST,
        "yes",
        None,
        # The think pair alone; no box stands before <rethink>.
        {"format": 0.5, "count": None, "answer": 1.1},
        # <think> and </think> in order; no rethink tag after them.
        {"format": 0.2, "count": None, "answer": HALF, "answer_tag": 0.5, "repetition": 0.5},
    ),
    "two answer tags, the last counts": Golden(
        TWO_ANSWER_TAGS,
        "yes",
        None,
        {"format": 1.5, "count": None, "answer": 1.1},
        # BLEU-1 of "no answer answer yes answer" against "yes": one of five words.
        {"format": 1.0, "count": None, "answer": 1.02, "answer_tag": 0.25, "repetition": 0.5},
    ),
    "nothing at all": Golden(
        "",
        "yes",
        None,
        {"format": 0.0, "count": None, "answer": 0.0},
        {"format": 0.0, "count": None, "answer": 0.0, "answer_tag": 0.0, "repetition": 0.5},
    ),
}


def row(
    text: str, answer: str = "yes", count: int | None = None, verdict: Verdict | None = None
) -> RewardRow:
    trace = parse_trace(text, Frame((1000, 1000)))
    sample = Sample("s1", Path("p.jpg"), "What?", answer, "vsr", count=count)
    return RewardRow(trace, sample, verdict or decide(JudgeRequest("What?", answer, trace.answer)))


def score(preset: str, *args, **kwargs) -> ScoredRow:
    rubric = build_rubric(RewardsConfig.model_validate({"preset": preset}))
    return rubric.score([row(*args, **kwargs)])[0]


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("golden", GOLDENS.values(), ids=GOLDENS.keys())
def test_a_completion_is_paid_as_computed_by_hand(golden, preset):
    expected = getattr(golden, preset)
    scored = score(preset, golden.text, golden.answer, golden.count)
    paid = {name: component.value for name, component in scored.components.items()}
    assert paid == pytest.approx(expected)
    assert scored.total == pytest.approx(sum(value or 0.0 for value in expected.values()))
    assert all(component.reason for component in scored.components.values())
    for name, value in expected.items():
        assert scored.components[name].applies == (value is not None)


TAGS = ["<think>", "</think>", "<rethink>", "</rethink>", "<answer>", "</answer>"]
OTHERS = ["[1, 2, 3, 4]", "(9, 8, 7, 6)", "yes", "3", "three", " ", "a b c d e f g h ", "\ud800"]
pieces = st.sampled_from([*TAGS, *OTHERS, "{", "<ref>"])
completions = st.one_of(st.text(), st.lists(pieces, max_size=30).map("".join))
verdicts = st.floats(0, 1).map(lambda score: Verdict(score, "given", "test"))


@settings(deadline=None)
@given(
    completions, st.sampled_from(["yes", "3", "tv", ""]), st.none() | st.integers(0, 5), verdicts
)
def test_no_text_raises_and_totals_stay_within_bounds(text, answer, count, verdict):
    for name in ("paper", "released"):
        scored = score(name, text, answer, count, verdict)
        assert scored.total is not None
        assert 0.0 <= scored.total <= load_preset(name).most + 1e-9
        assert math.isfinite(scored.total)


def test_the_most_that_the_presets_pay_is_reached():
    # 1.5 + 0.5 + 1.1, and 1.0 + 1.0 + 1.1 + 0.5 + 0.5 without a closing answer tag.
    text = TWO_BOXES_IN_JSON.removesuffix("</answer>")
    assert score("paper", text, "2", 2).total == pytest.approx(3.1)
    assert score("released", text, "2", 2).total == pytest.approx(4.1)
    assert load_preset("paper").most == 3.1
    assert load_preset("released").most == 4.1


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_failed_judge_leaves_the_completion_unscored(preset):
    scored = score(preset, TWO_BOXES_IN_JSON, "2", 2, Verdict.unscored("timeout", judge="chat"))
    assert scored.total is None
    assert scored.is_unscored
    assert scored.components["answer"].is_unscored
    assert scored.paid("answer") is None
    assert scored.paid("format") is not None
    assert "timeout" in scored.components["answer"].reason


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize(
    "text", ["", "<think>a</think>", "<answer>", "<answer></answer>", "<answer> ??? </answer>"]
)
@pytest.mark.parametrize(
    "verdict", [Verdict(1.0, "generous", "chat"), Verdict.unscored("timeout", judge="chat")]
)
def test_a_missing_answer_is_wrong_whatever_the_judge_says(preset, text, verdict):
    scored = score(preset, text, "yes", None, verdict)
    assert scored.total is not None
    assert scored.components["answer"].value == pytest.approx(0.0)


def test_the_presets_make_the_raw_score_binary_in_their_own_ways():
    for raw, paper, released in [(0.0, 0, 0), (0.3, 0, 1), (0.5, 1, 1), (1.0, 1, 1)]:
        verdict = Verdict(raw, "given", "chat")
        for preset, expected in (("paper", paper), ("released", released)):
            parts = score(preset, NO_BOX, "no", None, verdict).components["answer"].parts
            assert parts["judge"] == expected
            assert parts["judge_raw"] == raw


def test_the_presets_carry_their_deviation():
    assert (load_preset("paper").deviation, load_preset("paper").epsilon) == ("biased", 1e-4)
    assert (load_preset("released").deviation, load_preset("released").epsilon) == (
        "unbiased",
        1e-4,
    )
