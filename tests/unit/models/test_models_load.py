"""Loading and saving a model, and every way in which a folder can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from grit.config.model import ModelConfig
from grit.errors import ModelError
from grit.models.family import PixelLimits
from grit.models.load import BUILTIN_FOLDER, load_model, save_model
from tiny_qwen import MAX_PIXELS, MIN_PIXELS, all_plain_inputs, load, painted


@pytest.fixture
def copied(tiny_folder, tmp_path):
    """A copy of the tiny model's folder, to break."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def refusal(folder, **settings) -> str:
    with pytest.raises(ModelError) as caught:
        load(folder, **settings)
    message = str(caught.value)
    # One paragraph for a reader, however long the exception of a library below was.
    assert "Traceback" not in message
    assert len(message) < 700
    return message


def edit(path, **changes) -> None:
    settings = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(settings), encoding="utf-8")


def test_a_folder_gives_the_weights_that_are_in_it(tiny_model, tiny_folder):
    plain = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32)
    inputs = all_plain_inputs(tiny_folder)[0]
    with torch.no_grad():
        expected, ours = plain(**inputs).logits, tiny_model.network(**inputs).logits
    assert torch.equal(ours, expected)


def test_a_loaded_model_is_frozen_and_in_evaluation_mode(tiny_model):
    assert not tiny_model.network.training
    assert not any(weight.requires_grad for weight in tiny_model.network.parameters())
    assert {weight.dtype for weight in tiny_model.network.parameters()} == {torch.float32}
    assert tiny_model.device.type == "cpu"


def test_both_end_tokens_of_the_checkpoint_stop_a_turn(tiny_model):
    vocabulary = tiny_model.tokenizer.get_vocab()
    assert set(tiny_model.stop_ids) == {vocabulary["<|im_end|>"], vocabulary["<|endoftext|>"]}


def test_the_number_format_is_the_recipes(tiny_folder):
    model = load(tiny_folder, dtype="bfloat16")
    assert {weight.dtype for weight in model.network.parameters()} == {torch.bfloat16}


