"""What every test runs under, and the tiny model that the torch rooms share."""

from __future__ import annotations

import os

# Read by torch when it is first imported, here and in every process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
from hypothesis import settings

settings.register_profile("grit", deadline=None)
settings.load_profile("grit")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A random tiny Qwen2.5-VL in a folder; only read it, copy it to change it."""
    from tiny_qwen import build_folder

    return build_folder(tmp_path_factory.mktemp("tiny") / "qwen")


@pytest.fixture(scope="session", params=["qwen2_5_vl", "qwen3_vl", "internvl", "internvl3_5"])
def family_folder(request, tmp_path_factory):
    """A random tiny model of each family in turn; only read it, copy it to change it."""
    from tiny_models import build_folder

    return build_folder(request.param, tmp_path_factory.mktemp("families") / request.param)


@pytest.fixture
def tiny_model(tiny_folder):
    """The tiny model as grit loads it, in float32; the test may change it."""
    from tiny_qwen import load

    return load(tiny_folder)


@pytest.fixture
def every_completion_answers(monkeypatch):
    """Random text has no answer, and is wrong without asking a judge: give each one an answer."""
    import grit.training.scoring as scoring

    plain = scoring.parse_trace

    def answered(text, frame):
        trace = plain(text, frame)
        return type(trace)(trace.text, trace.segments, trace.mentions, "two", trace.faults)

    monkeypatch.setattr(scoring, "parse_trace", answered)
