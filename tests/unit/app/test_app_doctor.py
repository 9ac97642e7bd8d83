"""What the doctor finds in a machine and a folder, and the fix that it names."""

from __future__ import annotations

import importlib.util
import shutil
import sys

import pytest
import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from grit.app.doctor import State, examine
from grit.cli.main import main
from grit.config.recipe import Recipe


def found(subject, path="builtin", **parts):
    model = {"path": str(path), "device": "cpu", **parts.pop("model", {})}
    recipe = Recipe.model_validate({"model": model, **parts})
    return [finding for finding in examine(recipe) if finding.subject == subject]


def only(subject, *arguments, **parts):
    (finding,) = found(subject, *arguments, **parts)
    return finding


@pytest.fixture
def copied(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def test_a_whole_folder_on_this_machine_has_nothing_broken(tiny_folder, tmp_path):
    recipe = Recipe.model_validate(
        {"model": {"path": str(tiny_folder), "device": "cpu"}, "output": str(tmp_path / "run")}
    )
    findings = examine(recipe)
    assert not [finding for finding in findings if finding.state is State.BROKEN]
    assert [finding.subject for finding in findings] == [
        "torch", "device", "processes", "number format", "attention", "image backend",
        "model folder", "memory", "disk", "rollouts", "judge",
    ]  # fmt: skip
    assert torch.__version__ in findings[0].detail
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"]
)
def test_what_a_folder_lacks_is_named(copied, name):
    (copied / name).unlink()
    finding = only("model folder", copied)
    assert (finding.state, name in finding.detail) == (State.BROKEN, True)
    assert "copy it" in finding.fix


def test_a_part_that_is_missing_or_cut_short_is_named(copied):
    network = Qwen2_5_VLForConditionalGeneration.from_pretrained(copied)
    (copied / "model.safetensors").unlink()
    network.save_pretrained(copied, max_shard_size="100KB")
    parts = sorted(copied.glob("model-*.safetensors"))
    assert only("model folder", copied).state is State.GOOD
    parts[0].unlink()
    parts[1].write_bytes(parts[1].read_bytes()[:-10])
    details = [finding.detail for finding in found("model folder", copied)]
    assert len(details) == 2
    assert parts[0].name in details[0]
    assert parts[1].name in details[1]
    assert "cut short" in details[1]


def test_a_hub_name_that_is_not_at_hand_is_broken_offline_and_a_remark_online(monkeypatch):
    assert only("model folder", "no/such").state is State.BROKEN  # the tests run offline
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    name = "Qwen/Qwen2.5-VL-3B-Instruct"
    finding = only("model folder", name)
    assert finding.state is State.WARNING
    assert f"hf download {name}" in finding.fix


def test_a_folder_that_is_not_there_is_broken():
    finding = only("model folder", "/nowhere/at/all")
    assert finding.state is State.BROKEN
    assert only("plan", "/nowhere/at/all").state is State.BROKEN


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_asked_for_and_not_there_is_broken():
    finding = only("device", model={"device": "cuda"})
    assert (finding.state, "auto" in finding.fix) == (State.BROKEN, True)


@pytest.mark.skipif(importlib.util.find_spec("flash_attn") is not None, reason="it is installed")
def test_flash_attention_that_is_not_installed_is_broken():
    finding = only("attention", model={"attention": "flash_attention_2", "dtype": "bfloat16"})
    assert (finding.state, "sdpa" in finding.fix) == (State.BROKEN, True)


def test_memory_and_disk_are_held_against_the_plan(tmp_path, monkeypatch):
    """Full training of the 3B base in bfloat16: weights, masters and moments are 14 bytes each."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 90 * 2**30))
    path, here = "Qwen/Qwen2.5-VL-3B-Instruct", str(tmp_path / "run")
    disk = only("disk", path, model={"dtype": "bfloat16"}, output=here)
    assert f"{2 * 14 * 3_754_622_976 / 2**30:.1f} GiB needed for 2 checkpoints" in disk.detail
    assert disk.state is State.BROKEN
    lora = only("disk", path, model={"dtype": "bfloat16", "lora": {}}, output=here)
    assert lora.state is State.GOOD
    monkeypatch.setattr("grit.app.doctor._free_memory", lambda: 2**30)
    memory = only("memory", path, model={"dtype": "bfloat16"})
    assert (memory.state, "grit plan" in memory.fix) == (State.WARNING, True)


def test_a_python_without_vllm_is_broken_where_rollouts_need_it():
    finding = only("rollouts", rollout={"type": "vllm", "python": sys.executable})
    assert finding.state is State.BROKEN
    assert "has no vLLM" in finding.detail
    assert "rollout.python" in finding.fix


def test_rules_have_no_server_to_reach():
    assert only("judge").detail == "rules alone, in this process"


def test_the_command_ends_with_1_when_something_is_broken_and_prints_the_fix(
    tiny_folder, copied, tmp_path, capsys
):
    flags = ["--model.device", "cpu", "--output", str(tmp_path / "run")]
    assert main(["doctor", "--model.path", str(tiny_folder), *flags]) == 0
    assert "nothing is broken" in capsys.readouterr().out
    (copied / "tokenizer.json").unlink()
    assert main(["doctor", "--model.path", str(copied), *flags]) == 1
    text = capsys.readouterr().out
    assert "broken  model folder" in text
    assert "fix: copy it" in text


@pytest.mark.parametrize(
    ("size", "state", "words"),
    [
        ("1", State.GOOD, "1, for the 4 groups"),
        ("2", State.GOOD, "2, with 2 groups of a step each"),
        ("3", State.WARNING, "3: 1 have 2 groups of a step, and the others, with 1, wait"),
        ("5", State.BROKEN, "5, and a step has 4 groups"),
    ],
)
def test_processes_are_those_that_the_launcher_started(monkeypatch, size, state, words):
    for name, value in (("WORLD_SIZE", size), ("RANK", "0"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    finding = only("processes", group={"prompts_per_step": 4})
    assert (finding.state, words in finding.detail) == (state, True)
    assert bool(finding.fix) == (state is not State.GOOD)


def test_the_image_backend_is_that_which_would_be_used(tiny_folder):
    plain = only("image backend", tiny_folder)
    assert (plain.state, plain.detail.startswith("pil (Pillow ")) == (State.GOOD, True)
    asked = only("image backend", tiny_folder, model={"image_processor": "torchvision"})
    assert (asked.state, "torchvision is not installed" in asked.detail) == (State.BROKEN, True)
    assert "set model.image_processor to pil" in asked.fix