def test_the_built_in_model_goes_by_its_word_and_by_its_folder():
    by_word, by_folder = load_model(ModelConfig(device="cpu")), load(BUILTIN_FOLDER)
    assert by_word.source == "builtin"
    assert by_word.limits == by_folder.limits
    for one, other in zip(
        by_word.network.parameters(), by_folder.network.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_a_path_may_start_at_home(tiny_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(tiny_folder.parent))
    assert load(Path("~") / tiny_folder.name).limits == PixelLimits(MIN_PIXELS, MAX_PIXELS)


def test_a_relative_path_of_one_slash_is_a_folder_where_there_is_one(tiny_folder, monkeypatch):
    monkeypatch.chdir(tiny_folder.parent.parent)
    relative = Path(tiny_folder.parent.name) / tiny_folder.name
    assert load(relative).source == str(relative)


def test_a_family_that_is_named_need_not_be_guessed(tiny_folder):
    assert load(tiny_folder, family="qwen2_5_vl").family.word == "qwen2_5_vl"


def test_no_folder_is_an_error_that_names_it_and_what_may_be_given(tmp_path):
    message = refusal(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in message
    assert "builtin" in message
    assert "config.json" in message


def test_a_hub_name_that_cannot_be_had_is_named():
    message = refusal("nobody/no-such-model")
    assert "nobody/no-such-model" in message


@pytest.mark.parametrize(
    ("missing", "what", "fix"),
    [
        ("config.json", "configuration", "config.json"),
        ("tokenizer.json", "tokenizer", "tokenizer.json"),
        ("model.safetensors", "weights", "model.safetensors"),
        ("preprocessor_config.json", "image processor", "preprocessor_config.json"),
    ],
)
def test_what_a_folder_lacks_is_named_with_the_file_to_add(copied, missing, what, fix):
    (copied / missing).unlink()
    message = refusal(copied)
    for part in (str(copied), what, fix, "copy it"):
        assert part in message


def test_a_folder_without_a_chat_template_says_where_to_put_one(copied):
    (copied / "chat_template.jinja").unlink()
    message = refusal(copied)
    for part in (str(copied), "chat_template.jinja", "model.chat_template"):
        assert part in message


def test_an_architecture_that_no_one_knows_is_named_beside_those_that_grit_knows(copied):
    edit(copied / "config.json", model_type="vision_of_tomorrow")
    message = refusal(copied)
    for part in (str(copied), "vision_of_tomorrow", "qwen2_5_vl"):
        assert part in message


def test_an_architecture_that_only_transformers_knows_is_refused_too(copied):
    edit(copied / "config.json", model_type="llama")
    message = refusal(copied)
    for part in (str(copied), "llama", "qwen2_5_vl"):
        assert part in message


def test_a_family_that_the_checkpoint_is_not_of_is_refused(copied):
    edit(copied / "config.json", model_type="llama")
    message = refusal(copied, family="qwen2_5_vl")
    for part in (str(copied), "llama", "model.family"):
        assert part in message


@pytest.mark.parametrize("text", ['{"model_type": ', "[]", "3"])
def test_a_configuration_that_is_no_json_object_is_named(copied, text):
    (copied / "config.json").write_text(text, encoding="utf-8")
    message = refusal(copied)
    assert str(copied) in message
    assert "config" in message


def test_weights_that_were_cut_short_are_an_error(copied):
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    message = refusal(copied)
    for part in (str(copied), "model.safetensors", "again"):
        assert part in message


def test_weights_that_are_no_safetensors_are_an_error(copied):
    (copied / "model.safetensors").write_bytes(b"\xff" * 64)
    assert str(copied) in refusal(copied)


def test_weights_with_a_layer_missing_are_not_made_up(copied):
    path = copied / "model.safetensors"
    weights = load_file(path)
    name = "model.language_model.layers.1.mlp.up_proj.weight"
    del weights[next(each for each in weights if each.endswith("layers.1.mlp.up_proj.weight"))]
    save_file(weights, path, metadata={"format": "pt"})
    message = refusal(copied)
    assert str(copied) in message
    assert name in message


def test_a_family_that_is_not_declared_at_all_is_an_error(copied):
    path = copied / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    del settings["model_type"]
    path.write_text(json.dumps(settings), encoding="utf-8")
    assert "qwen2_5_vl" in refusal(copied)


def test_weights_of_another_size_are_an_error(copied):
    path = copied / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["text_config"]["intermediate_size"] += 8
    path.write_text(json.dumps(settings), encoding="utf-8")
    assert str(copied) in refusal(copied)


def test_a_missing_part_of_weights_in_parts_is_an_error(copied):
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(copied)
    (copied / "model.safetensors").unlink()
    model.save_pretrained(copied, max_shard_size="100KB")
    parts = sorted(copied.glob("model-*.safetensors"))
    assert len(parts) > 1
    load(copied)
    parts[0].unlink()
    message = refusal(copied)
    assert str(copied) in message
    assert parts[0].name in message


def test_a_tokenizer_that_is_no_json_is_an_error(copied):
    (copied / "tokenizer.json").write_text("{", encoding="utf-8")
    assert str(copied) in refusal(copied)


def test_a_tokenizer_of_another_shape_is_an_error(copied):
    (copied / "tokenizer.json").write_text('{"version": "1.0", "model": {}}', encoding="utf-8")
    assert str(copied) in refusal(copied)


def test_a_tokenizer_larger_than_the_weights_is_an_error(copied):
    tokenizer = AutoTokenizer.from_pretrained(copied)
    rows = len(tokenizer)
    tokenizer.add_tokens(["<one>", "<two>"])
    tokenizer.save_pretrained(copied)
    message = refusal(copied)
    for part in (str(copied), str(rows), str(rows + 2), "same checkpoint"):
        assert part in message


def test_an_image_processor_that_is_no_json_is_an_error(copied):
    (copied / "preprocessor_config.json").write_text("[", encoding="utf-8")
    assert str(copied) in refusal(copied)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error(tiny_folder):
    with pytest.raises(ModelError, match=r"model\.device .*auto"):
        load_model(ModelConfig(path=str(tiny_folder), device="cuda"))


def test_a_lower_limit_above_the_checkpoints_upper_one_is_an_error(tiny_folder):
    message = refusal(tiny_folder, min_pixels=MAX_PIXELS + 1)
    for part in (str(MAX_PIXELS + 1), str(MAX_PIXELS), str(tiny_folder), "model.max_pixels"):
        assert part in message


def test_the_checkpoints_pixel_limits_hold(tiny_model):
    assert tiny_model.limits == PixelLimits(MIN_PIXELS, MAX_PIXELS)


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({"min_pixels": 28 * 28}, PixelLimits(28 * 28, MAX_PIXELS)),
        ({"max_pixels": 28 * 28 * 6}, PixelLimits(MIN_PIXELS, 28 * 28 * 6)),
        ({"min_pixels": 900, "max_pixels": 28 * 28 * 6}, PixelLimits(900, 28 * 28 * 6)),
    ],
)
def test_the_recipes_pixel_limits_go_before_the_checkpoints(tiny_folder, settings, limits):
    model = load(tiny_folder, **settings)
    assert model.limits == limits
    prepared = model.prepare(painted((600, 500)), "Where?")
    width, height = prepared.frame.resized_size
    assert width * height <= limits.max_pixels


