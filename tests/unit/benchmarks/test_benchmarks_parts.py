"""Each benchmark of a part runs at tiny size and writes its figures; no time is looked at."""

from __future__ import annotations

import json
import re
from pathlib import Path

import logprobs
import parse
import pytest
import rollout
import startup
import vision
from transformers import AutoTokenizer

from grit.cli.main import COMMANDS
from grit.models.load import BUILTIN_FOLDER

MODEL = ["--model", str(BUILTIN_FOLDER), "--prompt-tokens", "60", "--rounds", "1"]


ROOT = Path(__file__).parents[3]


@pytest.fixture
def rows_of(tmp_path):
    """Runs a benchmark's main and reads the rows that it wrote."""

    def run(main, *words):
        main([*words, "--json", str(tmp_path / "out.json")])
        return json.loads((tmp_path / "out.json").read_text())["rows"]

    return run


def test_rollouts_are_timed_by_part_and_side_at_one_length(rows_of):
    words = ["--prompts", "2", "--group-size", "3", "--completion-tokens", "4"]
    (row,) = rows_of(rollout.main, *MODEL, *words)
    assert (row["sequences"], row["completion_tokens"]) == (6, 4)
    for clock in ("wall", "processor"):
        for side in ("ours", "theirs"):
            seconds = row[f"{clock}_seconds"][side]
            assert seconds["whole"] == pytest.approx(seconds["prefill"] + seconds["decode"])
            rate = row[f"{side}_{clock}_tokens_a_second"]
            assert rate * seconds["decode"] == pytest.approx(6 * 3)
        whole = {side: row[f"{clock}_seconds"][side]["whole"] for side in ("ours", "theirs")}
        assert row[f"whole_{clock}_ratio"] == pytest.approx(whole["theirs"] / whole["ours"])
        assert {f"prefill_{clock}_ratio", f"decode_{clock}_ratio"} <= set(row)


def test_chunked_logprobs_are_compared_in_time_memory_and_values(rows_of):
    words = ["--tokens", "30", "--width", "8", "--vocabulary", "100", "--rounds", "1"]
    (row,) = rows_of(logprobs.main, *words)
    assert row["logprob_difference"] < 1e-5
    assert row["gradient_difference"] < 1e-4
    assert set(row["extra_mib"]) == set(row["wall_seconds"]) == {"chunked", "plain"}
    assert row["wall_ratio"] > 0
    assert row["processor_ratio"] > 0
    assert "memory_ratio" in row


def test_the_tower_is_timed_frozen_and_learning_and_as_peers_run_it(rows_of):
    rows = rows_of(vision.main, *MODEL, "--pictures", "2", "--group-size", "2")
    assert [row["way"] for row in rows] == [
        "frozen, first epoch",
        "frozen, later epochs",
        "frozen, G copies",
        "learns",
        "learns, G copies",
    ]
    assert rows[0]["wall_over_once"] == rows[3]["wall_over_once"] == 1.0
    assert all(row["wall_seconds"] > 0 and row["pictures"] == 2 for row in rows)


def test_traces_a_second_and_the_growth_of_every_hostile_text(rows_of):
    speed, *kinds = rows_of(parse.main, "--traces", "5", "--sizes", "100", "1000", "--rounds", "1")
    assert speed["traces_a_second"] > 0
    assert [row["text"] for row in kinds] == list(parse.HOSTILE)
    assert all(set(row["milliseconds"]) == {"100", "1000"} for row in kinds)
    assert all(isinstance(row["exponent"], float) for row in kinds)


def test_a_benchmarked_trace_has_about_150_tokens_and_what_a_trained_model_writes():
    words = AutoTokenizer.from_pretrained(BUILTIN_FOLDER)
    lengths = [len(words(parse.trace_text(number))["input_ids"]) for number in range(20)]
    assert sum(lengths) / 20 == pytest.approx(150, rel=0.1)
    trace = parse.parse_trace(parse.trace_text(3), parse.FRAME)
    assert (len(trace.boxes), trace.answer, trace.faults) == (3, "3", ())


@pytest.mark.parametrize("name", parse.HOSTILE)
def test_a_hostile_text_has_the_length_that_was_asked_for(name):
    assert len(parse.hostile_text(name, 1234)) == 1234


def test_starting_grit_is_timed_and_what_it_imports_is_listed(rows_of):
    rows = rows_of(startup.main, "--commands", "train", "--rounds", "1")
    overview, train = rows
    assert overview["command"] == "grit --help"
    assert overview["imports"] == []
    assert (overview["limit_seconds"], train["limit_seconds"]) == (0.3, 0.5)
    # rich would cost the help of every command a tenth of what it may take.
    assert train["imports"] == ["pydantic", "tyro", "the recipe"]
    assert train["processor_seconds"] > 0
    assert startup.command_lines(list(COMMANDS))[0] == ("--help",)


def test_make_bench_runs_scripts_that_are_there():
    (parts,) = re.findall(r"^PARTS \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(parts.split()) == {"startup", "parse", "logprobs", "vision", "rollout", "step"}
    assert all((ROOT / "benchmarks" / f"{part}.py").is_file() for part in parts.split())
