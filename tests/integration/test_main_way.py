"""The whole way by its commands: train, kill, resume, evaluate, report, ask; in two minutes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from grit.cli.main import main

REPOSITORY = Path(__file__).parents[2]
PHOTOS = REPOSITORY / os.environ.get("GRIT_REAL_DATA", "../shared/data") / "photos"
real_data = pytest.mark.skipif(
    not PHOTOS.is_dir(), reason=f"no photographs in {PHOTOS}; GRIT_REAL_DATA names their folder"
)

# The reward pays any model, however good, in different amounts, so that every step learns;
# and it can be told to be slow, so that a run is caught in the middle.
REWARD = """
import os, time

def variety(row):
    time.sleep(float(os.environ.get("SLOW_REWARD", "0")))
    return len(set(row.trace.text)) / 10
"""

RECIPE = """
model: {path: builtin, device: cpu}
data: {train: builtin, validation: "builtin:val"}
group: {size: 3, prompts_per_step: 4}
rollout: {max_new_tokens: 24, temperature: 1.0}
rewards: {custom: [{function: "rewards_of_a_test:variety", weight: 0.5}]}
optimizer: {lr: 1.0e-4, warmup_steps: 1}
training:
  steps: 6
  checkpoint_every: 2
  validate_every: 3
  validation_limit: 2
  micro_batch_groups: 2
