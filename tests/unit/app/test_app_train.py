"""Runs on the tiny model: stops with checkpoints, resumes to the same bits, refuses in time."""

from __future__ import annotations

import errno
import importlib.util
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_runs import Watching, records, run, small_recipe, weights, write_triplets

import grit.app.judges as app_judges
import grit.app.train as app_train
from grit.app.models import load_source
from grit.config.model import ModelConfig
from grit.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    GritError,
    RewardError,
    RunFolderError,
    TrainingStoppedError,
    UnscoredRateError,
)
from grit.judges.verdict import Verdict
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import AlarmRow, CheckpointRow

VALIDATING = {"validate_every": 2, "keep_best": True, "best_metric": "grounding_iou"}


@pytest.fixture
def triplets(tmp_path):
    return write_triplets(tmp_path / "data")


@pytest.fixture
def recipe_for(tiny_folder, triplets, tmp_path):
    def make(name="run", **parts):
        return small_recipe(tiny_folder, triplets, tmp_path / name, **parts)

    return make


def same_tensors(one, two):
    assert one.keys() == two.keys()
    different = [name for name in one if not torch.equal(one[name], two[name])]
    assert not different, different[:5]


class Killed(BaseException):
    """What a power cut looks like from inside."""


class KilledAfter(Watching):
    """Dies when a step has been kept."""

    def __init__(self, step):
        super().__init__()
        self._last = step

    def stepped(self, row):
        super().stepped(row)
        if row.step == self._last:
            raise Killed


def test_a_run_keeps_every_step_and_the_last_checkpoint(recipe_for, tmp_path):
    listener = run(recipe_for())
    assert listener.begun == (1, 4)
    assert listener.steps == [1, 2, 3, 4]
    folder = RunFolder(tmp_path / "run")
    kept = records(tmp_path / "run")
    assert [row.step for row in kept["steps"]] == [1, 2, 3, 4]
    assert all(row.grad_norm > 0 for row in kept["steps"])
    assert len(kept["completions"]) == 4 * 2 * 2
    assert set(kept["completions"][0].components) == {"format", "count", "answer", "variety"}
    assert folder.checkpoint_steps() == [4]
    written = read_rows(folder.checkpoint_log, CheckpointRow).rows
    assert [(row.step, row.reason) for row in written] == [(2, "regular"), (4, "finished")]
    assert folder.read_manifest().training_tasks == ("mine",)
    loaded = load_source(str(tmp_path / "run"), ModelConfig(device="cpu"))
    model, step = loaded.model, loaded.step
    assert step == 4
    assert model.limits == load_source(recipe_for().model.path, ModelConfig()).model.limits


@pytest.mark.parametrize("dies_after", [1, 3])
def test_a_run_that_died_and_went_on_has_the_same_bits_as_one_that_did_not(
    recipe_for, triplets, tmp_path, dies_after
):
    data = {"validation": str(triplets)}
    unbroken = recipe_for("unbroken", training=VALIDATING, data=data)
    broken = recipe_for("broken", training=VALIDATING, data=data)
    run(unbroken)
    with pytest.raises(Killed):
        app_train.train(broken, KilledAfter(dies_after))
    listener = run(broken, resume=True)
    # After step 1 there is no checkpoint yet, and everything is done again.
    assert listener.steps == ([1, 2, 3, 4] if dies_after == 1 else [3, 4])
    assert records(tmp_path / "broken") == records(tmp_path / "unbroken")
    same_tensors(weights(tmp_path / "broken"), weights(tmp_path / "unbroken"))
    best = [load_file(tmp_path / name / "best" / "model" / "model.safetensors")
            for name in ("broken", "unbroken") if (tmp_path / name / "best").exists()]  # fmt: skip
    assert len(best) in (0, 2)
    if best:
        same_tensors(*best)


def test_resuming_a_finished_run_changes_nothing(recipe_for, tmp_path):
    run(recipe_for())
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert run(recipe_for(), resume=True).steps == []
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_the_last_n_checkpoints_stay(recipe_for, tmp_path):
    run(recipe_for(training={"checkpoint_every": 1, "keep_last": 2}))
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [3, 4]


