"""Judging rows again: the same rows as judging at once, and no model."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager

import pytest

import grit.app.evaluate as app_evaluate
from grit.app.evaluate import Asked, evaluate_rows
from grit.app.evaluate_models import labels_of
from grit.app.rescore import rescore_file
from grit.config.evaluation import EvaluationConfig
from grit.config.model import ModelConfig
from grit.data.builtin import held_out_samples
from grit.data.scenes.generate import Part
from grit.errors import ConfigError, RunFolderError
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Verdict
from grit.models.load import load_model
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import EvaluationRow

CONFIG = EvaluationConfig(max_new_tokens=60, batch_size=8)


@contextmanager
def no_bar(title, total):
    yield lambda number: None


class Generous:
    """A judge that finds everything right by half."""

    name = "generous"

    async def judge(self, requests):
        return [Verdict(0.5, "why not", "generous") for _ in requests]


@pytest.fixture(scope="module")
def model():
    return load_model(ModelConfig(path="builtin", device="cpu"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return held_out_samples(
        Part.TEST, tmp_path_factory.mktemp("scenes"), num_per_task=3,
        tasks=["counting", "existence", "locate"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def judged(model, samples, tmp_path_factory):
    folder = RunFolder.create(tmp_path_factory.mktemp("judged") / "run")
    return folder, evaluate_rows(folder, Asked(model, "base", Mode.COT), samples, CONFIG)


@pytest.fixture
def copy(judged, tmp_path):
    folder, _ = judged
    return RunFolder(shutil.copytree(folder.path, tmp_path / "copy"))


def rows_of(folder):
    return read_rows(folder.evaluation("base", "cot"), EvaluationRow).rows


def test_predicting_first_and_judging_later_is_judging_at_once(
    model, samples, judged, tmp_path, monkeypatch
):
    folder = RunFolder.create(tmp_path / "run")
    asked = Asked(model, "base", Mode.COT)
    predicted = evaluate_rows(folder, asked, samples, CONFIG, judge=None)
    assert {(row.score, row.correct, row.judge) for row in predicted.rows} == {(None, False, "")}
    assert not folder.evaluation_table.exists(), "no figures of what was not judged"
    monkeypatch.setattr(app_evaluate, "LocalEngine", None)
    with pytest.raises(RunFolderError, match=r"not judged; .* --rescore"):
        evaluate_rows(folder, asked, samples, CONFIG)
    rescored = rescore_file(predicted.path, bar=no_bar)
    whole, rows = judged[1], rows_of(folder)
    assert rows == list(whole.rows) == list(rescored.rows)
    assert folder.read_evaluation_table() == judged[0].read_evaluation_table()
    assert any(row.boxes for row in rows), "the built-in model draws boxes"


def test_rows_hold_what_was_asked_seen_and_said(judged, model):
    for row in judged[1].rows:
        assert row.question in row.prompt
        assert model.read(row.tokens) == row.text
        assert (row.space, row.resized_size, row.image_size) == ("resized", (84, 84), (336, 336))
        for box in (*row.boxes, *row.answer_boxes):
            # 336 pixels are shown as 84: each number stands for four pixels.
            assert box.pixels == tuple(4 * edge for edge in box.raw)
    assert judged[1].summaries[-1].n == 9


def test_judging_again_changes_nothing_and_leaves_no_copy(copy):
    before = copy.evaluation("base", "cot").read_bytes()
    rescore_file(copy.evaluation("base", "cot"), bar=no_bar)
    assert copy.evaluation("base", "cot").read_bytes() == before
    assert list(copy.evaluations.glob("*superseded*")) == []


def test_another_judge_gives_other_marks_and_the_old_rows_are_kept(copy):
    path = copy.evaluation("base", "cot")
    before = path.read_bytes()
    found = rescore_file(path, bar=no_bar, judge=Generous(), threshold=0.5)
    answered = [row for row in found.rows if row.answer is not None]
    assert answered
    assert all((row.score, row.correct, row.judge) == (0.5, True, "generous") for row in answered)
    assert path.with_name("base-cot.superseded.jsonl").read_bytes() == before
    assert copy.evaluation_files() == [path]
    assert copy.read_evaluation_table().rows == found.summaries
    assert rescore_file(path, bar=no_bar, judge=RulesJudge()).path == path
    assert path.read_bytes() == before


def test_a_file_that_is_torn_empty_or_of_two_models_is_refused(copy, tmp_path):
    path = copy.evaluation("base", "cot")
    lines = path.read_text("utf-8").splitlines(keepends=True)
    file = tmp_path / "rows.jsonl"
    for content, said in (
        ("", "holds no whole row"),
        (lines[0] + lines[1][:40], "torn line; finish it with grit eval --resume"),
        (lines[0] * 2, "1 samples twice"),
        (lines[0] + lines[1].replace('"base"', '"mine"'), "rows of 2 evaluations"),
        (re.sub(r'"tokens":\[[^]]*\]', '"tokens":[]', lines[0]), "older grit"),
    ):
        file.write_text(content, "utf-8")
        with pytest.raises(RunFolderError, match=said):
            rescore_file(file, bar=no_bar)


def test_models_are_told_apart_by_their_labels_or_their_folders():
    assert labels_of(["builtin"]) == [None]
    assert labels_of(["a/one", "a/two"]) == ["one", "two"]
    assert labels_of(["a/one", "a/two"], ["x", "y"]) == ["x", "y"]
    with pytest.raises(ConfigError, match="1 labels for 2 models"):
        labels_of(["a", "b"], ["x"])
    with pytest.raises(ConfigError, match="two models would be called one, one"):
        labels_of(["a/one", "b/one"])
