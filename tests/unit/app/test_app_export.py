"""Exports: plain transformers computes what the trained policy does, and grit asks them alike."""

from __future__ import annotations

import errno
import json
import shutil
from contextlib import nullcontext

import pytest
import torch
import yaml
from peft import PeftModel
from small_runs import run, small_recipe, write_triplets
from transformers import AutoTokenizer, GenerationConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from grit.app.ask import ask_source
from grit.app.card import model_card
from grit.app.evaluate_models import evaluate_model
from grit.app.export import export_run
from grit.app.models import load_learner, load_source
from grit.cli.main import main
from grit.config.evaluation import EvaluationConfig
from grit.config.model import LoraConfig, ModelConfig
from grit.errors import CheckpointError, ConfigError, ModelError, RunFolderError
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import EvaluationRow
from grit.records.settings import read_settings
from tiny_qwen import all_plain_inputs, painted, plain_inputs

LORA = {"lora": {"rank": 4}}
LOWER = 28 * 28 * 12
CPU = ModelConfig(device="cpu")


@pytest.fixture(scope="module")
def runs(tiny_folder, tmp_path_factory):
    """One step of full and of LoRA training; limit, system prompt and end are the recipe's."""
    top = tmp_path_factory.mktemp("runs")
    file = write_triplets(top / "data")
    said = {"max_pixels": LOWER, "system_prompt": "Look closely."}
    for name, how in (("full", {}), ("lora", LORA)):
        parts = {
            "model": {**how, **said},
            "training": {"steps": 1},
            "optimizer": {"lr": 0.05},
            "rollout": {"stop": "</done>"},
        }
        run(small_recipe(tiny_folder, file, top / name, **parts))
    return top


@pytest.fixture(scope="module")
def exports(runs):
    export_run(runs / "full")
    export_run(runs / "lora")
    export_run(runs / "lora", runs / "merged", merge=True)
    return {"full": runs / "full-export", "lora": runs / "lora-export", "merged": runs / "merged"}


def logits_of(network, folder):
    with torch.no_grad():
        return network.eval()(**all_plain_inputs(folder)[0]).logits


def trained_logits(runs, tiny_folder, name):
    """What the checkpoint's weights compute in plain transformers and peft."""
    folder = RunFolder(runs / name).checkpoint(1) / "model"
    if name == "full":
        return logits_of(Qwen2_5_VLForConditionalGeneration.from_pretrained(folder), tiny_folder)
    base = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_folder)
    return logits_of(PeftModel.from_pretrained(base, folder), tiny_folder)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft's own
@pytest.mark.parametrize("name", ["full", "lora", "merged"])
def test_plain_transformers_computes_the_trained_policys_logits(runs, exports, tiny_folder, name):
    plain = Qwen2_5_VLForConditionalGeneration.from_pretrained(exports[name])
    expected = trained_logits(runs, tiny_folder, "full" if name == "full" else "lora")
    untrained = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_folder)
    found = logits_of(plain, tiny_folder)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - logits_of(untrained, tiny_folder)).abs().max() > 1e-2