class FailingJudge:
    name = "failing"

    async def judge(self, requests):
        return [Verdict.unscored("the server is away", judge="failing") for _ in requests]


@pytest.mark.usefixtures("every_completion_answers")
def test_a_judge_that_is_away_stops_the_run_with_a_checkpoint_and_a_record(
    recipe_for, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(app_judges, "RulesJudge", FailingJudge)
        with pytest.raises(UnscoredRateError, match="100%"):
            run(recipe_for())
    folder = RunFolder(tmp_path / "run")
    assert folder.checkpoint_steps() == [0]
    (alarm,) = read_rows(folder.alarms, AlarmRow).rows
    assert (alarm.step, alarm.kind) == (1, "stopped")
    assert "max_unscored_rate" in alarm.message
    # The judge is back: the run goes on as if it had never been away.
    assert run(recipe_for(), resume=True).steps == [1, 2, 3, 4]
    run(recipe_for("unbroken"))
    assert records(tmp_path / "run") == records(tmp_path / "unbroken")
    same_tensors(weights(tmp_path / "run"), weights(tmp_path / "unbroken"))


def test_weights_that_are_not_finite_stop_the_run_with_a_checkpoint(
    tiny_folder, triplets, tmp_path
):
    spoilt = tmp_path / "spoilt"
    shutil.copytree(tiny_folder, spoilt)
    tensors = load_file(spoilt / "model.safetensors")
    tensors["model.language_model.norm.weight" if "model.language_model.norm.weight" in tensors
            else "model.norm.weight"][0] = float("nan")  # fmt: skip
    save_file(tensors, spoilt / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingStoppedError, match="nan"):
        run(small_recipe(spoilt, triplets, tmp_path / "run"))
    folder = RunFolder(tmp_path / "run")
    assert folder.checkpoint_steps() == [0]
    (row,) = read_rows(folder.checkpoint_log, CheckpointRow).rows
    assert row.reason == "alarm"
    assert [alarm.kind for alarm in read_rows(folder.alarms, AlarmRow).rows] == ["stopped"]


def test_a_full_disk_leaves_the_older_checkpoint_and_the_run_goes_on_from_it(
    recipe_for, tmp_path, monkeypatch
):
    import grit.training.checkpoint as checkpoint

    plain = checkpoint.save_file

    def full_after_step_2(tensors, path, **settings):
        if "step-000004" in str(path):
            path.write_bytes(b"half of")
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(tensors, path, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full_after_step_2)
        with pytest.raises(CheckpointError, match=r"step-000004.*No space left"):
            run(recipe_for())
    folder = RunFolder(tmp_path / "run")
    assert folder.checkpoint_steps() == [2]
    assert [path.name for path in folder.checkpoints.iterdir()] == ["step-000002"]
    assert run(recipe_for(), resume=True).steps == [3, 4]
    run(recipe_for("unbroken"))
    same_tensors(weights(tmp_path / "run"), weights(tmp_path / "unbroken"))


def lora_recipe(recipe_for, name="run", **parts):
    return recipe_for(name, model={"lora": {"rank": 2}}, optimizer={"lr": 1e-2}, **parts)


def test_a_lora_run_moves_the_adapter_alone_and_its_checkpoint_is_small(
    tiny_folder, recipe_for, tmp_path
):
    run(lora_recipe(recipe_for))
    tensors = weights(tmp_path / "run")
    names = {name for name in tensors if name.startswith("model/")}
    assert names
    assert all("lora_A" in name or "lora_B" in name for name in names)
    # B starts at zero: what is not zero has been learned.
    assert any(tensors[n].abs().max() > 1e-4 for n in names if "lora_B" in n)
    loaded = load_source(str(tmp_path / "run"), ModelConfig(device="cpu"))
    trained, step = loaded.model, loaded.step
    assert step == 4
    untouched = load_source(str(tiny_folder), ModelConfig(device="cpu")).model.network
    base = dict(untouched.named_parameters())
    found = {
        name.replace(".base_layer", ""): weight
        for name, weight in trained.network.named_parameters()
        if "lora_" not in name
    }
    assert base.keys() == found.keys()
    assert all(torch.equal(base[name], weight) for name, weight in found.items())


def test_a_lora_run_resumes_to_the_same_bits_and_its_seed_decides_where_it_starts(
    recipe_for, tmp_path
):
    run(lora_recipe(recipe_for, "unbroken"))
    torch.manual_seed(99)  # the state of the process must not matter
    with pytest.raises(Killed):
        app_train.train(lora_recipe(recipe_for, "broken"), KilledAfter(3))
    run(lora_recipe(recipe_for, "broken"), resume=True)
    same_tensors(weights(tmp_path / "broken"), weights(tmp_path / "unbroken"))
    run(lora_recipe(recipe_for, "other", training={"seed": 5}))
    one, other = weights(tmp_path / "unbroken"), weights(tmp_path / "other")
    first = next(name for name in one if "lora_A" in name and name.startswith("model/"))
    assert (one[first] - other[first]).abs().max() > 0.01


def test_16_bit_weights_have_masters_in_the_checkpoint_and_resume_to_the_same_bits(
    recipe_for, tmp_path
):
    model = {"dtype": "bfloat16"}
    run(recipe_for("unbroken", model=model))
    with pytest.raises(Killed):
        app_train.train(recipe_for("broken", model=model), KilledAfter(3))
    run(recipe_for("broken", model=model), resume=True)
    found = weights(tmp_path / "broken")
    same_tensors(found, weights(tmp_path / "unbroken"))
    masters = [t.dtype for name, t in found.items() if ":master:" in name]
    assert masters
    assert set(masters) == {torch.float32}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"group": {"size": 3}}, "group.size: 2 -> 3"),
        ({"optimizer": {"lr": 0.5}}, "optimizer.lr: 0.001 -> 0.5"),
        (
            {"model": {"lora": {"rank": 2}}},
            'model.lora: null -> {"rank": 2, "alpha": 32.0, "targets": null}',
        ),
        ({"model": {"freeze_vision": True}}, "model.freeze_vision: false -> true"),
    ],
)
def test_resuming_by_another_recipe_says_what_differs(recipe_for, tmp_path, change, said):
    run(recipe_for(training={"steps": 2}))
    with pytest.raises(RunFolderError) as refused:
        run(recipe_for(training={"steps": 2}, **change), resume=True)
    assert said in str(refused.value)
    assert "another recipe" in str(refused.value)


