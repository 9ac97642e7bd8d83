"""Runs in several real processes: what they come to, and how they end together."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from small_runs import Watching, records, run, small_recipe, weights, write_triplets

from grit.app.evaluate_models import evaluate_model
from grit.app.processes import refuse_different_weights, refuse_idle_processes
from grit.app.sft import fine_tune
from grit.cli.demo import no_bar
from grit.config.evaluation import EvaluationConfig
from grit.config.model import ModelConfig
from grit.errors import ConfigError, ModelError
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import AlarmRow, CheckpointRow, EvaluationRow
from launched import ended, environment, free_port, started

DYING = """
import os, signal
from small_runs import variety as plain

paid = 0

def variety(row):
    global paid
    paid += 1
    if paid > int(os.environ.get("DIES_AFTER", "1000000")):
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(row)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    (folder / "dying.py").write_text(DYING, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def recipe_for(place, tiny_folder):
    """Three groups a step, so that two processes have unequal shares."""
    file = write_triplets(place / "data")

    def make(name, **parts):
        training = {"steps": 4, "validate_every": 2, "micro_batch_groups": 2}
        base = {
            "data": {"train": str(file), "validation": str(file)},
            "group": {"size": 2, "prompts_per_step": 3},
            "rewards": {"custom": [{"function": "dying:variety"}]},
            # A rate and an eps at which AdamW does not turn the last bit of a sum into a step.
            "optimizer": {"lr": 1e-3, "eps": 1e-4},
        }
        parts["training"] = {**training, **parts.get("training", {})}
        return small_recipe(tiny_folder, file, place / name, **{**base, **parts})

    return make


def command(recipe, *flags):
    """``grit train`` by a recipe."""
    folder = RunFolder(recipe.output).path
    file = folder.with_name(f"{folder.name}.yaml")
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), encoding="utf-8")
    return ["-m", "grit", "train", file, *flags]


def own_rewards(place, **more):
    return {"PYTHONPATH": os.pathsep.join([str(place), environment()["PYTHONPATH"]]), **more}


def several(place, arguments, **settings):
    each = {rank: own_rewards(place, **more) for rank, more in settings.pop("each", {}).items()}
    return started(
        arguments, each={0: own_rewards(place), 1: own_rewards(place), **each}, **settings
    )


@pytest.fixture(scope="module")
def alone(recipe_for, place):
    """The run in one process: what every number of processes must come to."""
    run(recipe_for("alone"))
    return place / "alone"


