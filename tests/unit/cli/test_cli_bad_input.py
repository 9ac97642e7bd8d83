"""Bad input on the command line: not zero, one paragraph, and in it file, value and fix."""

from __future__ import annotations

import errno
import json
import shutil

import pytest

from grit.cli.main import main
from tiny_qwen import painted

SIZE = (84, 56)
GOOD = {"question": "How many?", "answer": "2", "image": "good.png", "dataset": "mine"}


@pytest.fixture
def data(tmp_path):
    """Writes a file of rows beside some pictures, good and bad."""
    painted(SIZE).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture at all", encoding="utf-8")

    def write(*rows):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / "mine.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / "mine.jsonl"

    return write


@pytest.fixture
def said(capsys):
    """Runs a command that must fail, and gives what it said."""

    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert code not in (0, None)
        assert captured.out == ""
        assert "Traceback" not in captured.err
        _, *complaints = captured.err.split("grit: ")
        assert len(complaints) == 1
        assert "\n\n" not in complaints[0].strip()
        return complaints[0]

    return run


@pytest.fixture
def train(said, tiny_folder, tmp_path):
    def run(file, *flags):
        short = ["--training.steps", "1", "--rollout.max-new-tokens", "4", "--group.size", "2"]
        small = ["--group.prompts-per-step", "1", "--output", tmp_path / "run"]
        model = ["--model.path", tiny_folder, "--model.device", "cpu"]
        return said("train", "--data.train", file, *model, *short, *small, *flags)

    return run


def row(**changes):
    return {**GOOD, **changes}