def test_what_changes_no_result_may_differ(recipe_for, tmp_path):
    run(recipe_for(training={"steps": 2}))
    run(recipe_for(training={"steps": 2, "keep_last": 3}, evaluation={"limit": 5}), resume=True)


def test_a_folder_that_holds_a_run_is_refused_and_overwriting_replaces_it(recipe_for, tmp_path):
    short = {"steps": 1}
    run(recipe_for(training=short))
    first = records(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"--resume .* --overwrite"):
        run(recipe_for(training=short))
    run(recipe_for(training={**short, "seed": 3}), overwrite=True)
    assert records(tmp_path / "run")["completions"] != first["completions"]


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"data": {"validation": "nowhere.jsonl"}, "training": {"validate_every": 1}}, DataError),
        ({"data": {"train": "nowhere.jsonl"}}, DataError),
        ({"data": {"train": "builtin:val"}}, ConfigError),
        ({"tracking": {"tracker": "trackio"}}, ConfigError),
        ({"rewards": {"custom": [{"function": "small_runs:missing"}]}}, RewardError),
        ({"rewards": {"weights": {"beauty": 1.0}}}, ConfigError),
        ({"model": {"path": "no-such-folder"}}, GritError),
    ],
)
def test_what_is_wrong_is_said_before_the_old_run_is_removed(
    recipe_for, tmp_path, monkeypatch, part, error
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "trackio" else find(name)
    )
    run(recipe_for(training={"steps": 1}))
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    training = {"steps": 1, **part.get("training", {})}
    with pytest.raises(error):
        run(recipe_for(**{**part, "training": training}), overwrite=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_a_users_own_reward_that_pays_nothing_readable_stops_the_run_with_a_checkpoint(
    recipe_for, tmp_path, monkeypatch
):
    import small_runs

    spoilt = recipe_for(
        rewards={"custom": [{"function": "small_runs:variety"}]}, training={"checkpoint_every": 99}
    )
    plain, asked = small_runs.variety, []

    def forgetful_in_step_3(row):
        asked.append(row)
        return plain(row) if len(asked) <= 8 else None

    with monkeypatch.context() as patch:
        patch.setattr(small_runs, "variety", forgetful_in_step_3)
        with pytest.raises(RewardError, match=r"forgetful_in_step_3 on sample .*None|None"):
            run(spoilt)
    folder = RunFolder(tmp_path / "run")
    assert folder.checkpoint_steps() == [2]
    assert [alarm.kind for alarm in records(tmp_path / "run")["alarms"]][-1] == "stopped"
    assert run(spoilt, resume=True).steps == [3, 4]
    run(recipe_for("unbroken", training={"checkpoint_every": 99}))
    same_tensors(weights(tmp_path / "run"), weights(tmp_path / "unbroken"))


def test_a_weight_of_zero_only_logs_a_reward(recipe_for, tmp_path):
    run(recipe_for(rewards={"weights": {"variety": 0.0}}, training={"steps": 1}))
    rows = records(tmp_path / "run")["completions"]
    assert all(row.components["variety"].weight == 0.0 for row in rows)
    assert all(row.components["variety"].value > 0.0 for row in rows)
    assert all(row.reward == 0.0 for row in rows)


def test_alarms_sound_once_and_are_kept(recipe_for, tmp_path):
    # Random text never ends by itself: all completions are cut off, in every step.
    listener = run(recipe_for(rollout={"max_new_tokens": 2}))
    kept = records(tmp_path / "run")["alarms"]
    assert len([alarm for alarm in kept if alarm.kind == "cut_off"]) == 1
    assert sum("length limit" in message for message in listener.messages) == 1


def test_validations_keep_the_best_weights_by_the_metric_that_is_asked_for(
    recipe_for, triplets, tmp_path, monkeypatch
):
    import grit.app.validation as validation

    values = iter([0.1, 0.3, 0.2])
    plain = validation.summarise_rows

    def pretend(rows, **settings):
        worth = next(values)
        return [s.model_copy(update={"grounding_iou": worth}) for s in plain(rows, **settings)]

    monkeypatch.setattr(validation, "summarise_rows", pretend)
    run(recipe_for(training=VALIDATING, data={"validation": str(triplets)}))
    rows = records(tmp_path / "run")["validation"]
    assert [(row.step, row.n, row.best) for row in rows] == [
        (0, 3, True), (2, 3, True), (4, 3, False),
    ]  # fmt: skip
    assert load_source(str(tmp_path / "run"), ModelConfig(device="cpu")).step == 2
    written = read_rows(RunFolder(tmp_path / "run").checkpoint_log, CheckpointRow).rows
    assert [(row.step, row.path, row.reason) for row in written] == [
        (2, "best", "best"), (2, "checkpoints/step-000002", "regular"),
        (4, "checkpoints/step-000004", "finished"),
    ]  # fmt: skip


def test_tensorboard_gets_the_curves(recipe_for, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(recipe_for(tracking={"tracker": "tensorboard"}, training={"steps": 2}))
    curves = EventAccumulator(str(tmp_path / "run" / "tracker" / "grit"))
    curves.Reload()
    steps = records(tmp_path / "run")["steps"]
    found = {event.step: event.value for event in curves.Scalars("reward/total")}
    assert found == pytest.approx({row.step: row.reward_mean for row in steps})


def test_off_the_main_thread_signals_are_left_alone(recipe_for):
    made = []
    worker = threading.Thread(target=lambda: made.append(run(recipe_for(training={"steps": 1}))))
    worker.start()
    worker.join()
    assert made[0].steps == [1]
