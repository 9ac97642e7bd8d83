"""Every family, all the way on photographs: trained, evaluated, asked, exported, loaded elsewhere.

What is right is said by plain transformers: prompts by the families' own processors, completions by
``generate``, on the folder that ``grit export`` wrote.
"""

from __future__ import annotations

import os
from contextlib import chdir
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoTokenizer

from grit.app.models import load_source
from grit.cli.main import main
from grit.config.model import ModelConfig
from grit.data.jsonl import read_samples
from grit.prompts.question import Mode, question_turn
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import CompletionRow, EvaluationRow, StepRow
from tiny_models import plain_inputs

PHOTOS = (
    Path(__file__).parents[2] / os.environ.get("GRIT_REAL_DATA", "../shared/data") / "photos"
).resolve()
pytestmark = [
    pytest.mark.skipif(
        not PHOTOS.is_dir(), reason=f"no photographs in {PHOTOS}; GRIT_REAL_DATA names their folder"
    ),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),  # peft's own
]

TRIPLETS = PHOTOS / "triplets.jsonl"
LENGTH = 6
WAYS = {
    "full": [],
    "lora": ["--model.lora.rank", "4", "--optimizer.lr", "0.05", "--model.gradient-checkpointing"],
}

REWARD = """
def variety(row):
    return len(set(row.trace.text)) / 10
"""


@pytest.fixture(scope="module", params=WAYS)
def run(request, family_folder, tmp_path_factory):
    """Three steps on the photographs, by the command."""
    place = tmp_path_factory.mktemp("way")
    (place / "rewards_of_families.py").write_text(REWARD, encoding="utf-8")
    words = ["train", "--model.path", str(family_folder), "--model.device", "cpu"]
    words += ["--data.train", str(TRIPLETS), "--training.steps", "3", "--output", "run"]
    words += ["--group.size", "2", "--group.prompts-per-step", "4"]
    words += ["--rollout.max-new-tokens", str(LENGTH), "--optimizer.lr", "1e-3"]
    words += ["--rewards.custom", "rewards_of_families:variety", *WAYS[request.param]]
    with chdir(place):
        assert main(words) == 0
    return place / "run", request.param


@pytest.fixture(scope="module")
def exports(run):
    """The folders that `grit export` makes of it: whole weights, or an adapter and merged ones."""
    folder, way = run
    made = {way: folder.with_name(f"{way}-export")}
    assert main(["export", str(folder), "--output", str(made[way])]) == 0
    if way == "lora":
        made["merged"] = folder.with_name("merged-export")
        assert main(["export", str(folder), "--output", str(made["merged"]), "--merge"]) == 0
    return made


def evaluated(source, output):
    """Rows of `grit eval`, one a photograph's question."""
    words = ["eval", str(source), "--data", str(TRIPLETS), "--device", "cpu"]
    words += ["--max-new-tokens", str(LENGTH)]
    assert main([*words, *(["--output", str(output)] if output else [])]) == 0
    (rows,) = RunFolder(output or source).evaluations.glob("*.jsonl")
    return read_rows(rows, EvaluationRow).rows


def generated(network, family_folder, sample) -> str:
    """What plain transformers says to a sample; end tokens and their like left out."""
    tokenizer = AutoTokenizer.from_pretrained(family_folder)
    with Image.open(sample.image) as picture:
        turn = question_turn(sample.question, Mode.GROUNDED)
        inputs = plain_inputs(family_folder, picture.convert("RGB"), turn)
    said = network.generate(**inputs, max_new_tokens=LENGTH, do_sample=False)[0]
    kept = {"<ref>", "</ref>", "<box>", "</box>"}
    added = tokenizer.added_tokens_decoder
    silent = {n for n, token in added.items() if token.special and token.content not in kept}
    new = said[inputs["input_ids"].shape[1] :].tolist()
    return tokenizer.decode([n for n in new if n not in silent], clean_up_tokenization_spaces=False)


def test_three_steps_leave_their_rows(run):
    folder = RunFolder(run[0])
    steps = read_rows(folder.steps, StepRow).rows
    assert [row.step for row in steps] == [1, 2, 3]
    assert all(row.grad_norm > 0 for row in steps)
    completions = read_rows(folder.completions, CompletionRow).rows
    assert len(completions) == 3 * 4 * 2
    assert {row.sample_id for row in completions} <= {s.id for s in read_samples(TRIPLETS)}


def test_the_run_and_its_exports_say_what_plain_transformers_generates(
    run, exports, family_folder, tmp_path
):
    folder, _ = run
    samples = {sample.id: sample for sample in read_samples(TRIPLETS)}
    by_run = {row.sample_id: row for row in evaluated(folder, None)}
    assert by_run.keys() == samples.keys()
    for name, export in exports.items():
        plain = AutoModelForImageTextToText.from_pretrained(export).eval()
        rows = {row.sample_id: row for row in evaluated(export, tmp_path / name)}
        for number, sample in samples.items():
            said = generated(plain, family_folder, sample)
            assert (rows[number].text, by_run[number].text) == (said, said), (name, number)
            assert rows[number].true_boxes == by_run[number].true_boxes


def test_an_export_has_the_trained_policys_logits_and_not_the_bases(run, exports, family_folder):
    folder, _ = run
    with Image.open(PHOTOS / "bird.jpg") as picture:
        inputs = plain_inputs(family_folder, picture.convert("RGB"), "Where?")
    config = ModelConfig(device="cpu")
    with torch.no_grad():
        expected = load_source(str(folder), config).model.network(**inputs).logits
        base = AutoModelForImageTextToText.from_pretrained(family_folder)(**inputs).logits
        for export in exports.values():
            found = AutoModelForImageTextToText.from_pretrained(export)(**inputs).logits
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert (expected - base).abs().max() > 1e-2


def test_run_and_exports_are_asked_about_a_photograph(run, exports, capsys, tmp_path):
    words = ["--max-new-tokens", str(LENGTH), "--device", "cpu"]
    answers = []
    for number, source in enumerate([run[0], *exports.values()]):
        drawn = tmp_path / f"{number}.png"
        question = ["ask", str(PHOTOS / "bird.jpg"), "How many birds are there?"]
        said = [*question, "--model", str(source), "--output", str(drawn), *words]
        assert main(said) == 0
        answers.append(capsys.readouterr().out.replace(str(drawn), "PICTURE"))
        with Image.open(drawn) as picture, Image.open(PHOTOS / "bird.jpg") as original:
            assert picture.size == original.size
    assert len(set(answers)) == 1
