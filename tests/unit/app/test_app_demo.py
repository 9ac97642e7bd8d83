"""The demo: every mode before and after, the figures for programs, and a second call."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from small_runs import Watching

from grit.app.demo import demo_recipe, run_demo
from grit.data.scenes.tasks import TASKS
from grit.errors import ConfigError

QUICK = [
    "--model.device", "cpu", "--training.steps", "2", "--training.validate-every", "none",
    "--data.validation", "none", "--group.size", "2", "--group.prompts-per-step", "2",
    "--rollout.max-new-tokens", "8", "--optimizer.warmup-steps", "0",
    "--evaluation.limit", "2", "--evaluation.max-new-tokens", "8",
]  # fmt: skip


@contextmanager
def no_bar(title, total):
    yield lambda number: None


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "run"


@pytest.fixture(scope="module")
def demo(output):
    return run_demo(demo_recipe([*QUICK, "--output", str(output)]), Watching(), no_bar)


def test_the_figures_for_programs_have_the_promised_shape(demo, output):
    figures = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert set(figures) == {"base", "grit", "train_seconds"}
    assert figures["train_seconds"] > 0
    assert set(figures["base"]) == {"direct", "cot"}
    assert set(figures["grit"]) == {"grounded"}
    for mode in (*figures["base"].values(), *figures["grit"].values()):
        assert set(mode) == {"accuracy", "giou", "format", "n", "tasks"}
        assert mode["n"] == 4, "over the two training tasks"
        assert list(mode["tasks"]) == list(TASKS)
        assert all(set(t) == {"accuracy", "giou", "format", "n"} for t in mode["tasks"].values())
        assert mode["tasks"]["locate"]["accuracy"] is None


def test_the_page_is_written(demo, output):
    assert demo.report == output / "report.html"
    assert "data:image/" in demo.report.read_text(encoding="utf-8")


def test_a_second_call_reopens_what_is_finished(demo, output):
    before = {p: p.stat().st_mtime_ns for p in output.rglob("*")}
    listener = Watching()
    again = run_demo(demo_recipe([*QUICK, "--output", str(output)]), listener, no_bar)
    assert again.was_finished
    assert again.summaries == demo.summaries
    assert listener.messages == []
    assert {p: p.stat().st_mtime_ns for p in output.rglob("*")} == before


def test_a_second_call_by_another_recipe_says_what_differs(demo, output):
    listener = Watching()
    other = demo_recipe([*QUICK, "--output", str(output), "--training.seed", "3"])
    assert run_demo(other, listener, no_bar).was_finished
    assert any("training.seed: 0 -> 3" in message for message in listener.messages)


def test_a_demo_that_was_cut_short_goes_on(demo, output):
    (output / "summary.json").unlink()
    listener = Watching()
    again = run_demo(demo_recipe([*QUICK, "--output", str(output)]), listener, no_bar)
    assert not again.was_finished
    assert listener.steps == []
    assert again.summaries == demo.summaries


def test_the_demos_recipe_takes_flags_and_refuses_unknown_ones():
    assert demo_recipe(["--training.seed", "5"]).training.seed == 5
    with pytest.raises(ConfigError, match=r"training\.sede"):
        demo_recipe(["--training.sede", "5"])
