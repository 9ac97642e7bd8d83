from __future__ import annotations

from pathlib import Path

import pytest

from grit.data.sample import Sample
from grit.judges.verdict import JudgeRequest


def request_with(**extra):
    sample = Sample("1", Path("1.jpg"), "How far?", "1.2", "mathvista", extra=extra)
    return JudgeRequest.about(sample, "1.2 cm")


def test_a_request_takes_what_mathvista_says_of_its_answer():
    request = request_with(
        choices=["1.2", "3"], answer_type="float", precision=1.0, unit="cm", pid="7"
    )
    assert request == JudgeRequest(
        "How far?", "1.2", "1.2 cm", "mathvista", ("1.2", "3"), "float", 1, "cm"
    )


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"choices": None, "answer_type": None, "precision": None, "unit": None},
        {"choices": "A or B", "answer_type": 3, "precision": "1", "unit": ["cm"]},
        {"precision": True},
        {"precision": 1.5},
        {"precision": -1},
        {"precision": float("nan")},
        {"precision": 1e300},
    ],
)
def test_extra_keys_of_another_form_say_nothing_of_the_answer(extra):
    assert request_with(**extra) == JudgeRequest("How far?", "1.2", "1.2 cm", "mathvista")
