"""Scores in the forms that judges write them in, and none where none was meant."""

from __future__ import annotations

import pytest

from grit.judges.reading import read_score


@pytest.mark.parametrize(
    ("reply", "score", "form"),
    [
        ('{"score": 0.8}', 0.8, "object"),
        ('{"score": "1"}', 1.0, "object"),
        ("{score: 0.8}", 0.8, "embedded"),
        ("The two agree. {score: 1}", 1.0, "embedded"),
        ('```json\n{"score": 0.25, "why": "half"}\n```', 0.25, "fenced"),
        ("Score: 1", 1.0, "phrase"),
        ("**Score:** 0.5/1", 0.5, "phrase"),
        ("The score is 0.7.", 0.7, "phrase"),
        ("0.5/1", 0.5, "bare"),
        ("1", 1.0, "bare"),
        ('<think>score: 0 or score: 1?</think>\n{"score": 0.5}', 0.5, "object"),
        ("They differ. </think> Score: 0", 0.0, "phrase"),
    ],
)
def test_a_score_is_read_in_every_form_that_judges_write(reply, score, form):
    reading = read_score(reply)
    assert (reading.score, reading.form) == (score, form)


@pytest.mark.parametrize(
    "reply",
    ["", "Right.", "Score: 4/5", "Score: 80%", '{"score": 2}', '{"score": 0.', '{"score": 1',
     '{"score": 0, "score": 1}', "score: 0 to 1", '{"points": 1}', "{score: 0} {score: 1}", "1 dog",
     "Score: 1.5", "Score: -1", '{"score": null}', '{"score": 1e999}'],
)  # fmt: skip
def test_no_score_is_read_where_none_was_meant(reply):
    reading = read_score(reply)
    assert reading.score is None
    assert reading.fault
