"""Cross-modal correlation: perfect and shuffled chains, and how figures are added up."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import mean, stdev

import pytest
from worlds import true_chains

from grit.analysis.chains import read_chains, shuffled_chains
from grit.analysis.correlation import (
    Choice,
    MarkedPicture,
    correlate,
    correlation_figures,
    fitting,
)
from grit.analysis.scene_judge import SceneJudge
from grit.data.sample import Sample
from grit.errors import DataError, RewardError


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    return true_chains(tmp_path_factory.mktemp("scenes"), num_per_task=40)


def rates(chains, judge=None, **settings):
    rows = [row for part in correlate(chains, judge or SceneJudge(), **settings) for row in part]
    return {
        figure.draw: figure
        for figure in correlation_figures([r.model_copy(update={"task": "t"}) for r in rows])
    }


def test_boxes_of_a_perfect_chain_are_always_told_from_random_ones(chains):
    found = rates(chains)
    assert found["matched"].mean > 0.985
    assert found["uniform"].mean > 0.985


def test_boxes_of_another_chain_fit_a_text_no_better_than_random_ones(chains):
    shuffled = shuffled_chains(chains)
    assert all(a.boxes for a in shuffled)
    # 3 repeats of about 100 chains: a standard error of 0.05 at most.
    assert rates(shuffled, draws=("matched",), repeats=5)["matched"].mean == pytest.approx(
        0.5, abs=0.1
    )


class FirstPicture:
    """A judge that always takes the first picture."""

    name = "first"

    def __init__(self):
        self.puzzles = []

    async def choose(self, puzzles):
        self.puzzles += puzzles
        return [Choice(0, "") for _ in puzzles]


def test_a_judge_that_always_takes_the_first_picture_is_right_half_of_the_time(chains):
    judge = FirstPicture()
    found = rates(chains, judge)
    assert found["matched"].mean == pytest.approx(0.5, abs=0.1)
    text = judge.puzzles[0].text
    assert "[box]" in text
    assert not any(str(round(chains[0].boxes[0].x2)) in part for part in text.split("label")[:1])


def test_mean_and_deviation_are_over_the_repeats(chains):
    rows = [row for part in correlate(chains[:5], FirstPicture(), repeats=3) for row in part]
    figure = correlation_figures([r for r in rows if r.draw == "uniform"])[-1]
    by_repeat = [
        mean(row.right for row in rows if row.draw == "uniform" and row.repeat == repeat)
        for repeat in range(3)
    ]
    assert figure.mean == pytest.approx(mean(by_repeat))
    assert figure.deviation == pytest.approx(stdev(by_repeat))
    assert figure.n == 5


def test_the_same_seed_asks_the_same_and_repeats_differ(chains):
    def boxes(seed):
        return [
            row.random_boxes
            for part in correlate(chains[:4], FirstPicture(), repeats=2, seed=seed)
            for row in part
        ]

    assert boxes(0) == boxes(0)
    assert boxes(0) != boxes(1)
    assert len(set(boxes(0))) == len(boxes(0))


def test_chains_without_boxes_and_answers_that_are_boxes_are_counted_and_left_out(chains):
    bare, located = replace(chains[0], boxes=()), replace(chains[1], answers_with_boxes=True)
    kept, left_out = fitting([bare, located, chains[2]])
    assert kept == [chains[2]]
    assert left_out == {"no box in the chain": 1, "the answer is a box": 1}


def test_a_judge_that_failed_is_in_no_rate(chains):
    class Down(FirstPicture):
        async def choose(self, puzzles):
            return [Choice(None, "no connection") for _ in puzzles]

    figure = rates(chains[:3], Down(), repeats=1)["matched"]
    assert (figure.mean, figure.unscored) == (None, 3)


def test_a_judge_with_too_few_choices_is_an_error(chains):
    class Short(FirstPicture):
        async def choose(self, puzzles):
            return []

    with pytest.raises(RewardError, match="0 times for 2"):
        list(correlate(chains[:2], Short()))


def test_a_drawn_puzzle_shows_every_box(chains):
    chain = chains[0]
    picture = MarkedPicture(chain.image, chain.boxes).drawn()
    assert min(picture.size) >= 480


def test_chains_that_people_wrote_come_from_a_file(tmp_path, chains):
    sample = Sample("a", chains[0].image, "?", "2", "counting", image_size=(336, 336))
    file = tmp_path / "human.jsonl"
    text = "<think> the circle [8, 8, 40, 40] and again [8, 8, 40, 40] </think> <answer> 1"
    file.write_text(json.dumps({"id": "a", "text": text}) + "\n")
    (chain,) = read_chains(file, {"a": sample})
    assert [box.as_tuple() for box in chain.boxes] == [(8, 8, 40, 40)]
    assert "8" not in chain.masked_text


def test_a_line_with_an_unknown_id_or_no_text_is_named(tmp_path):
    sample = Sample("a", tmp_path / "a.png", "?", "2", "counting", image_size=(336, 336))
    file = tmp_path / "human.jsonl"
    file.write_text('{"id": "a", "text": "fine"}\n{"id": "b", "text": "x"}\n{"id": "a"}\n')
    with pytest.raises(DataError, match=r"(?s)line 2: the id is no sample's.*line 3: there is no"):
        read_chains(file, {"a": sample})
