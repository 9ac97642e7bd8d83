"""A real vLLM server as the chat judge: a tiny random model's word is never taken for a score.

The server speaks the whole protocol: structured output, pictures, usage. What the model says is
noise, the same at every call (greedy, float32): prose has no score; a schema that lists what may be
said makes it readable.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from grit.analysis.chat_regions import ChatRegionJudge
from grit.analysis.correlation import MarkedPicture, Puzzle
from grit.cli.main import main
from grit.config.judge import ChatJudgeConfig
from grit.geometry.box import Box
from grit.judges.chat import ChatJudge
from grit.judges.verdict import JudgeRequest
from tiny_qwen import painted

KEY = "sk-of-the-rig-0123456789"
NAME = "tiny"
START = 600.0
"""Seconds; a minute or two on two quiet cores."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def url(wide_folder, vllm_python, tmp_path_factory):
    """Address of the server, once it answers."""
    log = tmp_path_factory.mktemp("server") / "vllm.log"
    port = free_port()
    words = [
        vllm_python, "-m", "vllm.entrypoints.openai.api_server", "--model", wide_folder,
        "--served-model-name", NAME, "--host", "127.0.0.1", "--port", port, "--api-key", KEY,
        "--dtype", "float32", "--max-model-len", "3072", "--enforce-eager",
        "--limit-mm-per-prompt", json.dumps({"image": 2, "video": 0}),
    ]  # fmt: skip
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [str(word) for word in words], stdout=stream, stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
        )  # fmt: skip
        try:
            deadline = time.monotonic() + START
            while not healthy(port):
                said = log.read_text("utf-8", "replace")[-4000:]
                assert server.poll() is None, f"vLLM ended: {said}"
                assert time.monotonic() < deadline, f"vLLM does not answer: {said}"
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(60)


def healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def judge_of(url, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    opened = []

    def build(**fields):
        fields = {
            "base_url": url, "model": NAME, "order": "always", "outage": "drop", "max_retries": 0,
            "max_reply_tokens": 48, "request_timeout": 120.0, "cache": tmp_path / "cache.sqlite",
            **fields,
        }  # fmt: skip
        opened.append(ChatJudge(ChatJudgeConfig(**fields)))
        return opened[-1]

    yield build
    for judge in opened:
        judge.close()


def test_prose_of_a_real_server_is_unscored_with_its_reason(judge_of):
    (verdict,) = asyncio.run(judge_of().judge([JudgeRequest("Which animal?", "dog", "a hound")]))
    print("plain text:", verdict)
    assert verdict.score is None
    assert verdict.reason.startswith("no score in two replies: ")


def test_a_real_server_is_shown_two_pictures_and_names_one(judge_of, tmp_path):
    path = tmp_path / "photo.png"
    painted((300, 200)).save(path)
    own = MarkedPicture(path, (Box(10, 10, 90, 90),))
    other = MarkedPicture(path, (Box(200, 100, 280, 180),))
    puzzle = Puzzle("<think> the dog [box]", (own, other), "k")
    with_pictures = JudgeRequest("Which animal?", "dog", "a hound", pictures=(path,))
    judge = judge_of(prompt="strict", picture_pixels=20_000)
    (choice,) = asyncio.run(ChatRegionJudge(judge).choose([puzzle]))
    print("regions:", choice)
    assert choice.picture in (0, 1), "the schema allows nothing else"
    (verdict,) = asyncio.run(judge.judge([with_pictures]))
    print("a verdict with a picture:", verdict)
    assert "does not answer" not in verdict.reason


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ([], "no score in two replies"),
        (["--judge.model", "another"], "no model another"),
    ],
)
def test_try_ends_with_the_reason(url, monkeypatch, capsys, flags, why):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    words = ["--judge.base-url", url, "--judge.model", NAME, "--judge.max-reply-tokens", "48"]
    asked = ["--question", "Which animal?", "--reference", "dog", "--prediction", "a hound"]
    assert main(["judge", "try", *words, *flags, *asked]) == 1
    printed = capsys.readouterr().out
    print(printed)
    last = printed.splitlines()[-1]
    assert last.startswith("unscored: ")
    assert why in last


def test_a_wrong_key_is_refused_by_a_real_server(url, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    words = ["--judge.base-url", url, "--judge.model", NAME, "--reference", "2"]
    assert main(["judge", "try", *words, "--prediction", "3"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "refuses the key" in last
    assert "sk-wrong" not in last
