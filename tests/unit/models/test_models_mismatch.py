"""Parts of a model that do not belong together are refused before anything is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import InternVLConfig, InternVLForConditionalGeneration, InternVLProcessor

from grit.app.plan import make_plan
from grit.config.model import LoraConfig, ModelConfig
from grit.config.recipe import Recipe
from grit.errors import ModelError
from grit.models.adapter import add_adapter, load_adapter
from grit.models.load import load_model, save_model
from tiny_models import build_folder, plain_inputs
from tiny_qwen import load, painted


@pytest.fixture
def copied(family_folder, tmp_path):
    """A copy of the folder, to break."""
    return Path(shutil.copytree(family_folder, tmp_path / "copy"))


@pytest.fixture(scope="module")
def tiles_folder(tmp_path_factory):
    return build_folder("internvl", tmp_path_factory.mktemp("tiles") / "internvl")


def refusal(call, *arguments, **settings) -> str:
    with pytest.raises(ModelError) as caught:
        call(*arguments, **settings)
    assert len(str(caught.value)) < 700
    return str(caught.value)


def test_an_image_processor_that_cuts_other_patches_is_refused(copied):
    path = copied / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    name = "patch_size" if "patch_size" in settings else "size"
    side = settings.get("patch_size", 56)
    settings[name] = 2 * side if name == "patch_size" else {"height": 2 * side, "width": 2 * side}
    path.write_text(json.dumps(settings), encoding="utf-8")
    message = refusal(load, copied)
    for part in (str(copied), name, str(side), str(2 * side), "preprocessor_config.json"):
        assert part in message


def test_a_merge_that_the_network_does_not_make_is_refused(tiny_folder, tmp_path):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "copy"))
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"merge_size": 4}
    path.write_text(json.dumps(settings), encoding="utf-8")
    assert "merge_size 4, and its network was made for 2" in refusal(load, folder)


def test_bfloat16_on_a_gpu_that_does_not_compute_in_it_is_refused(tiny_folder, monkeypatch):
    """No such GPU is at hand, so its answers are given for it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    config = ModelConfig(path=str(tiny_folder), dtype="bfloat16")
    message = refusal(load_model, config)
    for part in ("bfloat16", "Tesla T4", "model.dtype to float32", "model.device to cpu"):
        assert part in message
    assert load(tiny_folder, dtype="bfloat16").device.type == "cpu"


@pytest.fixture(scope="module")
def deeper_folder(tmp_path_factory):
    """Three decoder layers of the same shapes as the two of ``tiny_folder``."""
    return build_folder("qwen3_vl", tmp_path_factory.mktemp("deeper") / "qwen3_vl")


@pytest.mark.parametrize("deeper_adapter", [False, True])
def test_an_adapter_of_another_model_is_refused_though_its_shapes_fit(
    tiny_folder, deeper_folder, tmp_path, deeper_adapter
):
    """peft alone takes what has a place, and leaves the rest untrained."""
    made_on, given = tiny_folder, deeper_folder
    if deeper_adapter:
        made_on, given = given, made_on
    add_adapter(load(made_on), LoraConfig(rank=4)).save_pretrained(tmp_path)
    message = refusal(load_adapter, load(given), tmp_path, trainable=False)
    # A layer has seven matrices of two factors each.
    extra, missing = (14, 0) if deeper_adapter else (0, 14)
    for part in (
        str(tmp_path), str(given), f"{extra} of its", f"{missing} that it needs", "layers.2.",
        "model that it was trained on",
    ):  # fmt: skip
        assert part in message


def test_an_internvl_with_an_output_matrix_of_its_own_keeps_it(tiles_folder, tmp_path):
    """As transformers 4 wrote InternVL3: only text_config says that nothing is tied."""
    config = InternVLConfig.from_pretrained(tiles_folder)
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = False
    folder = Path(shutil.copytree(tiles_folder, tmp_path / "copy"))
    made = InternVLForConditionalGeneration(config)
    made.save_pretrained(folder)
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    del settings["tie_word_embeddings"]
    path.write_text(json.dumps(settings), encoding="utf-8")
    model = load(folder)
    assert torch.equal(model.network.lm_head.weight, made.lm_head.weight)
    save_model(model, tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    assert saved["tie_word_embeddings"] is False, "others would tie what was not"
    with safe_open(folder / "model.safetensors", "pt") as file:
        stored = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
    recipe = Recipe.model_validate({"model": {"path": str(folder), "device": "cpu"}})
    assert make_plan(recipe).model.parameters == stored


def test_saved_processing_tells_internvls_processor_how_many_tokens_a_tile_has(
    tiles_folder, tmp_path
):
    """Four here; where nothing says so, transformers takes a tile for 256."""
    model = load(tiles_folder)
    save_model(model, tmp_path)
    told, _ = InternVLProcessor.get_processor_dict(tmp_path)
    assert told["processor_class"] == "InternVLProcessor"
    inputs = plain_inputs(tiles_folder, painted((50, 50)), "Where?")
    assert told["image_seq_length"] == int(
        (inputs["input_ids"] == model.network.config.image_token_id).sum()
    )
    assert load(tmp_path).limits == model.limits
