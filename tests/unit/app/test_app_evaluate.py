"""Evaluating into a run folder: nothing asked twice, nothing that depends on the batch."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from small_runs import run, small_recipe, write_triplets

import grit.app.evaluate as app_evaluate
from grit.app.evaluate import Asked, evaluate_rows
from grit.app.evaluate_models import evaluate_model
from grit.app.samples import read_source
from grit.config.evaluation import EvaluationConfig
from grit.config.model import ModelConfig
from grit.data.builtin import held_out_samples
from grit.data.scenes.generate import Part
from grit.errors import ConfigError, DataError, GritError, RunFolderError
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import EvaluationRow

SHORT = EvaluationConfig(max_new_tokens=8, batch_size=4)


@contextmanager
def no_bar(title, total):
    yield lambda number: None


@pytest.fixture
def asked_ids(monkeypatch):
    """Which samples the engine was asked, call by call."""
    calls = []

    class Watched(app_evaluate.LocalEngine):
        def roll_out(self, prompts, **settings):
            calls.append([prompt.sample.id for prompt in prompts])
            return super().roll_out(prompts, **settings)

    monkeypatch.setattr(app_evaluate, "LocalEngine", Watched)
    return calls


@pytest.fixture
def samples(tmp_path):
    return held_out_samples(
        Part.TEST, tmp_path / "scenes", num_per_task=5, tasks=["relation", "counting"]
    )


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "evaluated")


def evaluated(folder, model, samples, config=SHORT, **settings):
    asked = Asked(model, "base", Mode.COT)
    limits = {"threshold": 0.5, "max_pixels": 10**8}
    return list(evaluate_rows(folder, asked, samples, config, **limits, **settings).summaries)


def rows_of(folder, model="base", mode="cot", step=None):
    return read_rows(folder.evaluation(model, mode, step), EvaluationRow).rows


def test_what_stands_there_is_not_asked_again(folder, tiny_model, samples, asked_ids):
    few = evaluated(folder, tiny_model, samples[:3])
    assert asked_ids == [[s.id for s in samples[:3]]]
    asked_ids.clear()
    told = []
    all_of_them = evaluated(folder, tiny_model, samples, on_rows=told.append)
    assert asked_ids == [[s.id for s in samples[3:7]], [s.id for s in samples[7:]]]
    assert told == [3, 4, 3]
    assert [s.n for s in few] == [3, 3]
    assert {s.task: s.n for s in all_of_them} == {
        "relation": 5, "counting": 5, "training": 10, "all": 10,
    }  # fmt: skip
    asked_ids.clear()
    assert evaluated(folder, tiny_model, samples) == all_of_them
    assert asked_ids == []


def test_figures_are_of_the_samples_that_are_asked_for_and_no_others(folder, tiny_model, samples):
    evaluated(folder, tiny_model, samples)
    again = evaluated(folder, tiny_model, samples[5:])
    assert {s.task: s.n for s in again} == {"counting": 5, "training": 5}
    assert folder.read_evaluation_table().rows == tuple(again)


@pytest.mark.parametrize("kept", [0, 1, 6, 9])
def test_an_evaluation_that_was_killed_at_any_row_goes_on_behind_its_torn_line(
    folder, tiny_model, samples, asked_ids, kept
):
    whole = evaluated(folder, tiny_model, samples)
    file = folder.evaluation("base", "cot")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:kept]) + lines[kept][:50])
    asked_ids.clear()
    assert evaluated(folder, tiny_model, samples) == whole
    assert [each for call in asked_ids for each in call] == [s.id for s in samples[kept:]]
    assert file.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("batch_size", [2, 64])
def test_completions_do_not_depend_on_the_batch(tmp_path, tiny_model, samples, batch_size):
    texts = []
    for name, size in (("alone", 1), ("batched", batch_size)):
        folder = RunFolder.create(tmp_path / name)
        config = SHORT.model_copy(update={"batch_size": size, "max_new_tokens": 16})
        evaluated(folder, tiny_model, samples, config)
        texts.append([row.text for row in rows_of(folder)])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 1


def test_sampled_completions_do_not_depend_on_the_batch_either(tmp_path, tiny_model, samples):
    texts = []
    for size in (1, 10):
        folder = RunFolder.create(tmp_path / str(size))
        config = EvaluationConfig(max_new_tokens=8, batch_size=size, temperature=1.0)
        evaluated(folder, tiny_model, samples, config)
        texts.append([row.text for row in rows_of(folder)])
    assert texts[0] == texts[1]


def source(model, output=None, **settings):
    defaults = {"bar": no_bar, "data": "builtin:test"}
    config = settings.pop(
        "config", EvaluationConfig(max_new_tokens=4, limit=1, tasks=("counting",))
    )
    (found,) = evaluate_model(
        str(model), ModelConfig(device="cpu"), config, output=output, **{**defaults, **settings}
    )
    return found.path, list(found.summaries)


def test_a_model_from_outside_is_asked_directly_and_called_base(tiny_folder, tmp_path):
    path, summaries = source(tiny_folder, tmp_path / "out")
    assert path == tmp_path / "out" / "evaluations" / "base-direct.jsonl"
    assert [(s.model, s.mode, s.task, s.n) for s in summaries] == [
        ("base", "direct", "counting", 1), ("base", "direct", "training", 1),
    ]  # fmt: skip


def test_a_run_is_asked_as_it_was_taught_and_rows_go_into_its_folder(tiny_folder, tmp_path):
    file = write_triplets(tmp_path / "data")
    run(small_recipe(tiny_folder, file, tmp_path / "run", training={"steps": 1}))
    path, summaries = source(tmp_path / "run", data=str(file), config=SHORT)
    assert path == tmp_path / "run" / "evaluations" / "grit-grounded-step-000001.jsonl"
    assert (summaries[0].model, summaries[0].step, summaries[0].n) == ("grit", 1, 3)
    # The other evaluation is kept beside it in the table.
    source(tmp_path / "run", data=str(file), config=SHORT, modes=("direct",))
    table = RunFolder(tmp_path / "run").read_evaluation_table()
    assert [row.mode for row in table.rows] == ["grounded", "direct"]


def test_rows_that_stand_there_are_kept_unless_a_flag_says_otherwise(
    tiny_folder, tmp_path, asked_ids
):
    source(tiny_folder, tmp_path / "out")
    with pytest.raises(RunFolderError, match=r"--resume .*--overwrite .*--label"):
        source(tiny_folder, tmp_path / "out")
    asked_ids.clear()
    source(tiny_folder, tmp_path / "out", resume=True)
    assert asked_ids == []
    source(tiny_folder, tmp_path / "out", overwrite=True)
    assert len(asked_ids) == 1
    source(tiny_folder, tmp_path / "out", label="mine")
    assert len(rows_of(RunFolder(tmp_path / "out"), "mine", "direct")) == 1


def test_a_fault_in_the_data_is_said_before_old_rows_go(tiny_folder, tmp_path):
    path, _ = source(tiny_folder, tmp_path / "out")
    before = path.read_bytes()
    with pytest.raises(DataError):
        source(tiny_folder, tmp_path / "out", data="nowhere.jsonl", overwrite=True)
    assert path.read_bytes() == before


def test_a_model_from_outside_needs_a_place_for_its_rows(tiny_folder):
    with pytest.raises(ConfigError, match="--output"):
        source(tiny_folder)


def test_a_model_that_cannot_be_loaded_leaves_no_folder_behind(tmp_path):
    with pytest.raises(GritError):
        source("./no-such-model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unknown_tasks_are_named_with_those_that_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"no task beauty; it has relation, counting"):
        read_source("builtin:test", pictures=tmp_path, tasks=["beauty"])
    with pytest.raises(ConfigError, match=r"no task locate; it has relation, counting"):
        read_source("builtin", pictures=tmp_path, tasks=["locate"])


def test_a_limit_is_of_each_set(tmp_path):
    samples = read_source("builtin", pictures=tmp_path, limit=2)
    assert [s.dataset for s in samples] == ["relation"] * 2 + ["counting"] * 2


def test_two_models_do_not_share_a_file_of_rows(folder, tiny_model, samples, tmp_path):
    evaluated(folder, tiny_model, samples[:3])
    assert {len(row.weights) for row in rows_of(folder)} == {16}
    with torch.no_grad():
        next(tiny_model.network.parameters()).add_(1e-3)
    with pytest.raises(RunFolderError, match=r"rows of other weights .*--label.*--overwrite"):
        evaluated(folder, tiny_model, samples)
    assert len(rows_of(folder)) == 3


def test_answers_to_other_questions_of_the_same_ids_are_not_taken_for_these(
    folder, tiny_model, samples, asked_ids
):
    evaluated(folder, tiny_model, samples[:3])
    asked_ids.clear()
    for change in ({"question": "Is it another?"}, {"answer": "another"}):
        changed = [*samples[:2], replace(samples[2], **change)]
        with pytest.raises(RunFolderError, match=r"another question of the id .*another.*--label"):
            evaluated(folder, tiny_model, changed)
    assert asked_ids == []


def test_rows_under_other_pixel_limits_are_not_summed_up_together(folder, tiny_model, samples):
    evaluated(folder, tiny_model, samples[:3])
    file = folder.evaluation("base", "cot")
    rows = [row.model_copy(update={"max_pixels": 999}) for row in rows_of(folder)]
    file.write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    with pytest.raises(RunFolderError, match=r"to 999 pixels.*--max-pixels"):
        evaluated(folder, tiny_model, samples)


def test_a_fault_in_the_data_is_said_before_a_model_is_loaded(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        source("./no-such-model", tmp_path / "out", data="nowhere.jsonl")
    with pytest.raises(ConfigError, match="no task beauty"):
        source("./no-such-model", tmp_path / "out", config=EvaluationConfig(tasks=("beauty",)))
    assert not (tmp_path / "out").exists()


def test_a_run_is_asked_with_the_end_that_it_was_taught(tiny_folder, tmp_path, monkeypatch):
    file = write_triplets(tmp_path / "data")
    ends = {"training": {"steps": 1}, "rollout": {"stop": "</done>"}}
    run(small_recipe(tiny_folder, file, tmp_path / "run", **ends))
    used = []

    class Watched(app_evaluate.LocalEngine):
        def __init__(self, policy, sampling):
            used.append(sampling.stop)
            super().__init__(policy, sampling)

    monkeypatch.setattr(app_evaluate, "LocalEngine", Watched)
    source(tmp_path / "run", data=str(file), config=SHORT)
    source(tmp_path / "run", data=str(file), config=SHORT, modes=("direct",))
    assert used == ["</done>", None]
