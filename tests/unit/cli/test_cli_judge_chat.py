"""Commands that ask a chat judge, before a real server."""

from __future__ import annotations

import json

import pytest

from grit.cli.main import main
from grit.data.builtin import builtin_triplets
from grit.records.analyses import CorrelationRow
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from judge_server import KEY, JudgeServer, drips, fails, hangs, resets, response, says, sends

ASKED = ["--question", "Which animal?", "--reference", "dog", "--prediction", "a hound"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with JudgeServer() as running:
        yield running


@pytest.fixture
def flags(server, tmp_path):
    """Of a judge that waits for milliseconds."""
    return [
        "--judge.base-url", server.url, "--judge.model", "m", "--judge.max-retries", "1",
        "--judge.retry-wait", "0.01", "--judge.longest-wait", "0.05",
        "--judge.cache", str(tmp_path / "cache.sqlite"),
    ]  # fmt: skip


HTML = response(b"<html>score: 1</html>", status=502, kind="text/html")
FAULTS = {
    "429": (fails(429, headers={"Retry-After": "0"}), "429"),
    "500": (fails(500, message="score: [/b] 1"), "500"),
    "401": (fails(401), "refuses the key"),
    "404": (fails(404), "no model m"),
    "400": (fails(400), "does not answer"),
    "a hang": (hangs, "no whole reply within 0.4 s"),
    "a slow stream": (drips, "no whole reply within 0.4 s"),
    "a reset connection": (resets, "cannot be had"),
    "an HTML error page": (sends(HTML), "502"),
    "truncated JSON": (sends(response(b'{"choices": [{"mess')), "no chat completion"),
    "bytes that are no UTF-8": (sends(response(b'{"choices": "\xff\xfe"}')), "no chat completion"),
    "a score out of range": (says('{"score": 7}'), "no score in two replies"),
    "prose": (says("It is nearly\nright."), "no score in two replies"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_try_ends_with_unscored_and_why_in_one_line(server, flags, capsys, fault):
    server.default, why = FAULTS[fault]
    timeout = ["--judge.request-timeout", "0.4"] if "0.4" in why else []
    assert main(["judge", "try", *flags, *timeout, *ASKED]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("unscored: ")
    assert why in last
    assert KEY not in last


def test_try_without_a_server_ends_with_unscored(server, flags, capsys):
    server.stop()
    try:
        assert main(["judge", "try", *flags, *ASKED]) == 1
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith("unscored: the judge at http://127.0.0.1")
        assert "2 tries" in last
    finally:
        server.start()


def test_try_shows_prompt_and_reply_and_ends_with_the_score(server, flags, capsys):
    server.default = says("```json\n{score: 0.75}\n```")
    assert main(["judge", "try", *flags, *ASKED]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Standard answer: dog" in lines
    assert "{score: 0.75}" in lines
    assert lines[-1] == "0.75"
    assert len(server.requests) == 1
    assert main(["judge", "try", *flags, *ASKED]) == 0
    assert len(server.requests) == 2, "no cache"


@pytest.fixture
def labelled(tmp_path):
    """Two right and two wrong by their labels; the rules are sure of the numbers alone."""
    rows = [
        ("How many?", "3", "three", 1), ("How many?", "3", "5", 0),
        ("What?", "couch", "sofa", 1), ("What?", "couch", "settle", 0),
    ]  # fmt: skip
    names = ("question", "reference", "prediction", "label")
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    return path


async def generous(request, writer):
    """Takes any piece of furniture, and words for numbers, in parts."""
    score = 0.75 if request.prediction in ("sofa", "settle", "three") else 0.25
    await says(json.dumps({"score": score}))(request, writer)


def calibrated(capsys, *words):
    code = main(["judge", "calibrate", *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_calibrate_holds_a_chat_judge_against_labels(server, flags, labelled, capsys):
    server.default = generous
    words = [str(labelled), "--judge.type", "chat", "--judge.order", "always", *flags]
    code, found = calibrated(capsys, *words)
    assert code == 0
    assert found["judge"] == "chat:m"
    assert len(server.requests) == 1 + 4, "one at the start, whose answer is known"
    # By hand: right of four are three; expected by chance are half (two labels of each kind).
    assert found["overall"]["confusion"] == [[1, 0], [1, 2]]
    assert found["overall"]["accuracy"] == 0.75
    assert found["overall"]["kappa"]["value"] == pytest.approx((0.75 - 0.5) / (1 - 0.5))
    assert [(each["line"], each["ours"], each["theirs"]) for each in found["differences"]] == [
        (4, 0.75, 0.0)
    ]
    assert calibrated(capsys, *words) == (0, found)
    assert len(server.requests) == 5, "the second time all is in the cache"


def test_calibrate_holds_two_judges_against_each_other(server, flags, labelled, capsys):
    server.default = generous
    words = ["--judge.type", "chat", "--judge.order", "always", "--against", "rules"]
    code, found = calibrated(capsys, str(labelled), *words, *flags)
    assert code == 0
    assert found["against"] == "rules"
    assert [each["line"] for each in found["differences"]] == [3, 4], "rules know no synonyms"


def test_calibrate_asks_only_what_rules_are_unsure_of(server, flags, labelled, capsys):
    server.default = generous
    code, _ = calibrated(capsys, str(labelled), "--judge.type", "chat", *flags)
    assert code == 0
    predictions = {request.prediction for request in server.requests}
    assert predictions == {"sofa", "settle", "green"}, "green: the question at the start"


def test_calibrate_leaves_out_what_was_not_scored_and_says_so(server, flags, labelled, capsys):
    async def sometimes(request, writer):
        behave = says("who knows?") if request.turns[0].endswith("sofa") else generous
        await behave(request, writer)

    server.default = sometimes
    assert main(["judge", "calibrate", str(labelled), "--judge.type", "chat", *flags]) == 1
    assert "1 rows were not scored" in capsys.readouterr().err


def test_calibrate_meets_a_wrong_key_before_the_first_row(server, flags, labelled, capsys):
    server.wants_key = "sk-another"
    assert main(["judge", "calibrate", str(labelled), "--judge.type", "chat", *flags]) == 1
    printed = capsys.readouterr().err
    assert "refuses the key" in printed
    assert KEY not in printed


@pytest.fixture
def folder_and_chains(tmp_path):
    """A run folder, and chains that a person wrote for the built-in triplets."""
    folder = RunFolder.create(tmp_path / "run")
    chains = tmp_path / "human.jsonl"
    rows = [
        {"id": sample.id, "text": f"<think> {[list(map(int, b.as_tuple())) for b in sample.boxes]}"}
        for sample in builtin_triplets()[:4]
    ]
    chains.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder, ["analyse", "correlation", str(folder.path), "--chains", str(chains),
                    "--data", "builtin", "--repeats", "1"]  # fmt: skip


async def first_copy(request, writer):
    shows = not isinstance(request.body["messages"][-1]["content"], str)
    await says("Image 0" if shows else '{"score": 1}')(request, writer)


def test_correlation_asks_a_chat_judge_that_is_shown_pictures(
    server, flags, folder_and_chains, capsys
):
    folder, words = folder_and_chains
    server.default = first_copy
    assert main([*words, "--judge", "chat", *flags]) == 0
    assert "knows the scenes" not in capsys.readouterr().out
    rows = read_rows(folder.analysis("correlation", "human")[0], CorrelationRow).rows
    assert len(rows) == 4 * 2
    assert {row.judge for row in rows} == {"chat:m"}
    assert all(row.choice == 0 and row.right == (row.place == 0) for row in rows)
    assert main([*words, "--overwrite"]) == 0
    assert "knows the scenes" in capsys.readouterr().out


def test_correlation_says_what_was_not_judged(server, flags, folder_and_chains, capsys):
    _, words = folder_and_chains
    server.script = [says('{"score": 1}')]
    server.default = says("neither")
    assert main([*words, "--judge", "chat", *flags]) == 0
    assert "human: 8 not judged, and in no rate" in capsys.readouterr().out


def test_judge_flags_without_a_chat_judge_are_refused(server, flags, folder_and_chains, capsys):
    _, words = folder_and_chains
    assert main([*words, *flags]) == 2
    assert "--judge chat" in capsys.readouterr().err
    assert main([*words, "--judge", "chat", "--judge.type", "rules"]) == 2
    assert "rules see no pictures" in capsys.readouterr().err
    assert server.requests == []
