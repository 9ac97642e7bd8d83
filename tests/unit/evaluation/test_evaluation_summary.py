"""Rows to figures: who is in each denominator, and the intervals against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from grit.evaluation.summary import summarise_rows
from grit.records.rows import BoxRow, EvaluationRow

BOX = BoxRow(
    raw=(0, 0, 5, 5), space="pixels", pixels=(0, 0, 5, 5), start=0, end=12, segment="think"
)


def row(number=0, *, score=1.0, task="counting", **changes):
    fixed = {
        "model": "grit", "mode": "grounded", "step": 3, "task": task,
        "sample_id": f"{task}-{number}", "image": "p.png", "image_size": (100, 100),
        "question": "?", "reference": "2", "prompt": "?", "text": "2", "num_tokens": 3,
        "finish": "finished", "answer": "2", "score": score,
        "correct": score is not None and score >= 0.5, "format_ok": True,
    }  # fmt: skip
    return EvaluationRow(**(fixed | changes))


def figures(rows, **settings):
    return {summary.task: summary for summary in summarise_rows(rows, **settings)}


def test_all_samples_are_in_the_denominator_of_accuracy():
    scores = [1.0, 1.0, 0.0, 0.4, None]
    found = figures([row(n, score=score) for n, score in enumerate(scores)])["counting"]
    assert found.n == 5
    assert found.accuracy == pytest.approx(2 / 5)
    assert found.accuracy_raw == pytest.approx(2.4 / 5)
    assert found.unscored_share == pytest.approx(1 / 5)


def test_an_outage_of_the_judge_cannot_raise_a_figure():
    scored = [row(n, score=float(n % 2)) for n in range(10)]
    lost = [r.model_copy(update={"score": None, "correct": False}) for r in scored[:4]]
    before, after = figures(scored)["counting"], figures(lost + scored[4:])["counting"]
    assert after.accuracy <= before.accuracy
    assert after.accuracy_raw <= before.accuracy_raw


def test_the_interval_of_a_rate_is_wilsons():
    found = figures([row(n, score=float(n < 7), format_ok=n < 3) for n in range(12)])["counting"]
    for hits, ends in ((7, found.accuracy_interval), (3, found.format_interval)):
        expected = scipy.stats.binomtest(hits, 12).proportion_ci(method="wilson")
        assert ends == pytest.approx((expected.low, expected.high))


def test_grounding_leaves_samples_without_true_boxes_out():
    overlaps = [0.9, 0.0, 0.3, None, None]
    rows = [row(n, grounding_iou=iou) for n, iou in enumerate(overlaps)]
    found = figures(rows)["counting"]
    assert found.grounding_iou == pytest.approx(0.4)
    assert found.n_with_boxes == 3
    assert found.n == 5


def test_the_interval_of_grounding_is_near_the_normal_one_of_many_samples():
    overlaps = np.random.default_rng(0).beta(5, 2, 400)
    found = figures([row(n, grounding_iou=float(iou)) for n, iou in enumerate(overlaps)])
    half = 1.96 * overlaps.std(ddof=1) / np.sqrt(400)
    expected = (overlaps.mean() - half, overlaps.mean() + half)
    assert found["counting"].grounding_iou_interval == pytest.approx(expected, abs=0.003)


def test_the_no_box_rate_is_of_samples_that_have_nothing_to_point_at():
    rows = [
        row(0, true_boxes=(), boxes=()),
        row(1, true_boxes=(), boxes=()),
        row(2, true_boxes=(), boxes=(BOX,)),
        row(3, true_boxes=None, boxes=(BOX,)),
        row(4, true_boxes=((0, 0, 5, 5),), boxes=(BOX,), grounding_iou=1.0),
    ]
    found = figures(rows)["counting"]
    assert found.no_box_rate == pytest.approx(2 / 3)
    assert found.n_without_boxes == 3
    assert found.box_rate == pytest.approx(3 / 5)


def test_a_box_that_encloses_nothing_is_no_box():
    inverted = BOX.model_copy(update={"pixels": (9, 9, 2, 2), "raw": (9, 9, 2, 2)})
    found = figures([row(0, true_boxes=(), boxes=(inverted,))])["counting"]
    assert (found.no_box_rate, found.box_rate) == (1.0, 0.0)


def test_questions_whose_answers_are_boxes_have_an_overlap_and_no_accuracy():
    rows = [
        row(n, task="mine", asks_for_boxes=True, grounding_iou=0.5, score=0.0) for n in range(4)
    ]
    found = figures(rows)["mine"]
    assert (found.accuracy, found.accuracy_interval, found.accuracy_raw) == (None, None, None)
    assert found.grounding_iou == pytest.approx(0.5)
    assert found.format_rate == 1.0


def test_tasks_come_in_order_then_the_trained_ones_together_then_all():
    rows = [row(n, task="counting", score=1.0) for n in range(3)]
    rows += [row(n, task="attribute", score=0.0) for n in range(5)]
    rows += [row(n, task="relation", score=0.0) for n in range(1)]
    found = summarise_rows(rows, training_tasks=("relation", "counting"))
    assert [s.task for s in found] == ["counting", "attribute", "relation", "training", "all"]
    assert [s.n for s in found] == [3, 5, 1, 4, 9]
    assert found[3].accuracy == pytest.approx(3 / 4)
    assert found[4].accuracy == pytest.approx(3 / 9)


def test_one_task_alone_is_not_said_twice():
    assert list(figures([row()])) == ["counting"]
    assert figures([row()], training_tasks=("relation",)).keys() == {"counting"}


def test_cut_off_and_format_are_shares_of_all_samples():
    rows = [row(n, finish="cut_off" if n < 1 else "finished", format_ok=n > 1) for n in range(4)]
    found = figures(rows)["counting"]
    assert found.cut_off_share == pytest.approx(1 / 4)
    assert found.format_rate == pytest.approx(2 / 4)


def test_a_summary_is_of_one_model_mode_and_step():
    found = figures([row()])["counting"]
    assert (found.model, found.mode, found.step) == ("grit", "grounded", 3)