def test_limits_of_checkpoints_in_the_older_spelling_are_read(copied):
    """Qwen's own checkpoints say min_pixels and max_pixels beside or without size."""
    path = copied / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    del settings["size"]
    path.write_text(
        json.dumps(settings | {"min_pixels": 3136, "max_pixels": 12845056}), encoding="utf-8"
    )
    assert load(copied).limits == PixelLimits(3136, 12845056)


def test_a_saved_model_is_read_back_with_its_weights_and_changed_limits(tiny_folder, tmp_path):
    model = load(tiny_folder, min_pixels=28 * 28, max_pixels=28 * 28 * 6)
    with torch.no_grad():
        model.network.lm_head.weight.mul_(1.5)
    save_model(model, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.limits == PixelLimits(28 * 28, 28 * 28 * 6)
    assert again.stop_ids == model.stop_ids
    assert again.render("Where?") == model.render("Where?")
    saved, kept = (dict(each.network.named_parameters()) for each in (again, model))
    assert saved.keys() == kept.keys()
    assert all(torch.equal(saved[name], kept[name]) for name in kept)


def test_plain_transformers_reads_a_saved_model_under_the_changed_limits(tiny_folder, tmp_path):
    model = load(tiny_folder, max_pixels=28 * 28 * 6)
    save_model(model, tmp_path)
    processor = Qwen2VLImageProcessorPil.from_pretrained(tmp_path)
    picture = painted((600, 500))
    expected = processor(images=[picture], return_tensors="pt")
    prepared = model.prepare(picture, "Where?")
    assert torch.equal(prepared.vision["pixel_values"], expected["pixel_values"])
    assert int(expected["image_grid_thw"].prod()) <= 6 * 4


def test_a_saved_template_of_the_recipe_goes_with_the_model(tiny_folder, tmp_path):
    template = tmp_path / "mine.jinja"
    template.write_text("Look: <|image_pad|> Now answer.", encoding="utf-8")
    save_model(load(tiny_folder, chat_template=template), tmp_path / "saved")
    assert load(tmp_path / "saved").render("?") == "Look: <|image_pad|> Now answer."


def test_torchvision_that_is_not_installed_is_refused_with_the_fix(tiny_folder):
    said = refusal(tiny_folder, image_processor="torchvision")
    assert "torchvision is not installed" in said
    assert "set model.image_processor" in said
    assert "to pil" in said


def test_plain_transformers_makes_the_same_prompt_of_what_was_saved(family_folder, tmp_path):
    model = load(family_folder)
    assert model.image_backend == "pil"
    save_model(model, tmp_path)
    picture = painted((140, 84))
    inputs = model.prepare(picture, "How many?")
    # Without torchvision transformers has no AutoProcessor for these; with it: make vllm-test.
    images = AutoImageProcessor.from_pretrained(tmp_path)
    made = images(images=[picture], return_tensors="pt")
    for name, ours in inputs.vision.items():
        assert torch.equal(made[name], ours), name
    content = [{"type": "image"}, {"type": "text", "text": "How many?"}]
    text = AutoTokenizer.from_pretrained(tmp_path).apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    assert text == inputs.text


def test_flash_attention_without_a_gpu_is_refused_with_the_fix(tiny_folder):
    said = refusal(tiny_folder, attention="flash_attention_2", dtype="bfloat16")
    assert "would be on the CPU" in said
    assert "set model.attention to sdpa" in said


def test_code_that_comes_with_a_checkpoint_is_not_run(copied):
    named = {name: f"theirs.{name}" for name in ("AutoConfig", "AutoModelForImageTextToText")}
    edit(copied / "config.json", auto_map=named)
    edit(copied / "preprocessor_config.json", auto_map={"AutoImageProcessor": "theirs.Processor"})
    edit(copied / "tokenizer_config.json", auto_map={"AutoTokenizer": ["theirs.Tokenizer", None]})
    run = copied / "run"
    (copied / "theirs.py").write_text(f"open({str(run)!r}, 'w').close()\n", encoding="utf-8")
    model = load(copied)
    assert type(model.network) is Qwen2_5_VLForConditionalGeneration
    assert not run.exists()


def test_code_of_a_checkpoints_tokenizer_is_run_under_its_flag(copied, monkeypatch, tmp_path):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "hf"))
    edit(copied / "tokenizer_config.json", auto_map={"AutoTokenizer": ["theirs.Theirs", None]})
    (copied / "theirs.py").write_text(
        "from transformers import PreTrainedTokenizerFast\n\n\n"
        "class Theirs(PreTrainedTokenizerFast):\n    pass\n",
        encoding="utf-8",
    )
    assert type(load(copied, trust_remote_code=True).tokenizer).__name__ == "Theirs"
    assert type(load(copied).tokenizer).__name__ != "Theirs"
