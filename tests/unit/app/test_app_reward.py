from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from grit.app.reward import given_completion, read_completions, score_completions
from grit.cli.reward import run
from grit.config.rewards import RewardsConfig
from grit.errors import ConfigError, DataError, RewardError

TWO = (
    "<think>I see [10, 20, 30, 40] and [50, 60, 70, 80]</think>"
    "<rethink>two chairs</rethink><answer>2</answer>"
)


def write(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_given_completion_is_scored_component_by_component():
    (report,) = score_completions([given_completion(TWO, answer="2", count=2)])
    assert report.total == pytest.approx(3.1)
    assert {name: one.value for name, one in report.components.items()} == pytest.approx(
        {"format": 1.5, "count": 0.5, "answer": 1.1}
    )
    assert all(one.reason for one in report.components.values())
    assert report.answer == "2"
    assert [box.as_tuple() for box in report.boxes] == [(10, 20, 30, 40), (50, 60, 70, 80)]
    assert report.faults == ()


def test_a_known_picture_size_names_boxes_outside():
    (report,) = score_completions([given_completion(TWO, answer="2", image_size=(60, 60))])
    assert [fault.kind for fault in report.faults] == ["box_outside_picture"]


@pytest.mark.parametrize(
    "flags", [{"answer": " "}, {"answer": "2", "count": -1}, {"answer": "2", "image_size": (0, 5)}]
)
def test_wrong_things_given_by_hand_are_refused(flags):
    with pytest.raises(DataError):
        given_completion(TWO, **flags)


def test_a_file_is_read_with_what_it_knows(tmp_path):
    path = write(
        tmp_path / "c.jsonl",
        {"completion": TWO, "answer": 2, "question": "How many?", "dataset": "tallyqa"},
        "",
        {"completion": "", "answer": "yes", "image_size": [60, 50], "id": "mine"},
        {"completion": TWO, "answer": "2", "count": 3, "width": 60, "height": 50},
    )
    first, second, third = read_completions(path)
    # A TallyQA row counts; its answer is the count.
    assert (first.sample.count, first.sample.question) == (2, "How many?")
    assert (second.sample.image_size, second.sample.id) == ((60, 50), "mine")
    assert (third.sample.count, third.sample.image_size) == (3, (60, 50))
    assert third.place == f"{path}:4"
    totals = [report.total for report in score_completions([first, second, third])]
    assert totals == pytest.approx([3.1, 0.0, 2.6])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"completion": "a"', "line 2: malformed JSON"),
        ("[1]", "line 2: the row is a list"),
        ({"answer": "yes"}, "line 2: key 'completion' is missing .*every row needs completion"),
        ({"completion": "a"}, "line 2: key 'answer' is missing .*every row needs completion"),
        ({"completion": 3, "answer": "yes"}, r"line 2: completion is no text \(found 3\); write"),
        ({"completion": "a", "answer": ["x"]}, r"line 2: answer is no single answer .*\[\"x\"\]"),
        ({"completion": "a", "answer": "1", "count": "many"}, 'line 2: count is no count .*"many"'),
        ({"completion": "a", "answer": "1", "image_size": [1]}, "line 2: width and height"),
        ({"completion": "a", "answer": "1", "width": -1, "height": 2}, "line 2: width and height"),
        ({"completion": "a", "answer": "1", "question": 3}, "line 2: question is no text"),
    ],
)
def test_a_wrong_row_names_file_line_value_and_fix(tmp_path, row, message):
    path = write(tmp_path / "c.jsonl", {"completion": "a", "answer": "b"}, row)
    with pytest.raises(DataError, match=message) as caught:
        read_completions(path)
    assert str(path) in str(caught.value)


def test_an_empty_or_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no rows"):
        read_completions(write(tmp_path / "c.jsonl", ""))
    with pytest.raises(DataError, match="cannot read"):
        read_completions(tmp_path / "none.jsonl")


def test_json_output_has_the_agreed_keys(capsys):
    assert run(["--completion", TWO, "--answer", "2", "--count", "2", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    printed = json.loads(line)
    assert set(printed) == {"total", "components", "answer", "boxes", "faults"}
    assert set(printed["components"]) == {"format", "count", "answer"}
    for component in printed["components"].values():
        assert set(component) == {"value", "weight", "reason", "parts"}
    assert printed["total"] == pytest.approx(3.1)
    assert printed["boxes"] == [[10, 20, 30, 40], [50, 60, 70, 80]]


def test_the_table_shows_every_component_and_the_total(capsys):
    assert run(["--completion", TWO, "--answer", "2", "--preset", "released"]) == 0
    out = capsys.readouterr().out
    for word in ("format", "count", "answer", "answer_tag", "repetition", "3.050"):
        assert word in out


def test_a_file_prints_one_json_object_a_row(tmp_path, capsys):
    path = write(tmp_path / "c.jsonl", *[{"completion": TWO, "answer": "2"}] * 3)
    assert run([str(path), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run([str(path)]) == 0
    assert "3 completions, mean total 2.600, 0 unscored" in capsys.readouterr().out


def test_a_dash_reads_standard_input(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TWO.encode()), "utf-8"))
    assert run(["--completion", "-", "--answer", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "2"


def test_none_is_an_answer_like_any_other(capsys):
    assert run(["--completion", "<answer>None", "--answer", "None", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == pytest.approx(1.1)


def test_model_text_cannot_steer_the_terminal(capsys):
    assert run(["--completion", "<answer>\x1b[31m[bold]x", "--answer", "\x1b[2Jy"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]x" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to score"),
        (["--completion", "x"], "give --answer"),
        (["c.jsonl", "--answer", "x"], "--answer cannot go with c.jsonl"),
        (["--completion", "x", "--answer", "y", "--custom", "nope"], "my_rewards:"),
    ],
)
def test_flags_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        run(arguments)


def test_a_reward_of_ones_own_is_added(tmp_path, monkeypatch, capsys):
    (tmp_path / "cli_rewards.py").write_text("def mine(row): return 0.5\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    flags = ["--completion", TWO, "--answer", "2", "--json", "--custom", "cli_rewards:mine"]
    assert run(flags) == 0
    assert json.loads(capsys.readouterr().out)["total"] == pytest.approx(3.1)
    with pytest.raises(RewardError, match="has no 'other'"):
        run([*flags[:-1], "cli_rewards:other"])


def test_an_unscored_completion_has_no_total():
    class Failing:
        name = "failing"

        async def judge(self, requests):
            from grit.judges.verdict import Verdict

            return [Verdict.unscored("outage", judge="failing") for _ in requests]

    given = [given_completion(TWO, answer="2")]
    (report,) = score_completions(given, RewardsConfig(), judge=Failing())
    assert report.as_json()["total"] is None
    assert report.components["answer"].value is None


def test_nothing_heavy_is_imported():
    code = (
        "import sys, grit.app.reward, grit.cli.reward;"
        "print({'torch', 'transformers'} & {*sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
