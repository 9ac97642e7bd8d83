"""Agreement of a judge with labels and with another judge, against statsmodels and hand counts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from grit.app.calibrate import calibrate, read_labelled_rows
from grit.errors import DataError, RewardError
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Verdict

ROWS = [
    # right and labelled so, wrong and labelled so, not sure, a label that the rules do not share
    {"question": "How many?", "reference": "3", "prediction": "three", "label": 1},
    {"question": "How many?", "reference": "3", "prediction": "4", "label": 0, "dataset": "a"},
    {"question": "What?", "reference": "couch", "prediction": "sofa", "label": 1, "dataset": "a"},
    {"question": "Is it?", "reference": "yes", "prediction": "Yes.", "label": 0, "dataset": "b"},
    {"question": "Is it?", "reference": "yes", "prediction": None, "label": False},
]


class Loud:
    """A judge that gives the scores it was made with; None is an outage."""

    name = "loud"

    def __init__(self, *scores):
        self.scores = list(scores)

    async def judge(self, requests):
        given, self.scores = self.scores[: len(requests)], self.scores[len(requests) :]
        return [
            Verdict.unscored("down", judge="loud") if s is None else Verdict(s, "so", "loud")
            for s in given
        ]


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_agreement_counts_as_a_hand_does(labelled):
    found = calibrate(read_labelled_rows(labelled), RulesJudge())
    assert found.overall.confusion == ((2, 1), (1, 1))
    assert (found.overall.num_agreed, found.overall.num_rows) == (3, 5)
    assert (found.sure.num_agreed, found.sure.num_rows) == (3, 4)
    assert {name: one.num_rows for name, one in found.by_dataset.items()} == {"": 2, "a": 2, "b": 1}
    assert [(each.line, each.sure) for each in found.differences] == [(3, False), (4, True)]
    assert all(each.reason for each in found.differences)


def test_accuracy_and_kappa_are_those_of_statsmodels(labelled):
    found = calibrate(read_labelled_rows(labelled), RulesJudge()).overall
    table = np.array(found.confusion)
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(cohens_kappa(table).kappa)
    low, high = proportion_confint(found.num_agreed, found.num_rows, method="wilson")
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


def test_two_judges_are_held_against_each_other_without_labels(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"question": "q", "reference": "3", "prediction": "3"}\n'
        '{"question": "q", "reference": "3", "prediction": "4"}\n'
    )
    rows = read_labelled_rows(path, needs_label=False)
    found = calibrate(rows, Loud(0.4, 0.2), other=RulesJudge(), threshold=0.5)
    assert (found.judge, found.against) == ("loud", "rules")
    assert found.overall.confusion == ((1, 1), (0, 0))
    assert calibrate(rows, Loud(0.4, 0.2), other=RulesJudge(), threshold=0.3).overall.accuracy == 1


def test_an_outage_is_counted_and_is_no_wrong_answer(labelled):
    found = calibrate(read_labelled_rows(labelled), Loud(1.0, None, 1.0, None, 0.0))
    assert found.num_unscored == 2
    assert (found.overall.num_rows, found.overall.num_agreed) == (3, 3)


def test_a_judge_that_gives_too_few_verdicts_is_refused(labelled):
    with pytest.raises(RewardError, match="gave 1 verdicts for 5"):
        calibrate(read_labelled_rows(labelled), Loud(1.0))


def test_rows_of_an_evaluation_are_read_by_their_own_names(tmp_path):
    path = tmp_path / "eval.jsonl"
    row = {"question": "q", "reference": "3", "answer": "three", "score": 1.0, "task": "counting"}
    path.write_text(json.dumps(row) + "\n")
    (read,) = read_labelled_rows(path)
    assert (read.request.prediction, read.request.dataset, read.label) == ("three", "counting", 1)


def test_what_mathvista_says_of_an_answer_reaches_the_judge(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {"question": "q", "reference": "1.2", "prediction": "1.22", "label": 1}
    shape = {"answer_type": "float", "precision": 1, "choices": ["1.2", "3"], "unit": "cm"}
    path.write_text(json.dumps(row | shape) + "\n")
    (read,) = read_labelled_rows(path)
    assert (read.request.answer_type, read.request.precision) == ("float", 1)
    assert (read.request.choices, read.request.unit) == (("1.2", "3"), "cm")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"question": "q", "reference": "3", "prediction": "3"}', "no label"),
        ('{"question": "q", "reference": "3", "prediction": "3", "label": 2}', "from 0 to 1"),
        ('{"question": "q", "reference": "3", "prediction": "3", "label": "yes"}', "from 0 to 1"),
        (
            '{"question": "q", "reference": 3, "prediction": "3", "label": 1}',
            "reference is no text",
        ),
        ('{"question": "q", "prediction": "3", "label": 1}', "'reference' is missing"),
        ('{"question": "q", "reference": "3", "label": 1}', "'prediction' is missing"),
        ("[1]", "not an object"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path, row, says):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "q", "reference": "3", "prediction": "3", "label": 1}\n' + row)
    with pytest.raises(DataError, match=says) as error:
        read_labelled_rows(path)
    assert "line 2" in str(error.value)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n")
    with pytest.raises(DataError, match="holds no rows"):
        read_labelled_rows(path)
