"""Progress away from a terminal: plain lines on stderr, few of them."""

from __future__ import annotations

import pytest

from grit.cli import console


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    console.err.cache_clear()
    return now


def test_results_and_progress_go_their_own_ways(capsys):
    console.out.cache_clear()
    console.err.cache_clear()
    console.out().print("result [1, 2]", markup=False)
    console.err().print("news")
    assert capsys.readouterr() == ("result [1, 2]\n", "news\n")


def test_a_line_says_how_far_and_how_long_is_left(clock, capsys):
    with console.progress("train", 4) as advance:
        clock[0] += 20.0
        advance(note="reward 1.2")
        clock[0] += 1.0
        advance()
        clock[0] += 3599.0
        advance(2)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "train 1/4, 0:00:20, left 0:01:00, reward 1.2",
        "train 4/4, 1:00:20, left 0:00:00",
    ]


def test_a_resumed_piece_of_work_counts_its_own_pace(clock, capsys):
    with console.progress("train", 10, start=8) as advance:
        clock[0] += 30.0
        advance()
    assert capsys.readouterr().err == "train 9/10, 0:00:30, left 0:00:30\n"
