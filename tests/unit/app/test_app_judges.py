"""Runs with a chat judge: checked at the start, paused with a checkpoint, within their budget."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
import torch
from small_runs import Watching, run, small_recipe, weights, write_triplets

from grit.app.doctor import State, examine
from grit.app.train import train
from grit.errors import BudgetSpentError, ConfigError, JudgeError, JudgeOutageError
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import CheckpointRow, CompletionRow, StepRow
from grit.training.trainer import Trainer
from judge_server import KEY, JudgeServer, compares, fails, says


@pytest.fixture
def server():
    with JudgeServer(default=by_length()) as running:
        yield running


def by_length():
    """Random text has every answer of its own: its length decides, so that groups differ."""

    async def behave(request, writer):
        await says(f'{{"score": {len(request.prediction) % 2}}}')(request, writer)

    return behave


@pytest.fixture
def recipe_for(tiny_folder, server, tmp_path, monkeypatch):
    """Every completion answers with its own text, and the server judges it."""
    import grit.training.scoring as scoring

    plain = scoring.parse_trace

    def answered(text, frame):
        trace = plain(text, frame)
        return type(trace)(trace.text, trace.segments, trace.mentions, f"a{text}", trace.faults)

    monkeypatch.setattr(scoring, "parse_trace", answered)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    triplets = write_triplets(tmp_path / "data")

    def make(name="run", judge=None, **parts):
        fields = {
            "type": "chat", "order": "always", "base_url": server.url, "model": "m",
            "guard": False, "max_retries": 0, "retry_wait": 0.01, "request_timeout": 20.0,
            "pause_wait": 0.1, "longest_pause": 0.2, "cache": str(tmp_path / f"{name}.sqlite"),
        }  # fmt: skip
        return small_recipe(
            tiny_folder, triplets, tmp_path / name, judge={**fields, **(judge or {})}, **parts
        )

    return make


def spent(output):
    return read_rows(RunFolder(output).steps, StepRow).rows[-1].judge_spent


class CutsOff(Watching):
    """Takes the server away after a step, and gives it back after the first word of a pause."""

    def __init__(self, server, step):
        super().__init__()
        self._server, self._step = server, step
        self.back = None

    def stepped(self, row):
        super().stepped(row)
        if row.step == self._step:
            self._server.stop()

    def said(self, message):
        super().said(message)
        if "paused" in message and self.back is None:
            self.back = threading.Timer(1.5, self._server.start)
            self.back.start()


def test_a_cut_in_the_middle_changes_no_weight_and_leaves_a_checkpoint(
    server, recipe_for, tmp_path
):
    run(recipe_for("whole"))
    whole = len(server.requests)
    server.requests.clear()
    watching = CutsOff(server, step=1)
    train(recipe_for("cut"), watching)
    watching.back.join()
    assert watching.steps == [1, 2, 3, 4]
    assert any("paused" in message for message in watching.messages)
    assert any("is back" in message for message in watching.messages)
    reasons = [
        (row.step, row.reason)
        for row in read_rows(RunFolder(tmp_path / "cut").checkpoint_log, CheckpointRow).rows
    ]
    assert (1, "paused") in reasons
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert len(server.requests) == whole, "nothing was asked twice"


def test_a_second_run_asks_nothing_and_learns_the_same(server, recipe_for, tmp_path):
    run(recipe_for("first"))
    server.stop()
    run(recipe_for("second", judge={"cache": str(tmp_path / "first.sqlite")}))
    server.start()
    one, other = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert spent(tmp_path / "second")["requests"] == 0
    assert spent(tmp_path / "second")["cached"] > 0


def test_a_spent_budget_stops_with_a_checkpoint_and_a_larger_one_goes_on(
    server, recipe_for, tmp_path
):
    run(recipe_for("whole"))
    needed = spent(tmp_path / "whole")["requests"]
    with pytest.raises(BudgetSpentError, match="max_requests"):
        run(recipe_for(judge={"max_requests": needed - 1}))
    assert RunFolder(tmp_path / "run").latest_checkpoint() is not None
    server.requests.clear()
    run(recipe_for(judge={"max_requests": needed + 1}), resume=True)
    assert len(server.requests) == 1, "the rest was paid for"
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "run")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert spent(tmp_path / "run")["requests"] == needed


def test_stop_ends_the_run_with_a_checkpoint(server, recipe_for, tmp_path):
    class Fails(Watching):
        def stepped(self, row):
            super().stepped(row)
            server.default = fails(500)

    watching = Fails()
    with pytest.raises(JudgeOutageError, match="500"):
        train(recipe_for(judge={"outage": "stop"}), watching)
    assert watching.steps == [1]
    assert RunFolder(tmp_path / "run").latest_checkpoint().name == "step-000001"


def test_drop_goes_on_below_the_limit_and_unscored_teaches_nothing(server, recipe_for, tmp_path):
    async def fails_for_even(request, writer):
        length = len(request.prediction)
        await (fails(500) if length % 2 == 0 else says('{"score": 1}'))(request, writer)

    first = recipe_for(judge={"outage": "drop"}, training={"max_unscored_rate": 1.0})
    server.script = [says('{"score": 1}')]  # the question at the start
    server.default = fails_for_even
    run(first)
    rows = read_rows(RunFolder(tmp_path / "run").completions, CompletionRow).rows
    dropped = [row for row in rows if row.verdict.score is None]
    assert dropped
    assert all(row.reward is None and row.advantage == 0.0 for row in dropped)
    assert all("cannot be had" in row.verdict.reason for row in dropped)


def test_the_key_is_nowhere_in_the_run_folder(server, recipe_for, tmp_path):
    server.wants_key = KEY
    run(recipe_for())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "completions.jsonl" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_judging_runs_while_the_device_works(server, recipe_for, monkeypatch):
    """The reference takes a second; the replies come in that second, not after it."""
    plain = Trainer._reference_logprobs
    ended = []

    def slow(self, groups):
        found = plain(self, groups)
        time.sleep(1.0)
        ended.append(time.monotonic())
        return found

    monkeypatch.setattr(Trainer, "_reference_logprobs", slow)
    run(recipe_for(loss={"beta": 0.1}, training={"steps": 1}, group={"prompts_per_step": 1}))
    asked = [request.at for request in server.requests[1:]]  # after the question at the start
    assert asked
    assert max(asked) < ended[0]


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"base_url": None}, ConfigError, "OPENAI_API_KEY is not set"),
        ({"base_url": "http://127.0.0.1:9/v1"}, JudgeOutageError, "no connection"),
        ({"max_usd": 1.0}, ConfigError, "no table has a price for m"),
        ({"cache": "/proc/no/cache.sqlite"}, JudgeError, "cannot be used"),
        ({"api_key_file": "/nowhere/key"}, ConfigError, "api_key_file"),
    ],
)
def test_what_a_judge_lacks_is_said_at_the_start_and_by_doctor(
    recipe_for, tmp_path, monkeypatch, fields, kind, words
):
    monkeypatch.delenv("OPENAI_API_KEY")
    recipe = recipe_for(judge=fields)
    with pytest.raises(kind, match=words):
        run(recipe)
    assert not (tmp_path / "run").exists(), "before anything is written"
    (finding,) = [each for each in examine(recipe) if each.subject == "judge"]
    assert finding.state is State.BROKEN
    assert words in f"{finding.detail} {finding.fix}"


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (fails(401), "refuses the key"),
        (fails(404, message="The model `m` does not exist"), "has no model m"),
        (fails(400), "refuses a plain question"),
        (says("Who knows?"), "no score that can be read"),
    ],
)
def test_what_a_server_says_to_its_first_question_ends_the_start(
    server, recipe_for, tmp_path, behave, words
):
    server.default = behave
    with pytest.raises(JudgeError, match=words):
        run(recipe_for())
    assert not (tmp_path / "run").exists()


def test_a_wrong_key_is_met_at_the_start_though_the_cache_is_full(server, recipe_for, monkeypatch):
    run(recipe_for("first"))
    server.wants_key = "another"
    with pytest.raises(JudgeError, match="refuses the key"):
        run(recipe_for("first", training={"steps": 5}), overwrite=True)


def test_doctor_says_that_a_good_judge_answers(server, recipe_for):
    server.default = compares()
    (finding,) = [each for each in examine(recipe_for()) if each.subject == "judge"]
    assert finding.state is State.GOOD
    assert "chat:m" in finding.detail


def test_ctrl_c_during_a_pause_stops_the_run_with_a_checkpoint(server, recipe_for, tmp_path):
    class Interrupts(CutsOff):
        def said(self, message):
            Watching.said(self, message)
            if "paused" in message and self.back is None:
                self.back = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
                self.back.start()

    watching = Interrupts(server, step=2)
    outcome = train(recipe_for("cut"), watching)
    server.start()
    assert outcome.stopped_by == signal.SIGINT
    assert watching.steps == [1, 2]
    assert RunFolder(tmp_path / "cut").latest_checkpoint() is not None
    run(recipe_for("cut"), resume=True)
    run(recipe_for("whole", judge={"cache": str(tmp_path / "cut.sqlite")}))
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(one[name], other[name]) for name in one)
