"""With torchvision, and without: this process has none, the environment of vLLM's tests has it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from torchvision_worker import QUESTION

from grit.app.ask import ask_source
from grit.app.export import export_run
from grit.app.models import load_source
from grit.cli.main import main
from grit.config.model import ModelConfig
from grit.errors import ModelError
from grit.policy.policy import Policy
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.settings import read_settings
from launched import environment
from tiny_models import FAMILIES, build_folder
from tiny_qwen import painted

CPU = ModelConfig(device="cpu")

REWARD = "def variety(row):\n    return len(set(row.trace.text)) / 10\n"


def in_the_environment(python, *words, beside=Path(__file__).parent):
    """Run the other environment's Python; modules of the folder ``beside`` are found."""
    paths = os.pathsep.join([environment()["PYTHONPATH"], str(beside)])
    done = subprocess.run(
        [str(python), *map(str, words)],
        env=environment(PYTHONPATH=paths),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def words_of(model, data, output):
    """One step of `grit train`, in which random text earns different rewards."""
    words = ["train", "--model.path", model, "--model.device", "cpu", "--data.train", data]
    words += ["--group.size", "2", "--group.prompts-per-step", "2", "--training.steps", "1"]
    words += ["--rollout.max-new-tokens", "6", "--optimizer.lr", "1e-3", "--output", output]
    return [*map(str, words), "--rewards.custom", "rewards_of_torchvision_tests:variety"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    top = tmp_path_factory.mktemp("torchvision")
    rows = []
    for n, question in enumerate(("How many?", "Where?")):
        painted((90, 60), n).save(top / f"{n}.png")
        rows.append(json.dumps({"question": question, "answer": "2", "image": f"{n}.png"}))
    (top / "mine.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (top / "rewards_of_torchvision_tests.py").write_text(REWARD, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(top)
        yield top


@pytest.fixture(scope="module")
def exports(place):
    """What `grit export` made of a run of each family."""
    made = {}
    for word in FAMILIES:
        model, output = build_folder(word, place / word), place / f"{word}-run"
        assert main(words_of(model, place / "mine.jsonl", output)) == 0
        made[word] = export_run(output).path
    return made


@pytest.fixture(scope="module")
def found(exports, vllm_python, tmp_path_factory):
    """What the worker saw, by family."""
    output = tmp_path_factory.mktemp("found") / "found.json"
    worker = Path(__file__).with_name("torchvision_worker.py")
    in_the_environment(vllm_python, worker, output, *exports.values())
    said = json.loads(output.read_text(encoding="utf-8"))
    return {word: said[str(path)] for word, path in exports.items()}


@pytest.mark.parametrize("word", FAMILIES)
def test_both_backends_cut_a_picture_alike_and_differ_by_less_than_a_level_of_colour(found, word):
    rows = found[word]["rows"]
    assert len(rows) == 6
    for row in rows:
        assert row["classes"][0] == row["classes"][1] + "Pil"
        assert (row["same_tokens"], row["same_grid"], row["same_box"]) == (True, True, True), row
        # Pixels are whole levels from 0 to 255 before they are scaled. These are of noise, in which
        # two ways of rounding a filter end furthest apart.
        assert row["mean"] <= 0.5 * row["level"], row
        assert row["largest"] <= 20 * row["level"], row


@pytest.mark.parametrize("word", FAMILIES)
def test_plain_transformers_loads_an_export_and_computes_the_policys_logits(found, exports, word):
    model = load_source(str(exports[word].with_name(f"{word}-run")), CPU).model
    inputs = model.prepare(painted((112, 84)), QUESTION)
    policy = Policy(model)
    with torch.no_grad():
        states = policy.run_prompts([inputs])
        logits = policy.logits(policy.branch(states, [0]))[0]
    said = found[word]["plain"]
    for backend, ending in (("pil", "Pil"), ("torchvision", "Processor")):
        assert said[backend]["image_processor"].endswith(ending)
        assert said[backend]["input_ids"] == inputs.input_ids.tolist()
    exact, near = (torch.tensor(said[backend]["logits"]) for backend in said)
    torch.testing.assert_close(exact, logits, atol=1e-4, rtol=1e-4)
    assert (near - logits).abs().max() < 0.1 * logits.std(), "a level of colour moves them a little"


def test_a_run_with_torchvision_says_so_and_is_asked_elsewhere_with_pil(
    exports, place, vllm_python, tmp_path
):
    assert importlib.util.find_spec("torchvision") is None, "this environment is without"
    output = tmp_path / "run"
    words = words_of(place / "qwen2_5_vl", place / "mine.jsonl", output)
    words += ["--model.image-processor", "torchvision"]
    in_the_environment(vllm_python, "-m", "grit", *words, beside=place)
    assert RunFolder(output).read_manifest().image_backend == "torchvision"
    export = export_run(output).path
    assert read_settings(export).image_processor == "torchvision"
    for source in (output, export):
        with pytest.raises(ModelError, match=r"trained with it.*not installed.*--image-processor"):
            load_source(str(source), CPU)
        pil = CPU.model_copy(update={"image_processor": "pil"})
        said = ask_source(
            str(source), pil, place / "0.png", "Where?", mode=Mode.GROUNDED, max_new_tokens=3
        )
        assert said.completion.tokens.numel() > 0
