"""Two evaluations sample by sample, against counts by hand, statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from rows_by_hand import row
from statsmodels.stats.contingency_tables import mcnemar

from grit.evaluation.comparing import compare_rows


def evaluation(model, scores, task="counting", **changes):
    return [
        row(n, model=model, score=score, task=task, step=None, **changes)
        for n, score in enumerate(scores)
    ]


def test_counts_differences_and_p_are_those_of_a_table_by_hand():
    # Both right 4, first alone 1, second alone 6, neither 2.
    first = evaluation("base", [1.0] * 4 + [1.0] + [0.0] * 6 + [0.0] * 2)
    second = evaluation("grit", [1.0] * 4 + [0.0] + [1.0] * 6 + [0.0] * 2)
    (found,) = compare_rows(first, second)
    assert (found.first, found.second) == ("base, grounded", "grit, grounded")
    assert (found.n, found.only_first, found.only_second) == (13, 1, 6)
    assert found.accuracy == (pytest.approx(5 / 13), pytest.approx(10 / 13))
    assert found.accuracy_difference == pytest.approx(5 / 13)
    expected = mcnemar([[4, 1], [6, 2]], exact=True).pvalue
    assert found.mcnemar_p == pytest.approx(expected)
    low, high = found.accuracy_interval
    assert low < 5 / 13 < high


def test_unscored_pairs_are_left_out_and_counted():
    first, second = evaluation("a", [1.0, None, 0.0]), evaluation("b", [None, 1.0, 1.0])
    (found,) = compare_rows(first, second)
    assert (found.n, found.n_left_out, found.only_second) == (1, 2, 1)


def test_samples_of_one_alone_are_counted_and_not_compared():
    first = evaluation("a", [1.0, 0.0, 1.0])
    (found,) = compare_rows(first, list(reversed(evaluation("b", [1.0, 1.0]))))
    assert (found.n, found.n_unpaired) == (2, 1)
    assert compare_rows(first, evaluation("b", [1.0], task="other")) == []


def test_overlaps_are_compared_by_paired_bootstrap():
    rng = np.random.default_rng(0)
    ours, theirs = rng.beta(4, 2, 80), rng.beta(5, 2, 80)
    first, second = (
        [row(n, model=name, grounding_iou=float(iou)) for n, iou in enumerate(values)]
        for name, values in (("a", ours), ("b", theirs))
    )
    (found,) = compare_rows(first, second)
    assert found.iou_difference == pytest.approx((theirs - ours).mean())
    expected = scipy.stats.bootstrap(
        (theirs - ours,), np.mean, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert found.iou_interval == pytest.approx((expected.low, expected.high), abs=0.006)
    assert found.n_with_boxes == 80


def test_answers_that_are_boxes_have_an_overlap_and_no_accuracy():
    first, second = (
        evaluation(name, [0.0], asks_for_boxes=True, grounding_iou=iou)
        for name, iou in (("a", 0.25), ("b", 0.75))
    )
    (found,) = compare_rows(first, second)
    assert (found.n, found.accuracy_difference, found.mcnemar_p) == (0, None, None)
    assert found.iou_difference == 0.5


def test_tasks_come_by_themselves_then_the_trained_ones_then_all():
    first, second = (
        [*evaluation(name, [1.0]), *evaluation(name, [0.0], task="relation"),
         *evaluation(name, [1.0, 0.0], task="attribute")]
        for name in "ab"
    )  # fmt: skip
    found = compare_rows(first, second, training_tasks=("relation", "counting"))
    assert [(c.task, c.n) for c in found] == [
        ("counting", 1), ("relation", 1), ("attribute", 2), ("training", 2), ("all", 4),
    ]  # fmt: skip
