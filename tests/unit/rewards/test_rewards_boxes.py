"""The reward for boxes: overlaps by hand, a threshold that rises, samples that it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from grit.config.compose import load_recipe
from grit.config.rewards import RewardsConfig
from grit.data.sample import Sample
from grit.errors import ConfigError
from grit.geometry.box import Box
from grit.geometry.spaces import Frame
from grit.judges.verdict import Verdict
from grit.rewards.boxes import BoxesReward, box_overlap
from grit.rewards.presets import build_rubric
from grit.rewards.score import RewardRow
from grit.traces.parse import parse_trace

WHOLE = (0, 0, 10, 10)
HALF = (0, 0, 10, 5)
AWAY = (50, 50, 60, 60)


def overlap(kind, drawn, true):
    return box_overlap([Box(*edges) for edges in drawn], [Box(*edges) for edges in true], kind)


@pytest.mark.parametrize(
    ("drawn", "true", "mean", "dual", "matched"),
    [
        ([WHOLE], [WHOLE], 1, 1, 1),
        ([HALF], [WHOLE], 0.5, 0.5, 0.5),
        # One of two true boxes is found: both directions, then one pair over two boxes.
        ([WHOLE], [WHOLE, AWAY], 0.5, 0.75, 0.5),
        # One box too many: the true one is found all the same.
        ([WHOLE, AWAY], [WHOLE], 1, 0.75, 0.5),
        # Two drawn over one true box: 1.0 and 0.5 overlap it, one may have it.
        ([WHOLE, HALF], [WHOLE], 1, 0.875, 0.5),
        ([AWAY], [WHOLE], 0, 0, 0),
        ([], [WHOLE], 0, 0, 0),
        ([WHOLE], [], 0, 0, 0),
        ([], [], 1, 1, 1),
    ],
)
def test_overlaps_by_hand(drawn, true, mean, dual, matched):
    for kind, expected in (("mean", mean), ("dual", dual), ("matched", matched)):
        assert overlap(kind, drawn, true) == pytest.approx(expected), kind


def row(drawn, true, *, progress=1.0, dataset="vsr", in_answer=False):
    listed = ", ".join(f'{{"bbox_2d": {list(edges)}}}' for edges in drawn)
    think, answer = ("", listed) if in_answer else (listed, "2")
    text = f"<think> {think} </think> <rethink> so </rethink> <answer> {answer} </answer>"
    boxes = None if true is None else tuple(Box(*edges) for edges in true)
    sample = Sample("s", Path("p.png"), "?", "2", dataset, boxes=boxes)
    trace = parse_trace(text, Frame((100, 100)))
    return RewardRow(trace, sample, Verdict(1.0, "", "rules"), progress)


def test_a_sample_that_was_never_annotated_is_left_alone():
    assert not BoxesReward()(row([WHOLE], None)).applies
    assert BoxesReward()(row([], ())).value == 1.0, "annotated, and nothing to point at"


@pytest.mark.parametrize(
    ("progress", "least", "paid"), [(0.0, 0.25, 0.5), (0.5, 0.5, 0.5), (0.75, 0.625, 0.0)]
)
def test_the_threshold_rises_evenly_and_what_is_below_it_earns_nothing(progress, least, paid):
    reward = BoxesReward("matched", 0.25, 0.75)
    score = reward(row([HALF], [WHOLE], progress=progress))
    assert score.parts == {"overlap": 0.5, "threshold": least}
    assert score.value == paid


def test_where_a_box_is_the_answer_the_answers_boxes_count():
    assert BoxesReward()(row([WHOLE], [WHOLE], dataset="locate", in_answer=True)).value == 1.0
    assert BoxesReward()(row([WHOLE], [WHOLE], dataset="locate")).value == 0.0


def test_boxes_that_are_repeated_or_empty_are_none():
    assert BoxesReward()(row([WHOLE, WHOLE, (9, 9, 2, 2)], [WHOLE])).value == 1.0


def test_a_recipe_asks_for_it_and_the_default_does_not():
    assert "boxes" not in build_rubric(RewardsConfig()).names
    recipe = load_recipe([], ["--rewards.boxes.overlap", "dual", "--rewards.boxes.weight", "2"])
    rubric = build_rubric(recipe.rewards)
    assert rubric.weights["boxes"] == 2
    (scored,) = rubric.score([row([WHOLE], [WHOLE, AWAY])])
    assert scored.paid("boxes") == 2 * 0.75


def test_a_threshold_that_falls_is_refused():
    with pytest.raises(ConfigError, match="a threshold rises"):
        load_recipe(
            [], ["--rewards.boxes.threshold", "0.5", "--rewards.boxes.final-threshold", "0.2"]
        )
