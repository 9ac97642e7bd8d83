"""The rules judge against hand labels that were fixed before its rules were written.

``hand_labels.md`` says what the labels go by. The part ``held_back`` was only ever counted.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grit.judges.rules import decide
from grit.judges.verdict import JudgeRequest

LABELS = Path(__file__).with_name("hand_labels.jsonl")
ROWS = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
PARTS = ("seen", "held_back")


def request_of(row):
    return JudgeRequest(
        row["question"],
        row["reference"],
        row["prediction"],
        row["dataset"],
        choices=tuple(row.get("choices", ())),
        answer_type=row.get("answer_type", ""),
        precision=row.get("precision"),
        unit=row.get("unit", ""),
    )


def judged(part):
    rows = [row for row in ROWS if row["part"] == part]
    return [(decide(request_of(row)), row["label"]) for row in rows]


def test_there_are_at_least_300_labels_and_right_and_wrong_are_in_balance():
    assert len(ROWS) >= 300
    assert 0.45 < sum(row["label"] for row in ROWS) / len(ROWS) < 0.55
    assert {row["dataset"] for row in ROWS} == {"mme", "vsr", "gqa", "tallyqa", "mathvista"}


@pytest.mark.parametrize("part", PARTS)
def test_where_the_rules_are_sure_they_agree_with_the_labels(part):
    sure = [verdict.score == label for verdict, label in judged(part) if verdict.sure]
    assert sum(sure) / len(sure) >= 0.99


@pytest.mark.parametrize("part", PARTS)
def test_the_rules_are_sure_of_most_answers(part):
    verdicts = [verdict for verdict, _ in judged(part)]
    assert sum(verdict.sure for verdict in verdicts) / len(verdicts) >= 0.85


@pytest.mark.parametrize("part", PARTS)
def test_what_the_rules_are_not_sure_of_is_wrong_and_says_why(part):
    for verdict, _ in judged(part):
        assert verdict.score in (0.0, 1.0)
        assert verdict.score == 0.0 or verdict.sure
        assert verdict.reason
        assert verdict.judge.startswith("rules:") or verdict.judge == "missing"
