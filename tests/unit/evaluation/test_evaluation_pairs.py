"""MME's score and the parts of tasks, by hand."""

from __future__ import annotations

import pytest
from rows_by_hand import row

from grit.evaluation.pairs import pair_score
from grit.evaluation.summary import summarise_rows


def mme(category, pictures):
    """Pictures, each given by the answers to its questions: right or wrong."""
    return [
        row(f"{category}-{n}-{k}", task="mme", score=score, image=f"{category}/{n}.jpg",
            extra={"category": category})
        for n, scores in enumerate(pictures)
        for k, score in enumerate(scores)
    ]  # fmt: skip


def test_a_pair_is_right_as_a_whole():
    found = pair_score(mme("count", [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]))
    assert (found.accuracy, found.accuracy_plus, found.score) == (62.5, 50.0, 112.5)
    assert (found.n_questions, found.n_pictures, found.n_torn) == (8, 4, 0)
    low, high = found.score_interval
    assert 0 <= low < 112.5 < high <= 200


def test_the_best_is_200_and_an_unscored_answer_is_not_right():
    assert pair_score(mme("count", [(1.0, 1.0)] * 3)).score == 200
    assert pair_score(mme("count", [(1.0, None)])).score == 50


def test_categories_are_scored_by_themselves_and_added_up():
    rows = mme("count", [(1.0, 1.0), (1.0, 0.0)]) + mme("position", [(0.0, 1.0)])
    (summary,) = summarise_rows(rows)
    parts = {part.name: part for part in summary.parts}
    assert parts["count"].pairs.score == 75 + 50
    assert parts["position"].pairs.score == 50 + 0
    assert summary.pairs.score == 175
    assert summary.pairs.n_pictures == 3


def test_the_same_picture_name_in_two_categories_is_two_pictures():
    rows = [r.model_copy(update={"image": "1.jpg"}) for c in "ab" for r in mme(c, [(1.0, 1.0)])]
    (summary,) = summarise_rows(rows)
    assert summary.pairs.n_pictures == 2
    assert summary.pairs.score == 400


def test_a_pair_that_was_torn_is_counted_and_said():
    found = pair_score(mme("count", [(1.0, 1.0), (1.0,)]))
    assert (found.accuracy, found.accuracy_plus, found.n_torn) == (100, 100, 1)


def test_rows_may_name_their_pair_and_other_sets_have_none():
    rows = [row(n, task="mine", extra={"pair": "x"}, score=float(n)) for n in range(2)]
    assert pair_score(rows).score == 50
    assert pair_score([row()]) is None


def test_the_built_in_existence_questions_are_paired_by_picture():
    rows = [row(n, task="existence", image=f"{n // 2}.png", score=float(n != 3)) for n in range(4)]
    (summary,) = summarise_rows(rows)
    assert (summary.pairs.score, summary.parts) == (75 + 50, ())


def test_mathvista_is_parted_by_answer_type():
    kinds = {"integer": [1.0, 0.0, 0.0, 1.0], "text": [1.0, None], "float": [0.0]}
    rows = [
        row(f"{kind}-{n}", task="mathvista", score=score, extra={"answer_type": kind})
        for kind, scores in kinds.items()
        for n, score in enumerate(scores)
    ]
    (summary,) = summarise_rows(rows)
    assert [(p.kind, p.name, p.n, p.n_unscored) for p in summary.parts] == [
        ("answer_type", "float", 1, 0), ("answer_type", "integer", 4, 0),
        ("answer_type", "text", 2, 1),
    ]  # fmt: skip
    assert [p.accuracy for p in summary.parts] == [0.0, 0.5, 0.5]
    assert summary.n_unscored == 1
    assert summary.pairs is None


def test_questions_for_boxes_are_no_part_of_an_accuracy():
    rows = [row(0, task="ovd", asks_for_boxes=True, extra={"answer_type": "boxes"})]
    assert summarise_rows(rows)[0].parts == ()


def test_consistency_is_a_share_of_the_chains_that_rules_can_tell_about():
    told = [True, True, False, None, None]
    (summary,) = summarise_rows([row(n, consistent=value) for n, value in enumerate(told)])
    assert summary.consistency == pytest.approx(2 / 3)
    assert summary.n_consistency == 3
