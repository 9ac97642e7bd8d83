"""Marking: what the boxes of a completion are worth, against shapely and painted pixels."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from canned import SIZE, chain, group, sample
from hypothesis import given
from hypothesis import strategies as st

from grit.evaluation.marking import grounding_iou, keeps_format, mark, read_completion
from grit.geometry.box import Box
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Verdict
from grit.prompts.question import Mode


def read(text, mode=Mode.GROUNDED, **settings):
    return read_completion(text, group(text, sample(), **settings), mode)


def marked(text, of, mode=Mode.GROUNDED, judge=None, **settings):
    (row,) = mark(
        [group(text, of, **settings)],
        judge or RulesJudge(),
        model="grit",
        mode=mode,
        threshold=0.5,
        limits=(784, 7056),
        step=12,
    )
    return row


@st.composite
def boxes(draw):
    x1 = draw(st.integers(0, SIZE[0] - 1))
    y1 = draw(st.integers(0, SIZE[1] - 1))
    return (x1, y1, draw(st.integers(x1 + 1, SIZE[0])), draw(st.integers(y1 + 1, SIZE[1])))


def painted(rectangles):
    mask = np.zeros((SIZE[1], SIZE[0]), dtype=bool)
    for x1, y1, x2, y2 in rectangles:
        mask[y1:y2, x1:x2] = True
    return mask


def test_half_of_a_true_box_is_worth_a_half():
    trace = read(chain((0, 0, 50, 100)))
    assert grounding_iou(trace, [Box(0, 0, 100, 100)], of_answer=False) == pytest.approx(0.5)


def test_two_boxes_over_two_true_ones_are_unions_and_not_pairs():
    trace = read(chain((0, 0, 20, 20), (10, 0, 30, 20)))
    # Drawn: 30 x 20. True: the same area cut elsewhere.
    true = [Box(0, 0, 5, 20), Box(5, 0, 30, 20)]
    assert grounding_iou(trace, true, of_answer=False) == pytest.approx(1.0)


@given(st.lists(boxes(), min_size=1, max_size=4), st.lists(boxes(), min_size=1, max_size=4))
def test_grounding_iou_is_that_of_painted_pixels_and_of_shapely(drawn, true):
    found = grounding_iou(read(chain(*drawn)), [Box(*edges) for edges in true], of_answer=False)
    one, two = painted(drawn), painted(true)
    assert found == pytest.approx((one & two).sum() / (one | two).sum())
    ours, theirs = (shapely.union_all([shapely.box(*e) for e in each]) for each in (drawn, true))
    assert found == pytest.approx(ours.intersection(theirs).area / ours.union(theirs).area)


@pytest.mark.parametrize("text", ["<answer> 2", "", "<think> two of them </think>"])
def test_no_box_counts_zero_where_there_was_something_to_point_at(text):
    assert grounding_iou(read(text), [Box(0, 0, 10, 10)], of_answer=False) == 0.0


def test_boxes_that_enclose_nothing_are_no_boxes():
    trace = read(chain((50, 50, 20, 20), (5, 5, 5, 9)))
    assert grounding_iou(trace, [Box(0, 0, 10, 10)], of_answer=False) == 0.0


@pytest.mark.parametrize("true", [None, []])
def test_without_true_boxes_there_is_nothing_to_hold_against(true):
    assert grounding_iou(read(chain((0, 0, 5, 5))), true, of_answer=False) is None


def test_boxes_are_held_against_each_other_in_original_pixels():
    # The model saw 100 x 50 and wrote in that frame; the picture is twice as large.
    row = marked(chain((10, 10, 20, 20)), sample(boxes=[(20, 20, 40, 40)]), resized=(100, 50))
    assert row.grounding_iou == pytest.approx(1.0)
    (box,) = row.boxes
    assert box.raw == (10, 10, 20, 20)
    assert box.pixels == (20, 20, 40, 40)


def test_locate_scores_the_boxes_of_the_answer_and_not_those_of_the_chain():
    text = chain((0, 0, 10, 10), answer="[100, 0, 150, 50]")
    asked = sample("[100, 0, 150, 50]", boxes=[(100, 0, 150, 50)], dataset="locate")
    row = marked(text, asked)
    assert row.grounding_iou == pytest.approx(1.0)
    assert [box.pixels for box in row.boxes] == [(0, 0, 10, 10)]
    assert [box.pixels for box in row.answer_boxes] == [(100, 0, 150, 50)]
    only_thought = chain((100, 0, 150, 50), answer="there")
    assert marked(only_thought, asked).grounding_iou == 0.0


def test_a_users_own_set_can_ask_for_boxes_too():
    extra = {"answer_type": "boxes"}
    asked = sample("x", boxes=[(0, 0, 10, 10)], dataset="mine", extra=extra)
    row = marked(chain(answer="[0, 0, 10, 10]"), asked)
    assert row.asks_for_boxes
    assert row.grounding_iou == pytest.approx(1.0)
    assert not marked(chain(answer="2"), sample("2")).asks_for_boxes


def test_asked_directly_the_whole_completion_is_the_answer():
    row = marked(" two dogs. ", sample("2"), Mode.DIRECT)
    assert row.answer == "two dogs."
    assert row.correct
    assert not row.format_ok


def test_asked_with_the_suffix_a_completion_without_the_tag_has_no_answer():
    row = marked(" two dogs. ", sample("2"), Mode.COT)
    assert row.answer is None
    assert (row.score, row.correct) == (0.0, False)


def test_asked_directly_an_answer_in_its_tag_is_the_answer():
    assert read("I see <answer> 2</answer>", Mode.DIRECT).answer == "2"


def test_asked_directly_to_locate_the_completions_box_is_the_answers():
    asked = sample("[0, 0, 100, 100]", boxes=[(0, 0, 100, 100)], dataset="locate")
    row = marked('{"bbox_2d": [0, 0, 100, 50]}', asked, Mode.DIRECT)
    assert row.grounding_iou == pytest.approx(0.5)
    assert len(row.answer_boxes) == 1
    assert row.boxes == ()


def test_an_empty_completion_is_wrong_and_has_no_answer():
    for mode in Mode:
        row = marked("   ", sample("2"), mode)
        assert (row.answer, row.score, row.correct) == (None, 0.0, False)


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        (chain((1, 1, 5, 5)), True),
        (chain(), True),
        ("<think> a </think> <rethink> b </rethink>", False),
        ("<think> a </think> <answer> 2", False),
        ("<rethink> b </rethink> <think> a </think> <answer> 2", False),
        ("<think> a </think> <rethink> b </rethink> <answer> ", False),
        ("<think> a </think> <rethink> b </rethink> <answer> 2", True),
    ],
)
def test_the_format_is_both_pairs_in_order_and_an_answer(text, keeps):
    assert keeps_format(text, read(text)) is keeps


class FailingJudge:
    name = "failing"

    async def judge(self, requests):
        return [Verdict.unscored("the server is away", judge="failing") for _ in requests]


def test_a_judge_that_failed_leaves_a_row_that_is_unscored_and_not_correct():
    row = marked(chain(answer="2"), sample("2"), judge=FailingJudge())
    assert (row.score, row.correct, row.judge) == (None, False, "failing")


class HalfJudge:
    name = "half"

    async def judge(self, requests):
        return [Verdict(0.5, "partly", "half") for _ in requests]


def test_the_threshold_itself_is_right():
    row = marked(chain(answer="2"), sample("2"), judge=HalfJudge())
    assert (row.score, row.correct) == (0.5, True)


def test_a_row_says_who_was_asked_what_and_under_which_limits():
    row = marked(chain((1, 1, 9, 9)), sample("2", boxes=[(1, 1, 9, 9)]), finish="cut_off")
    assert (row.model, row.mode, row.step) == ("grit", "grounded", 12)
    assert (row.min_pixels, row.max_pixels) == (784, 7056)
    assert (row.task, row.sample_id, row.reference) == ("counting", "s-1", "2")
    assert (row.finish, row.num_tokens) == ("cut_off", 7)
    assert row.prompt == "the prompt"
    assert row.image_size == SIZE
    assert row.true_boxes == ((1, 1, 9, 9),)