ROWS = {
    "missing picture": (row(image="nowhere.png"), "nowhere.png", "--images"),
    "malformed JSON": ('{"question": "How many?", ', "malformed JSON", "one JSON object a line"),
    "missing key": ({"question": "?", "image": "good.png"}, "answer", ""),
    "box outside": (row(width=84, height=56, bboxs=[[10, 10, 90, 50]]), "[10, 10, 90, 50]", ""),
    "box inverted": (
        row(width=84, height=56, bboxs=[[50, 10, 20, 40]]), "[50, 10, 20, 40]", "x + width",
    ),
    "other frame": (
        row(width=84, height=56, bboxs=[[0.1, 0.1, 0.5, 0.9]]), "0–1 frame", "multiply",
    ),
    "several pictures": (row(image=["good.png", "good.png"]), "good.png", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_is_named_with_file_line_value_and_fix(name, data, train, tmp_path):
    bad, value, fix = ROWS[name]
    complaint = train(data(GOOD, bad))
    assert "mine.jsonl, line 2" in complaint
    assert value in complaint
    assert fix in complaint
    assert not (tmp_path / "run").exists(), "nothing may be left of a run that never began"


def test_duplicate_ids_name_both_lines(data, train):
    complaint = train(data(row(id="same"), row(id="other"), row(id="same")))
    assert "line 3" in complaint
    assert "line 1" in complaint
    assert "same" in complaint


@pytest.mark.parametrize("name", ["truncated.png", "text.png"])
def test_a_broken_picture_is_named_with_its_sample_and_a_fix(name, data, train, tmp_path):
    complaint = train(data(row(image=name)))
    assert str(tmp_path / name) in complaint
    assert "mine" in complaint
    assert "; " in complaint
    assert not (tmp_path / "run").exists()


def test_a_picture_that_is_too_large_is_refused_with_its_limit(data, train):
    complaint = train(data(GOOD), "--data.picture-pixel-limit", "1000")
    assert "good.png" in complaint
    assert "1000" in complaint


def test_a_box_outside_a_picture_whose_size_no_row_states_is_found_too(data, train):
    complaint = train(data(row(bboxs=[[10, 10, 900, 50]])))
    assert "[10, 10, 900, 50]" in complaint
    assert "84×56" in complaint


def test_boxes_of_a_resized_copy_are_refused(data, train):
    complaint = train(data(row(width=42, height=28, bboxs=[[10, 10, 20, 20]])))
    assert "84×56" in complaint
    assert "42×28" in complaint
    assert "grit data check" in complaint


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_data_is_no_data(content, data, train, tmp_path):
    (tmp_path / "mine.jsonl").write_text(content, encoding="utf-8")
    assert "mine.jsonl holds no rows" in train(tmp_path / "mine.jsonl")


def test_a_file_that_is_not_there_is_named(train):
    assert "nowhere.jsonl" in train("nowhere.jsonl")


@pytest.mark.parametrize(
    ("yaml", "line", "value", "fix"),
    [
        ("group:\n  sise: 4\n", 2, "group.sise", "group.size"),
        ("group:\n  size: many\n", 2, "many", "whole number"),
        ("group: {size: 1}\n", 1, "1", "at least 2"),
        ("optimizer:\n  lr: -1\n", 2, "-1", "above 0"),
        (
            "training:\n  steps: 4\noptimizer:\n  warmup_steps: 9\n", 2, "9", "lower",
        ),
        ("loss:\n  aggregation: constant\n", 2, "constant", "constant_length"),
        ("training:\n  keep_best: true\n", 2, "keep_best", "validate_every"),
        ("training:\n  validate_every: 5\n", 2, "validate_every 5", "data.validation"),
        ("model:\n  dtype: float16\n", 2, "float16", "bfloat16"),
        ("rewards:\n  custom:\n    - function: nothing\n", 2, "nothing", "my_rewards:"),
        ("group: [1, 2\n", 2, "YAML", "indentation"),
    ],
)  # fmt: skip
def test_a_bad_recipe_is_named_with_file_line_value_and_fix(said, tmp_path, yaml, line, value, fix):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml, encoding="utf-8")
    complaint = said("train", file, "--output", tmp_path / "run")
    assert str(file) in complaint
    assert f"line {line}" in complaint
    assert value in complaint
    assert fix in complaint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "value"),
    [
        (["--group.sise", "4"], "--group.sise"),
        (["--group.size", "many"], "many"),
        (["--model.path", "./nowhere"], "nowhere"),
        (["--rewards.weights", "beauty", "1"], "beauty"),
        (["--data.train", "builtin:test"], "builtin:test"),
        (["--resume", "--overwrite"], "--resume"),
        (["--resume"], "no run to resume"),
    ],
)
def test_a_bad_flag_is_named_with_its_value(said, tmp_path, flags, value):
    assert value in said("train", *flags, "--output", tmp_path / "run")


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("tokenizer.json", "tokenizer"),
        ("model.safetensors", "weights"),
        ("config.json", "configuration"),
        ("preprocessor_config.json", "image processor"),
        ("chat_template.jinja", "chat template"),
    ],
)
def test_a_model_folder_without_a_part_names_it(said, tiny_folder, tmp_path, gone, what):
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / gone).unlink()
    for command in (
        ["train", "--model.path", folder, "--output", tmp_path / "run"],
        ["ask", tmp_path / "photo.png", "How many?", "--model", folder],
        ["eval", folder, "--output", tmp_path / "out"],
    ):
        painted(SIZE).save(tmp_path / "photo.png")
        complaint = said(*command)
        assert str(folder) in complaint
        assert what in complaint
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone_with_overwrite_too(said, data, train, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work", encoding="utf-8")
    for flags in ([], ["--overwrite"]):
        assert "no run of grit" in train(data(GOOD), *flags)
    assert (tmp_path / "run" / "thesis.tex").read_text(encoding="utf-8") == "years of work"


def test_a_full_disk_says_that_older_checkpoints_survive(data, train, monkeypatch):
    import grit.training.checkpoint as checkpoint

    def full(tensors, path, **settings):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    complaint = train(data(GOOD, row(question="And now?")))
    assert "step-000001" in complaint
    assert "No space left on device" in complaint
    assert "--resume" in complaint


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["eval", "builtin", "--limit", "0"], "--limit is 0"),
        (["eval", "builtin", "--batch-size", "-1"], "--batch-size is -1"),
        (["eval", "builtin", "--temperature", "-0.5"], "--temperature is -0.5"),
        (["eval", "builtin", "--min-pixels", "900", "--max-pixels", "100"], "900 is above"),
        (["eval", "builtin", "--tasks", "beauty"], "no task beauty"),
        (["eval", "builtin", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["eval", "builtin", "--label", "a/b"], "a/b"),
    ],
)
def test_a_bad_flag_of_eval_is_named(said, tmp_path, words, value):
    assert value in said(*words, "--output", tmp_path / "out")


def test_asking_about_what_is_no_picture_or_nothing_is_refused(said, data, tmp_path):
    data(GOOD)
    assert "nowhere.png" in said("ask", tmp_path / "nowhere.png", "How many?")
    assert "truncated.png" in said("ask", tmp_path / "truncated.png", "How many?")
    assert "question is empty" in said("ask", tmp_path / "good.png", "  ")


@pytest.mark.parametrize(
    ("output", "why"),
    [("good.png", "exists"), ("a.xyz", "names no picture"), ("no/such/a.png", "no folder")],
)
def test_an_annotated_picture_goes_nowhere_that_it_must_not(said, data, tmp_path, output, why):
    data(GOOD)
    place = tmp_path / output
    complaint = said("ask", tmp_path / "good.png", "How many?", "--output", place)
    assert str(place) in complaint
    assert why in complaint


def test_a_report_of_no_run_is_refused(said, tmp_path):
    assert str(tmp_path) in said("report", tmp_path)


def test_the_demo_takes_no_flag_that_it_does_not_know(said, tmp_path):
    assert "--trainig.steps" in said("demo", "--trainig.steps", "2", "--output", tmp_path / "run")
