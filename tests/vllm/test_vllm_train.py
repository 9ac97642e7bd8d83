"""`grit train` with vLLM rollouts: a whole run, and engines that die or hang in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grit.app.train import train
from grit.config.compose import load_recipe
from grit.errors import EngineError
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import StepRow
from tiny_qwen import painted

RECIPE = """
model: {{path: "{model}", device: cpu}}
data: {{train: "{data}"}}
group: {{size: 2, prompts_per_step: 2}}
rollout: {{type: vllm, python: "{python}", eager: true, max_new_tokens: 12, temperature: 1.0}}
rewards: {{custom: [{{function: "rewards_of_vllm_tests:variety"}}]}}
optimizer: {{lr: 1.0e-3}}
training: {{steps: 2, checkpoint_every: 100}}
"""

REWARD = "def variety(row):\n    return len(set(row.trace.text)) / 10\n"


@pytest.fixture
def recipe_file(wide_folder, vllm_python, tmp_path, monkeypatch):
    rows = []
    for n, question in enumerate(("How many?", "Where?", "Which?")):
        painted((90, 60), n).save(tmp_path / f"{n}.png")
        rows.append(json.dumps({"question": question, "answer": "2", "image": f"{n}.png"}))
    data = tmp_path / "mine.jsonl"
    data.write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "rewards_of_vllm_tests.py").write_text(REWARD, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "vllm.yaml"
    file.write_text(RECIPE.format(model=wide_folder, data=data, python=vllm_python))
    return file


class Striking:
    """Watches a run, and does something to its engine after the first step."""

    def __init__(self, number):
        self.number = number

    def started(self, first, steps):
        pass

    def stepped(self, row):
        os.kill(engine_of(os.getpid()), self.number)

    def said(self, message):
        pass


def engine_of(trainer):
    return next(
        child.pid
        for child in psutil.Process(trainer).children()
        if any("vllm_worker" in word for word in child.cmdline())
    )


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def steps_of(output):
    return read_rows(RunFolder(output).steps, StepRow).rows


def test_a_killed_engine_ends_the_run_with_an_error_and_a_checkpoint(recipe_file, tmp_path):
    output = tmp_path / "run"
    recipe = load_recipe([recipe_file], ["--output", str(output)])
    with pytest.raises(EngineError, match=r"ended by signal SIGKILL .*vllm\.log.*--resume"):
        train(recipe, Striking(signal.SIGKILL))
    assert RunFolder(output).checkpoint_steps() == [1]
    assert len(steps_of(output)) == 1
    # And the run can go on; only patience may differ.
    patient = load_recipe([recipe_file], ["--output", str(output), "--rollout.timeout", "900"])
    outcome = train(patient, Striking(0), resume=True)
    assert outcome.last_step == 2
    assert [row.step for row in steps_of(output)] == [1, 2]


def test_a_hung_engine_ends_the_run_with_an_error_and_a_checkpoint(recipe_file, tmp_path):
    output = tmp_path / "run"
    # Long enough for a first rollout on a busy machine.
    recipe = load_recipe([recipe_file], ["--output", str(output), "--rollout.timeout", "120"])
    with pytest.raises(EngineError, match="did not answer load within 120 s"):
        train(recipe, Striking(signal.SIGSTOP))
    assert RunFolder(output).checkpoint_steps() == [1]
    with pytest.raises(StopIteration):
        engine_of(os.getpid())


def test_two_steps_by_the_command_keep_the_mismatch_and_leave_nothing(recipe_file, tmp_path):
    output = tmp_path / "run"
    command = [sys.executable, "-m", "grit", "train", str(recipe_file), "--output", str(output)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = steps_of(output)
    assert [row.step for row in rows] == [1, 2]
    for row in rows:
        assert row.mismatch_mean is not None
        assert row.mismatch_max is not None
        assert row.mismatch_kl is not None
        assert 0 < row.mismatch_mean <= row.mismatch_max < 1e-3
        assert 0 <= row.mismatch_kl < 1e-6
        assert row.importance_capped_share == 0.0
    assert "vLLM" in (output / "vllm.log").read_text(encoding="utf-8")
    assert not list(leftover_exchanges())


def test_an_engine_leaves_when_its_trainer_is_killed(recipe_file, tmp_path):
    output = tmp_path / "run"
    command = [
        sys.executable, "-m", "grit", "train", str(recipe_file), "--output", str(output),
        "--training.steps", "100000",
    ]  # fmt: skip
    with (tmp_path / "out").open("wb") as out:
        trainer = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 900
        while not (RunFolder(output).steps.exists() and steps_of(output)):
            assert trainer.poll() is None, (tmp_path / "out").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        engine = engine_of(trainer.pid)
    finally:
        trainer.kill()
        trainer.wait()
    deadline = time.monotonic() + 60
    while not is_gone(engine):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert not list(leftover_exchanges())


def leftover_exchanges():
    """Folders for handing over that nobody removed."""
    return Path("/dev/shm").glob("grit-vllm-*")
