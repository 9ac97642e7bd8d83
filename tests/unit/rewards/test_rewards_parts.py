from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.data.sample import Sample
from grit.geometry.spaces import Frame
from grit.judges.verdict import Verdict
from grit.rewards.bleu import bleu_1
from grit.rewards.counting import CountingReward
from grit.rewards.repetition import RepetitionReward
from grit.rewards.score import RewardRow
from grit.traces.counting import CountMode
from grit.traces.parse import parse_trace


def row(text: str, count: int | None = None) -> RewardRow:
    sample = Sample("s1", Path("p.jpg"), "How many?", "yes", "counting", count=count)
    return RewardRow(parse_trace(text, Frame((1000, 1000))), sample, Verdict(1.0, "", "test"))


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("yes", "yes", 1.0),
        ("Yes.", "yes", 1.0),
        ("no", "yes", 0.0),
        ("", "yes", 0.0),
        ("yes", "", 0.0),
        ("the tv", "tv", 1 / 2),
        # Clipped: the reference has one "tv".
        ("tv tv tv", "tv", 1 / 3),
        # Two words against three: precision 1, brevity exp(1 - 3/2).
        ("a cat", "a black cat", math.exp(-0.5)),
        # Three of four words, longer than the reference of three.
        ("on the left side", "on the left", 3 / 4),
        # One of two words, brevity exp(1 - 4/2).
        ("black dog", "the very black cat", 0.5 * math.exp(-1.0)),
    ],
)
def test_bleu_1_is_clipped_precision_with_a_brevity_penalty(prediction, reference, expected):
    assert bleu_1(prediction, reference) == pytest.approx(expected)


@settings(deadline=None)
@given(st.text(), st.text())
def test_bleu_1_stays_between_0_and_1(prediction, reference):
    assert 0.0 <= bleu_1(prediction, reference) <= 1.0


def test_distinct_counting_pays_nothing_for_inverted_or_repeated_boxes():
    text = "<think>[30, 40, 10, 20] [1, 2, 3, 4] [1, 2, 3, 4]</think><rethink>x</rethink>"
    assert CountingReward(mode=CountMode.REGEX)(row(text, 3)).value == 0.5
    assert CountingReward(mode=CountMode.DISTINCT)(row(text, 3)).value == 0.0
    assert CountingReward(mode=CountMode.DISTINCT)(row(text, 1)).value == 0.5


def test_counting_does_not_apply_without_a_true_count():
    score = CountingReward()(row("[1, 2, 3, 4]"))
    assert score.value is None
    assert not score.applies
    assert not score.is_unscored


def slow_repetition(text: str, size: int = 8) -> float:
    """The definition, place by place."""
    words = text.split()
    places = range(len(words) - size)
    same = [words[i : i + size] == words[i + size : i + 2 * size] for i in places]
    return 0.5 * (1 - sum(same) / len(same)) if same else 0.5


def test_repetition_takes_off_the_share_of_repeated_grams():
    eight = "a b c d e f g h"
    assert RepetitionReward()(row(eight)).value == 0.5
    # 16 words have 8 places, and at the first of them the gram repeats.
    assert RepetitionReward()(row(f"{eight} {eight}")).value == pytest.approx(0.5 * 7 / 8)
    # Nine words further on: 24 words have 16 places, the first 9 repeat.
    assert RepetitionReward()(row(f"{eight} {eight} {eight}")).value == pytest.approx(0.5 * 7 / 16)
    assert RepetitionReward()(row("")).value == 0.5


@settings(deadline=None)
@given(st.lists(st.sampled_from("ab"), max_size=60).map(" ".join))
def test_repetition_equals_its_definition(text):
    assert RepetitionReward()(row(text)).value == pytest.approx(slow_repetition(text))


def test_repetition_is_fast_on_a_long_loop():
    looped = row("a b " * 100_000)
    start = time.perf_counter()
    assert RepetitionReward()(looped).value < 0.01
    assert time.perf_counter() - start < 2.0
