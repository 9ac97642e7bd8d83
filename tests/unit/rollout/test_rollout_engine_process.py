"""An engine's process by its life and death: real processes, small scripts in place of vLLM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grit.config.rollout import VllmRolloutConfig
from grit.errors import ConfigError, EngineError
from grit.rollout import vllm_worker
from grit.rollout.engine_process import EngineProcess
from grit.rollout.messages import AskedPrompt, Generate, Load, Loaded, Start
from grit.rollout.vllm import require_vllm

LISTEN = """
import json, os, socket, sys, time
line = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")
request = json.loads(line.readline())
def answer(text):
    line.write(text + b"\\n")
    line.flush()
"""


@pytest.fixture
def engine(tmp_path):
    """Starts scripts as engines; ends them with the test."""
    made = []

    def start(script, **keywords):
        file = tmp_path / "script.py"
        file.write_text(script, encoding="utf-8")
        log = tmp_path / "engine.log"
        python = Path(sys.executable)
        made.append(EngineProcess(python, file, tmp_path, log, is_foreign=False, **keywords))
        return made[-1]

    yield start
    for each in made:
        each.close(grace=0.0)


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_until(what, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_request_is_one_line_of_json_and_its_reply_another(engine):
    told = 'assert request == {"kind": "load", "adapter": "/x/é"}, request\n'
    process = engine(LISTEN + told + 'answer(b\'{"kind": "loaded"}\')\ntime.sleep(60)')
    assert process.ask(Load(adapter="/x/é"), Loaded, timeout=60).kind == "loaded"


def test_a_long_request_and_a_long_reply_get_through(engine):
    echo = "answer(json.dumps({'kind': 'failed', 'error': str(len(request['adapter']))}).encode())"
    with pytest.raises(EngineError, match="could not load: 3000000"):
        engine(LISTEN + echo).ask(Load(adapter="x" * 3_000_000), Loaded, timeout=60)


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("print('out of memory', flush=True); sys.exit(3)", "ended with code 3.*out of memory"),
        ("os.kill(os.getpid(), 9)", "ended by signal SIGKILL"),
        ("answer(b'hello')", "b'hello', which is not of this protocol"),
        ('answer(b\'{"kind": "started"}\')', "not of this protocol"),
    ],
)
def test_a_dead_or_babbling_engine_is_reported(engine, then, says):
    process = engine(LISTEN + then)
    with pytest.raises(EngineError, match=f"(?s){says}"):
        process.ask(Load(), Loaded, timeout=60)
    assert is_gone(process.pid)


def test_an_engine_that_does_not_answer_is_ended_with_its_children(engine, tmp_path):
    begets = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        'answer(b\'{"kind": "loaded"}\')\n'
        "time.sleep(600)"
    )
    process = engine(LISTEN + f"os.chdir({str(tmp_path)!r})\n" + begets)
    process.ask(Load(), Loaded, timeout=60)
    with pytest.raises(EngineError, match=r"did not answer load within 2 s.*--resume"):
        process.ask(Load(), Loaded, timeout=2)
    assert is_gone(process.pid)
    wait_until(lambda: is_gone(int((tmp_path / "child").read_text())))


def test_an_interpreter_that_is_none_is_named(tmp_path):
    with pytest.raises(EngineError, match="cannot start /nowhere/python: No such file"):
        EngineProcess(
            Path("/nowhere/python"), tmp_path / "s", tmp_path, tmp_path / "log", is_foreign=True
        )


def test_the_worker_leaves_when_its_trainer_is_killed(tmp_path):
    # A trainer that starts the real worker and is killed without a chance to end it.
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    trainer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path\n"
            "from grit.rollout.engine_process import EngineProcess\n"
            "p = EngineProcess(Path(sys.executable), Path(sys.argv[1]), Path(sys.argv[2]),\n"
            "                  Path(sys.argv[3]), is_foreign=False)\n"
            "print(p.pid, flush=True); time.sleep(600)",
            vllm_worker.__file__,
            str(exchange),
            str(tmp_path / "log"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert trainer.stdout is not None
    worker = int(trainer.stdout.readline())
    assert not is_gone(worker)
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.wait()
    wait_until(lambda: is_gone(worker))
    assert not exchange.exists()


def test_the_worker_says_what_it_cannot_do(engine, tmp_path):
    # The real worker, under an interpreter without vLLM.
    process = EngineProcess(
        Path(sys.executable), Path(vllm_worker.__file__), tmp_path / "x", tmp_path / "log",
        is_foreign=False,
    )  # fmt: skip
    try:
        generate = Generate(
            prompts=[AskedPrompt(token_ids=[1], picture="p.png", seed=0)],
            num_completions=1, max_new_tokens=1, temperature=1.0, top_p=1.0, stop=None, stop_ids=[],
        )  # fmt: skip
        with pytest.raises(EngineError, match="the first request is generate, not start"):
            process.ask(generate, Loaded, timeout=60)
        start = Start(
            protocol=0, model="m", dtype="float32", max_model_len=8, gpu_memory_share=0.5,
            eager=True, sleep=False, lora_rank=None, seed=0,
        )  # fmt: skip
        with pytest.raises(EngineError, match="protocol 0, and this worker speaks 1"):
            process.ask(start, Loaded, timeout=60)
        with pytest.raises(EngineError, match="could not start: ModuleNotFoundError"):
            process.ask(start.model_copy(update={"protocol": 1}), Loaded, timeout=60)
    finally:
        process.close()


@pytest.mark.parametrize("named", [True, False])
def test_a_python_without_vllm_is_named_with_the_fix(named):
    config = VllmRolloutConfig(python=Path(sys.executable) if named else None)
    with pytest.raises(ConfigError) as caught:
        require_vllm(config)
    assert f"the Python {sys.executable} has no vLLM" in str(caught.value)
    assert "set rollout.python to" in str(caught.value)


def test_an_interpreter_that_does_not_run_is_named_before_anything_is_loaded():
    with pytest.raises(ConfigError, match=r"rollout\.python /nowhere/python does not run"):
        require_vllm(VllmRolloutConfig(python=Path("/nowhere/python")))
