from __future__ import annotations

import json

import pytest

from grit.errors import RunFolderError
from grit.records.changes import recipe_differences, refuse_changed_recipe
from grit.records.folder import RunFolder
from grit.records.jsonl_log import JsonlLog
from grit.records.rows import AlarmRow, EvaluationSummary, EvaluationTable

RECIPE = {"group": {"size": 4}, "optimizer": {"lr": 2e-6, "betas": [0.9, 0.999]}, "name": "demo"}


def tree(path):
    return sorted(entry.relative_to(path).as_posix() for entry in path.rglob("*"))


def a_run(path):
    folder = RunFolder.create(path)
    folder.write_recipe(RECIPE)
    with JsonlLog(folder.alarms, AlarmRow) as log:
        log.append(AlarmRow(step=1, kind="kl", message="far"))
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        for place in (folder.checkpoint(10), folder.best):
            place.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(b"x")
    folder.evaluation("base", "cot").parent.mkdir()
    folder.evaluation("base", "cot").touch()
    folder.write_evaluation_table(EvaluationTable())
    folder.report.touch()
    return folder


def test_a_new_and_an_empty_folder_are_taken(tmp_path):
    assert RunFolder.create(tmp_path / "runs" / "a").holds_run
    (tmp_path / "b").mkdir()
    assert RunFolder.create(tmp_path / "b").holds_run


def test_a_folder_that_holds_a_run_is_refused_without_a_flag(tmp_path):
    a_run(tmp_path / "run")
    before = tree(tmp_path)
    with pytest.raises(RunFolderError, match=r"--resume .* --overwrite"):
        RunFolder.create(tmp_path / "run")
    assert tree(tmp_path) == before


def test_a_folder_that_holds_something_else_is_refused_always(tmp_path):
    (tmp_path / "recipe.yaml").write_text("a cook's", encoding="utf-8")
    for flags in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(RunFolderError, match="no run of grit"):
            RunFolder.create(tmp_path, **flags)
    assert tree(tmp_path) == ["recipe.yaml"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.create(tmp_path / "run", overwrite=True)


def test_both_flags_at_once_are_refused(tmp_path):
    with pytest.raises(RunFolderError, match="contradict"):
        RunFolder.create(tmp_path / "run", resume=True, overwrite=True)


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(RunFolderError, match="no run to resume"):
        RunFolder.create(tmp_path / "run", resume=True)
    assert tree(tmp_path) == []


def test_resuming_keeps_everything_but_half_written_temporaries(tmp_path):
    folder = a_run(tmp_path)
    before = tree(tmp_path)
    (folder.checkpoints / ".step-000020.ab12.tmp").mkdir()
    (folder.path / ".report.html.cd34.tmp").touch()
    RunFolder.create(tmp_path, resume=True)
    assert tree(tmp_path) == before


def test_overwriting_removes_our_files_and_no_other(tmp_path):
    folder = a_run(tmp_path / "run")
    (folder.path / "notes.md").write_text("mine", encoding="utf-8")
    folder.pictures.mkdir()
    (folder.pictures / "annotated.png").touch()
    (folder.pictures / "holiday.tiff").touch()
    RunFolder.create(folder.path, overwrite=True)
    assert tree(folder.path) == ["grit-run.json", "notes.md", "pictures", "pictures/holiday.tiff"]


def test_overwriting_refuses_a_foreign_file_in_a_checkpoint_and_removes_nothing(tmp_path):
    folder = a_run(tmp_path)
    (folder.checkpoint(10) / "thesis.odt").touch()
    before = tree(tmp_path)
    with pytest.raises(RunFolderError, match=r"thesis\.odt"):
        RunFolder.create(tmp_path, overwrite=True)
    assert tree(tmp_path) == before


def test_overwriting_does_not_follow_a_link_out_of_the_folder(tmp_path):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "photo.png").touch()
    folder = RunFolder.create(tmp_path / "run")
    folder.pictures.symlink_to(outside)
    RunFolder.create(folder.path, overwrite=True)
    assert (outside / "photo.png").exists()


def test_opening_what_is_no_run_says_so(tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunFolderError, match="does not exist"):
        RunFolder.open(tmp_path / "nowhere")


def test_the_marker_is_plain_json(tmp_path):
    RunFolder.create(tmp_path)
    mark = json.loads((tmp_path / "grit-run.json").read_text(encoding="utf-8"))
    assert (mark["kind"], mark["layout"]) == ("grit run", 1)