@pytest.mark.parametrize("name", ["full", "lora", "merged"])
def test_an_export_is_whole_and_holds_no_pickle(exports, name):
    folder = exports[name]
    names = {path.name for path in folder.iterdir()}
    assert {"README.md", "grit.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert not [n for n in names if n.endswith((".bin", ".pt", ".pkl", ".tmp"))]
    assert Qwen2VLImageProcessorPil.from_pretrained(folder).size["longest_edge"] == LOWER
    assert AutoTokenizer.from_pretrained(folder).chat_template
    ends = AutoTokenizer.from_pretrained(folder).get_vocab()
    assert ends["<|im_end|>"] in GenerationConfig.from_pretrained(folder).eos_token_id


@pytest.mark.parametrize("name", ["full", "lora", "merged"])
def test_settings_say_how_it_is_asked(exports, tiny_folder, name):
    settings = json.loads((exports[name] / "grit.json").read_text(encoding="utf-8"))
    said = {key: settings[key] for key in ("stop", "system_prompt", "max_pixels", "step")}
    assert said == {
        "stop": "</done>", "system_prompt": "Look closely.", "max_pixels": LOWER, "step": 1,
    }  # fmt: skip
    assert settings["base"] == str(tiny_folder.resolve())
    assert settings["weights"] == {"lora": "adapter"}.get(name, name)


@pytest.mark.parametrize("name", ["full", "lora", "merged"])
def test_an_export_is_asked_as_its_run_is(runs, exports, name):
    picture = runs / "data" / "0.png"
    asked = {"mode": Mode.GROUNDED, "max_new_tokens": 6}
    source = str(runs / ("full" if name == "full" else "lora"))
    of_run = ask_source(source, CPU, picture, "Where?", **asked)
    of_export = ask_source(str(exports[name]), CPU, picture, "Where?", **asked)
    assert of_export.completion.text == of_run.completion.text
    loaded = load_source(str(exports[name]), CPU)
    assert (loaded.stop, loaded.step) == ("</done>", 1)
    assert "Look closely." in loaded.model.render("Where?")


def test_an_export_is_evaluated_as_a_trained_model(exports, runs, tmp_path):
    (found,) = evaluate_model(
        str(exports["full"]),
        CPU,
        EvaluationConfig(max_new_tokens=3),
        bar=lambda *_: nullcontext(lambda number: None),
        data=str(runs / "data" / "triplets.jsonl"),
        output=tmp_path / "out",
    )
    assert found.path.name == "grit-grounded-step-000001.jsonl"


@pytest.mark.parametrize("name", ["full", "lora", "merged"])
def test_what_was_trained_with_torchvision_is_asked_with_it_or_with_pil_by_a_flag(
    exports, tmp_path, name
):
    folder = shutil.copytree(exports[name], tmp_path / "copy")
    settings = json.loads((folder / "grit.json").read_text(encoding="utf-8"))
    assert settings["image_processor"] == "pil"
    settings["image_processor"] = "torchvision"
    (folder / "grit.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelError, match=r"trained with it.*not installed.*--image-processor.*pil"):
        load_source(str(folder), CPU)
    pil = CPU.model_copy(update={"image_processor": "pil"})
    assert load_source(str(folder), pil).model.image_backend == "pil"


@pytest.mark.parametrize("source", ["full", "full-export", "lora-export", "merged"])
def test_other_pixel_limits_are_refused_with_the_fix_and_can_be_forced(runs, exports, source):
    other = CPU.model_copy(update={"max_pixels": 28 * 28 * 20})
    with pytest.raises(ModelError, match=rf"max_pixels {LOWER}.*--max-pixels.*--force-pixel-limi"):
        load_source(str(runs / source), other)
    same = load_source(str(runs / source), CPU.model_copy(update={"max_pixels": LOWER}))
    assert same.model.limits.max_pixels == LOWER
    forced = other.model_copy(update={"force_pixel_limits": True})
    model = load_source(str(runs / source), forced).model
    assert model.limits.max_pixels == 28 * 28 * 20
    grid = model.prepare(painted((900, 900)), "Where?").vision["image_grid_thw"]
    assert LOWER < int(grid.prod()) * 14 * 14 <= 28 * 28 * 20


def test_a_recipe_that_trains_on_under_other_limits_is_refused_too(exports):
    config = CPU.model_copy(update={"path": str(exports["full"]), "max_pixels": 28 * 28 * 20})
    with pytest.raises(ModelError, match=r"model\.max_pixels.*model\.force_pixel_limits"):
        load_learner(config, needs_reference=False)
    kept = CPU.model_copy(update={"path": str(exports["full"])})
    model = load_learner(kept, needs_reference=False).policy.model
    assert (model.limits.max_pixels, model.system_prompt) == (LOWER, "Look closely.")


def test_a_model_of_others_takes_any_limits(tiny_folder):
    wanted = CPU.model_copy(update={"max_pixels": LOWER})
    assert load_source(str(tiny_folder), wanted).model.limits.max_pixels == LOWER


def test_an_adapter_is_no_base_to_train_on(exports):
    config = CPU.model_copy(update={"path": str(exports["lora"])})
    with pytest.raises(ModelError, match=r"adapter without its base.*--merge"):
        load_learner(config, needs_reference=False)


def test_an_adapter_for_other_weights_is_refused(exports, tmp_path):
    moved = shutil.copytree(exports["lora"], tmp_path / "moved")
    settings = json.loads((moved / "grit.json").read_text(encoding="utf-8"))
    settings["base_weights"] = "0" * 16
    (moved / "grit.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelError, match="trained on other weights"):
        load_source(str(moved), CPU)


def test_a_suffix_of_another_version_is_refused(exports, tmp_path):
    moved = shutil.copytree(exports["full"], tmp_path / "moved")
    settings = json.loads((moved / "grit.json").read_text(encoding="utf-8"))
    (moved / "grit.json").write_text(json.dumps({**settings, "suffix_version": 9}), "utf-8")
    with pytest.raises(ModelError, match="version 9 of the prompt's suffix"):
        load_source(str(moved), CPU)


def test_an_export_is_replaced_only_when_a_flag_says_so_and_nothing_else_ever(exports, runs):
    before = (exports["full"] / "grit.json").read_bytes()
    with pytest.raises(RunFolderError, match="--overwrite to replace it"):
        export_run(runs / "full")
    assert (exports["full"] / "grit.json").read_bytes() == before
    export_run(runs / "full", overwrite=True)
    with pytest.raises(RunFolderError, match="no export of grit"):
        export_run(runs / "full", runs / "data", overwrite=True)
    for inside in ("", "checkpoints/step-000001/model", "export"):
        with pytest.raises(RunFolderError, match="the run's own folder"):
            export_run(runs / "full", runs / "full" / inside, overwrite=True)


def test_what_cannot_be_exported_is_named(runs, tmp_path):
    with pytest.raises(ConfigError, match=r"trained all weights.*--merge"):
        export_run(runs / "full", tmp_path / "x", merge=True)
    with pytest.raises(RunFolderError, match="no checkpoint of step 7; it has 1"):
        export_run(runs / "full", tmp_path / "x", step=7)
    with pytest.raises(RunFolderError, match="holds no run"):
        export_run(runs / "data", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_card_has_recipe_data_limits_licence_and_figures(runs, exports, tmp_path, capsys):
    text = (exports["lora"] / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["library_name"] == "peft"
    assert "base_model" not in head, "a folder is no base that the hub knows"
    for part in (
        "triplets.jsonl | 3",
        f"to {LOWER} pixels",
        "rank: 4",
        "Not evaluated",
        "not known",
    ):
        assert part in text, part
    main(["eval", str(runs / "full"), "--data", str(runs / "data" / "triplets.jsonl"),
          "--max-new-tokens", "2", "--device", "cpu"])  # fmt: skip
    assert main(["export", str(runs / "full"), "--output", str(tmp_path / "out")]) == 0
    assert f"-> {tmp_path / 'out'}" in capsys.readouterr().out
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| mine | grit, grounded | 3 | 0.000 [" in text


def test_the_cards_head_names_a_base_of_the_hub_and_its_licence(exports, runs):
    settings = read_settings(exports["full"])
    named = settings.model_copy(update={"base": "Qwen/Qwen2.5-VL-7B-Instruct"})
    text = model_card(RunFolder(runs / "full"), named, {})
    head = yaml.safe_load(text.split("---")[1])
    assert (head["license"], head["base_model"]) == ("apache-2.0", named.base)


def test_an_export_with_the_templates_text_renders_as_in_training(exports, tiny_folder):
    """The prompt that plain transformers makes of the export's own files."""
    model = load_source(str(exports["merged"]), CPU).model
    model.system_prompt = None
    ours = model.prepare(painted((112, 84)), "Where?")
    plain = plain_inputs(exports["merged"], painted((112, 84)), "Where?")
    assert torch.equal(ours.input_ids, plain["input_ids"][0])


@pytest.fixture
def other_base(runs, tiny_folder, tmp_path):
    """A LoRA run whose base holds other weights now."""
    base = shutil.copytree(tiny_folder, tmp_path / "base")
    output = tmp_path / "run"
    parts = {"model": {"path": str(base), "device": "cpu", **LORA}, "training": {"steps": 1}}
    run(small_recipe(base, runs / "data" / "triplets.jsonl", output, **parts))
    network = Qwen2_5_VLForConditionalGeneration.from_pretrained(base)
    with torch.no_grad():
        network.model.language_model.norm.weight.mul_(1.5)
    network.save_pretrained(base)
    return base, output


def test_a_run_whose_base_was_replaced_is_neither_asked_nor_trained_on(other_base):
    base, output = other_base
    with pytest.raises(ModelError, match="trained on other weights than") as caught:
        load_source(str(output), CPU)
    assert str(base) in str(caught.value)
    checkpoint = RunFolder(output).checkpoint(1)
    config = ModelConfig(path=str(base), device="cpu", lora=LoraConfig(rank=4))
    with pytest.raises(ModelError, match="trained on other weights than"):
        load_learner(config, needs_reference=True, checkpoint=checkpoint)


def test_an_adapter_on_a_base_of_another_family_is_refused(exports, tmp_path):
    moved = shutil.copytree(exports["lora"], tmp_path / "moved")
    settings = json.loads((moved / "grit.json").read_text(encoding="utf-8"))
    settings |= {"family": "internvl", "base_weights": None}
    (moved / "grit.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelError, match=r"family internvl, and .* of the family qwen2_5_vl"):
        load_source(str(moved), CPU)


def test_a_full_disk_speaks_of_the_export_and_leaves_what_stood_there(exports, runs, monkeypatch):
    before = (exports["full"] / "grit.json").read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("grit.app.export.save_model", full)
    with pytest.raises(CheckpointError) as caught:
        export_run(runs / "full", overwrite=True)
    message = str(caught.value)
    assert f"cannot write the export {exports['full']}: No space left on device" in message
    assert "name a folder on another disk with --output" in message
    assert "--resume" not in message
    assert (exports["full"] / "grit.json").read_bytes() == before


def test_a_model_is_asked_and_evaluated_in_the_number_format_of_the_flag(
    exports, runs, tmp_path, capsys
):
    asked = ["ask", str(runs / "data" / "0.png"), "Where?", "--model", str(exports["full"])]
    asked += ["--max-new-tokens", "3", "--device", "cpu"]
    data = ["--data", str(runs / "data" / "triplets.jsonl"), "--max-new-tokens", "2"]
    found = set()
    for dtype in ("float32", "bfloat16"):
        drawn, output = tmp_path / f"{dtype}.png", tmp_path / dtype
        assert main([*asked, "--dtype", dtype, "--output", str(drawn)]) == 0
        words = ["eval", str(exports["full"]), *data, "--device", "cpu", "--dtype", dtype]
        assert main([*words, "--output", str(output)]) == 0
        (rows,) = RunFolder(output).evaluations.glob("*.jsonl")
        found.add(read_rows(rows, EvaluationRow).rows[0].weights)
    assert len(found) == 2, "the fingerprint of the weights tells their format"
    capsys.readouterr()
    assert main([*asked, "--dtype", "float8", "--output", str(tmp_path / "x.png")]) != 0
    assert "float8" in capsys.readouterr().err
