"""A real vLLM on the CPU, in its own environment: `make vllm-test` makes it and tests by it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PYTHON = Path(
    os.environ.get("GRIT_VLLM_PYTHON", Path(__file__).parents[2] / ".venv-vllm/bin/python")
)

# Read by vLLM's process: memory for its cache in GiB, and threads that are left where they are.
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"


def pytest_sessionstart():
    """Say at once what to do where the environment is missing."""
    if not PYTHON.exists():
        pytest.exit(f"there is no {PYTHON}; run: make vllm-test", returncode=2)


@pytest.fixture(scope="session")
def vllm_python():
    """The interpreter of the environment that has vLLM."""
    return PYTHON


@pytest.fixture(scope="session")
def wide_folder(tmp_path_factory):
    """A tiny Qwen2.5-VL whose heads are as wide as vLLM's attention on the CPU needs them."""
    from tiny_qwen import build_folder

    return build_folder(tmp_path_factory.mktemp("wide") / "qwen", head=32)