evaluation: {max_new_tokens: 24}
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a user's recipe and reward, as the working directory."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "rewards_of_a_test.py").write_text(REWARD, encoding="utf-8")
    (folder / "small.yaml").write_text(RECIPE, encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def unbroken(workplace):
    """A run that nothing happened to."""
    assert main(["train", "small.yaml", "--output", "runs/unbroken"]) == 0
    return workplace / "runs" / "unbroken"


def started(workplace, output, *flags):
    """`grit train` in a process of its own, slowed down."""
    command = [sys.executable, "-m", "grit", "train", "small.yaml", "--output", output, *flags]
    return subprocess.Popen(
        command,
        cwd=workplace,
        env={**os.environ, "SLOW_REWARD": "0.03"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_rows(process, file, number):
    for _ in range(6000):
        if file.is_file() and len(file.read_bytes().splitlines()) >= number:
            return
        if process.poll() is not None:
            pytest.fail(f"the run ended with {process.returncode}: {process.communicate()[1]}")
        time.sleep(0.01)
    pytest.fail("the run made no steps in a minute")


def rows(folder, name):
    """A log's rows, without what the clock and the machine say."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    for row in found:
        row.pop("seconds", None)
        row.pop("peak_memory_gib", None)
    return found


def checkpoints(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def tensors(folder):
    """Everything in the last checkpoint that is a tensor."""
    last = folder / "checkpoints" / checkpoints(folder)[-1]
    files = sorted(last.rglob("*.safetensors"))
    assert {file.name for file in files} == {"model.safetensors", "optimizer.safetensors"}
    return {
        f"{file.name}:{name}": tensor for file in files for name, tensor in load_file(file).items()
    }


def assert_same_run(one, two):
    for name in ("steps", "completions", "validation"):
        assert rows(one, name) == rows(two, name), name
    mine, theirs = tensors(one), tensors(two)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []


def test_a_run_leaves_its_records_and_learns_in_every_step(unbroken):
    steps = rows(unbroken, "steps")
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    assert all(row["grad_norm"] > 0 for row in steps)
    assert len(rows(unbroken, "completions")) == 6 * 4 * 3
    assert [row["step"] for row in rows(unbroken, "validation")] == [0, 3, 6]
    assert checkpoints(unbroken) == ["step-000006"]
    manifest = json.loads((unbroken / "manifest.json").read_text(encoding="utf-8"))
    assert {file["use"] for file in manifest["data"]} == {"train", "validation"}
    assert manifest["seeds"]["training"] == 0
    assert manifest["model"]["sha256"]


def test_a_killed_and_resumed_run_ends_with_the_bits_of_an_unbroken_one(workplace, unbroken):
    killed = workplace / "runs" / "killed"
    process = started(workplace, "runs/killed")
    wait_for_rows(process, killed / "steps.jsonl", 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    made = len(rows(killed, "steps"))
    assert 3 <= made < 6, "the run was not caught in the middle"
    assert main(["train", "small.yaml", "--output", "runs/killed", "--resume"]) == 0
    assert_same_run(killed, unbroken)
    # What was done twice is kept aside.
    if made % 2:
        assert (killed / "steps.superseded.jsonl").is_file()


def test_sigterm_finishes_the_step_and_prints_the_command_that_goes_on(workplace, unbroken):
    stopped = workplace / "runs" / "stopped"
    process = started(workplace, "runs/stopped")
    wait_for_rows(process, stopped / "steps.jsonl", 1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    last = rows(stopped, "steps")[-1]["step"]
    assert last < 6, "the run was not caught in the middle"
    assert checkpoints(stopped) == [f"step-{last:06d}"]
    # A step whose checkpoint was due anyway has it already.
    assert rows(stopped, "checkpoints")[-1]["reason"] == ("stopped" if last % 2 else "regular")
    assert f"stopped after step {last}" in said
    (command,) = (line.strip() for line in said.splitlines() if line.startswith("  grit "))
    assert command == "grit train small.yaml --output runs/stopped --resume"
    assert main(shlex.split(command)[1:]) == 0
    assert_same_run(stopped, unbroken)


def test_a_run_is_evaluated_and_its_page_written(unbroken, capsys):
    asked = ["--limit", "3", "--tasks", "relation", "counting", "--max-new-tokens", "24"]
    assert main(["eval", "runs/unbroken", *asked]) == 0
    table = capsys.readouterr().out
    for word in ("relation", "counting", "trained on", "accuracy", "IoU", "format"):
        assert word in table
    summary = json.loads((unbroken / "evaluations" / "summary.json").read_text(encoding="utf-8"))
    assert {row["task"]: row["n"] for row in summary["rows"]} == {
        "relation": 3, "counting": 3, "training": 6, "all": 6,
    }  # fmt: skip
    assert main(["eval", "builtin", "--output", "runs/unbroken", *asked]) == 0
    assert main(["report", "runs/unbroken"]) == 0
    page = (unbroken / "report.html").read_text(encoding="utf-8")
    assert "data:image/" in page
    assert set(rows(unbroken, "steps")[0]["components"]) == {"format", "count", "answer", "variety"}
    assert "variety" in page


@real_data
def test_a_trained_model_is_asked_about_a_photograph(workplace, unbroken, capsys):
    photo = PHOTOS / "bird.jpg"
    asked = ["How many birds are there?", "--model", "runs/unbroken", "--max-new-tokens", "24"]
    assert main(["ask", str(photo), *asked]) == 0
    said = capsys.readouterr().out
    assert "answer" in said
    with Image.open(workplace / "bird.grit.png") as drawn, Image.open(photo) as original:
        assert drawn.size == original.size
    assert main(["ask", str(photo), *asked]) == 0
    assert (workplace / "bird.grit-2.png").is_file(), "a second answer must not replace the first"


@real_data
def test_a_users_own_triplets_and_photographs_train(workplace):
    flags = ["--data.train", str(PHOTOS / "triplets.jsonl"), "--training.steps", "2"]
    quick = ["--training.validate-every", "none", "--data.validation", "none"]
    assert main(["train", "small.yaml", *flags, *quick, "--output", "runs/photos"]) == 0
    photos = workplace / "runs" / "photos"
    assert [row["step"] for row in rows(photos, "steps")] == [1, 2]
    assert {row["sample_id"] for row in rows(photos, "completions")}


def test_resuming_by_another_recipe_says_what_differs(unbroken, capsys):
    command = ["train", "small.yaml", "--output", "runs/unbroken", "--resume"]
    before = tensors(unbroken)
    assert main([*command, "--optimizer.lr", "0.5", "--group.size", "4"]) != 0
    said = capsys.readouterr().err
    assert "group.size: 3 -> 4" in said
    assert "optimizer.lr: 0.0001 -> 0.5" in said
    assert "Traceback" not in said
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(unbroken).items())


def test_a_folder_that_holds_a_run_is_refused_and_overwriting_starts_anew(
    workplace, unbroken, capsys
):
    import shutil

    copied = workplace / "runs" / "copied"
    shutil.copytree(unbroken, copied)
    command = ["train", "small.yaml", "--output", "runs/copied", "--training.steps", "1"]
    quick = ["--training.validate-every", "none", "--data.validation", "none"]
    assert main([*command, *quick, "--optimizer.warmup-steps", "0"]) != 0
    said = capsys.readouterr().err
    assert "runs/copied holds a run already" in said
    assert "--resume" in said
    assert "--overwrite" in said
    assert len(rows(copied, "steps")) == 6
    assert main([*command, *quick, "--optimizer.warmup-steps", "0", "--overwrite"]) == 0
    assert len(rows(copied, "steps")) == 1
    assert checkpoints(copied) == ["step-000001"]