@pytest.fixture(scope="module")
def together(recipe_for, place):
    """The same run in two, by a launcher."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launcher, "--master-port", str(free_port()),
         *map(str, command(recipe_for("together")))],
        env=environment(**own_rewards(place)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("4 steps in") == 1, "one process speaks"
    return place / "together"


LOSSES = ("loss", "policy_loss")


def nearness(key):
    """How far apart a figure of two runs may be.

    Losses: the 1e-6 that is promised. What goes through a token's log-probability is no finer than
    that: a float32 near -10 is rounded to 1e-6, a completion's KL multiplies it by exp(gap) - 1.
    """
    return 1e-6 if key in LOSSES else 1e-5


def assert_same_run(one, two):
    """Tokens to the letter, losses within 1e-6, weights within the error of a sum."""
    mine, theirs = records(one), records(two)
    assert mine["validation"] == theirs["validation"]
    assert [row.kind for row in mine["alarms"]] == [
        row.kind for row in theirs["alarms"] if row.kind != "stopped"
    ]
    exact = {"logprob": None, "kl": None, "advantage": None}
    for name, inexact in (("completions", exact), ("steps", None)):
        assert len(mine[name]) == len(theirs[name])
        for row, other in zip(mine[name], theirs[name], strict=True):
            if inexact:
                assert row.model_copy(update=inexact) == other.model_copy(update=inexact)
            for key, value in row.model_dump().items():
                if isinstance(value, float):
                    near = nearness(key)
                    assert getattr(other, key) == pytest.approx(value, abs=near, rel=near), key
    same = weights(two)
    for name, tensor in weights(one).items():
        assert torch.allclose(tensor, same[name], rtol=1e-4, atol=1e-6), name


def test_two_processes_sample_learn_and_validate_as_one_does(alone, together):
    assert all(row.grad_norm > 0 for row in records(alone)["steps"])
    assert_same_run(alone, together)
    assert RunFolder(together).checkpoint_steps() == [4]
    assert RunFolder(alone).read_manifest().num_processes == 1
    assert RunFolder(together).read_manifest().num_processes == 2


def test_two_processes_evaluate_as_one_does(together, place):
    file = place / "data" / "triplets.jsonl"
    settings = EvaluationConfig(max_new_tokens=8, batch_size=1)
    (alone_found,) = evaluate_model(
        str(together), ModelConfig(device="cpu"), settings,
        bar=no_bar, data=str(file), output=place / "eval-alone", label="grit",
    )  # fmt: skip
    flags = ["--data", file, "--max-new-tokens", 8, "--batch-size", 1, "--device", "cpu"]
    found = ended(started(["-m", "grit", "eval", together, *flags, "--output", place / "eval-two"]))
    assert [code for code, _ in found] == [0, 0], found
    one, two = (
        read_rows(folder.evaluation("grit", "grounded", 4), EvaluationRow).rows
        for folder in (RunFolder(place / "eval-alone"), RunFolder(place / "eval-two"))
    )
    assert len(one) == 3
    assert one == two
    assert RunFolder(place / "eval-two").read_evaluation_table().rows == alone_found.summaries


def test_two_processes_learn_by_sft_as_one_does(recipe_for, place):
    sft = {"sft": {"samples_per_step": 3}, "training": {"steps": 2, "validate_every": 2}}
    for name in ("sft-alone", "sft-together"):
        recipe = recipe_for(name, **sft)
        if name == "sft-alone":
            fine_tune(recipe, Watching())
            continue
        train = command(recipe)
        found = ended(several(place, [*train[:2], "sft", *train[3:]]))
        assert [code for code, _ in found] == [0, 0], found
    assert_same_run(place / "sft-alone", place / "sft-together")


def test_a_run_that_lost_a_process_leaves_a_checkpoint_and_one_process_ends_it_alike(
    recipe_for, place, alone
):
    # The second process has one group of two completions in each step: it dies in the third.
    broken = recipe_for("broken")
    (code, said), killed = ended(several(place, command(broken), each={1: {"DIES_AFTER": "4"}}))
    assert killed[0] == -signal.SIGKILL
    assert code == 1
    assert "grit: process 0 of 2 lost another one, which was killed or is stuck" in said
    assert "Traceback" not in said
    folder = RunFolder(place / "broken")
    assert folder.checkpoint_steps() == [2]
    (alarm,) = [row for row in read_rows(folder.alarms, AlarmRow).rows if row.kind == "stopped"]
    assert "lost another one" in alarm.message
    assert run(broken, resume=True).steps == [3, 4]
    assert_same_run(alone, place / "broken")


def test_a_disk_that_is_full_for_the_writer_ends_all(recipe_for, place):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    quick = {"steps": 2, "validate_every": None}
    full = recipe_for("full", training=quick, data={"train": str(place / "data/triplets.jsonl")})
    writer, other = ended(several(place, command(full), limits={0: small_files}))
    assert (writer[0], other[0]) == (1, 1)
    assert "cannot write the checkpoint" in writer[1]
    assert "process 0 of 2 failed: cannot write the checkpoint" in other[1]
    assert RunFolder(place / "full").checkpoint_steps() == []


def test_a_folder_that_is_taken_is_refused_by_all(recipe_for, place, alone):
    before = {path: path.stat().st_mtime_ns for path in alone.rglob("*")}
    writer, other = ended(several(place, command(recipe_for("alone"))))
    assert (writer[0], other[0]) == (1, 1)
    assert "holds a run already; add --resume" in writer[1]
    assert "process 0 of 2 failed" in other[1]
    assert {path: path.stat().st_mtime_ns for path in alone.rglob("*")} == before


def test_a_signal_to_one_process_stops_all_after_the_same_step(recipe_for, place):
    long = {"steps": 5000, "validate_every": None, "checkpoint_every": 5000}
    endless = recipe_for(
        "endless", training=long, data={"train": str(place / "data/triplets.jsonl")}
    )
    processes = several(place, command(endless))
    steps = place / "endless" / "steps.jsonl"
    for _ in range(30_000):
        if steps.is_file() and steps.stat().st_size:
            break
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGTERM)
    writer, other = ended(processes)
    assert (writer[0], other[0]) == (128 + signal.SIGTERM,) * 2, (writer, other)
    folder = RunFolder(place / "endless")
    last = records(folder.path)["steps"][-1].step
    assert 1 <= last < 5000
    (kept,) = read_rows(folder.checkpoint_log, CheckpointRow).rows
    assert (kept.step, kept.reason) == (last, "stopped")
    assert f"stopped after step {last}" in writer[1]
    assert "--num_processes 2 -m grit train" in writer[1]
    assert "stopped after" not in other[1]


class Some:
    """As many processes as a test says, which hold what it says."""

    def __init__(self, size, others=()):
        self.size, self._others = size, list(others)

    def gather(self, value):
        return [value, *self._others]


def test_more_processes_than_groups_are_refused(recipe_for):
    refuse_idle_processes(recipe_for("never"), Some(3))
    with pytest.raises(ConfigError, match=r"5 processes and group.prompts_per_step is 3: 2 would"):
        refuse_idle_processes(recipe_for("never"), Some(5))


def test_processes_with_different_weights_are_refused(tiny_model):
    refuse_different_weights(tiny_model, Some(1, ["nobody else"]))
    with pytest.raises(ModelError, match="process 1: 0123"):
        refuse_different_weights(tiny_model, Some(2, ["0123"]))