def test_checkpoints_are_found_in_order_of_step(tmp_path):
    folder = RunFolder.create(tmp_path)
    assert folder.latest_checkpoint() is None
    for step in (100, 20, 1_000_000):
        folder.checkpoint(step).mkdir(parents=True)
    (folder.checkpoints / ".step-000900.x.tmp").mkdir()
    (folder.checkpoints / "step-5.txt").touch()
    assert folder.checkpoint_steps() == [20, 100, 1_000_000]
    assert folder.latest_checkpoint() == tmp_path / "checkpoints" / "step-1000000"


def test_evaluations_are_named_after_model_mode_and_step(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.evaluation("base", "cot").name == "base-cot.jsonl"
    assert folder.evaluation("grit", "grounded", 40).name == "grit-grounded-step-000040.jsonl"
    with pytest.raises(RunFolderError, match="cannot name a file"):
        folder.evaluation("../grit", "direct")


def test_an_evaluation_table_comes_back(tmp_path):
    folder = RunFolder.create(tmp_path)
    assert folder.read_evaluation_table().rows == ()
    row = EvaluationSummary(
        model="base", mode="direct", task="relation", n=300, n_judged=300, accuracy=0.75,
        accuracy_interval=(0.7, 0.8),
    )  # fmt: skip
    folder.write_evaluation_table(EvaluationTable(rows=(row,)))
    assert folder.read_evaluation_table().rows == (row,)


def test_a_recipe_comes_back_with_its_order(tmp_path):
    folder = RunFolder.create(tmp_path)
    folder.write_recipe(RECIPE)
    assert folder.read_recipe() == RECIPE
    assert list(folder.read_recipe()) == ["group", "optimizer", "name"]


def test_a_missing_recipe_or_manifest_is_an_error_that_names_it(tmp_path):
    folder = RunFolder.create(tmp_path)
    with pytest.raises(RunFolderError, match=r"recipe\.yaml is missing"):
        folder.read_recipe()
    with pytest.raises(RunFolderError, match=r"manifest\.json is missing"):
        folder.read_manifest()


def test_a_broken_recipe_is_an_error(tmp_path):
    folder = RunFolder.create(tmp_path)
    for text in ("a: [1,", "- 1\n", ""):
        folder.recipe.write_text(text, encoding="utf-8")
        with pytest.raises(RunFolderError, match=r"recipe\.yaml"):
            folder.read_recipe()


def test_differences_are_told_field_by_field():
    new = {"group": {"size": 8}, "optimizer": {"lr": 2e-6, "warmup": 3}, "name": "demo"}
    assert recipe_differences(RECIPE, new) == [
        "group.size: 4 -> 8",
        "optimizer.betas: [0.9, 0.999] -> (not set)",
        "optimizer.warmup: (not set) -> 3",
    ]


def test_a_tuple_and_the_list_that_yaml_makes_of_it_do_not_differ():
    assert recipe_differences({"betas": [0.9, 0.99]}, {"betas": (0.9, 0.99)}) == []


def test_a_field_that_is_newer_than_the_run_is_no_difference_at_its_default():
    old = {"model": {"path": "here"}}
    new = {"model": {"path": "here", "lora": None, "rank": 8}, "judge": {"type": "rules"}}
    defaults = {"model": {"path": "there", "lora": None, "rank": 4}, "judge": {"type": "rules"}}
    assert recipe_differences(old, new, defaults=defaults) == ["model.rank: (not set) -> 8"]


def test_a_group_of_fields_that_only_one_recipe_has_is_told_as_a_whole():
    whole = {"model": {"path": "here", "lora": {"rank": 2, "alpha": 4.0}}}
    none = {"model": {"path": "here", "lora": None}}
    assert recipe_differences(none, whole) == ['model.lora: null -> {"rank": 2, "alpha": 4.0}']
    assert recipe_differences(whole, none) == ['model.lora: {"rank": 2, "alpha": 4.0} -> null']


def test_a_variant_that_changes_its_type_shows_all_its_fields():
    old = {"rollout": {"type": "local", "sequences_at_once": 8}}
    new = {"rollout": {"type": "vllm", "eager": True}}
    assert recipe_differences(old, new) == [
        'rollout.type: "local" -> "vllm"',
        "rollout.sequences_at_once: 8 -> (not set)",
        "rollout.eager: (not set) -> true",
    ]


def test_resuming_with_a_changed_recipe_is_refused_with_the_difference(tmp_path):
    folder = a_run(tmp_path)
    changed = RECIPE | {"group": {"size": 8}, "name": "other"}
    refuse_changed_recipe(folder, RECIPE)
    with pytest.raises(RunFolderError, match=r"group\.size: 4 -> 8; name: "):
        refuse_changed_recipe(folder, changed)
    refuse_changed_recipe(folder, changed, may_differ=("group", "name"))
    with pytest.raises(RunFolderError):
        refuse_changed_recipe(folder, changed, may_differ=("grou", "name"))
