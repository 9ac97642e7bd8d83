"""What an engine is given, read by plain transformers and peft."""

from __future__ import annotations

import json

import pytest
import torch
from peft import PeftModel
from transformers import Qwen2_5_VLForConditionalGeneration

from grit.config.model import LoraConfig
from grit.models.adapter import add_adapter
from grit.rollout.handover import write_engine_model, write_weights
from tiny_qwen import MAX_PIXELS, all_plain_inputs, load


def logits(network, inputs):
    with torch.no_grad():
        return network(**inputs).logits


def trained_adapter(model):
    adapter = add_adapter(model, LoraConfig(rank=4))
    torch.manual_seed(5)
    for name, weight in model.network.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return adapter


def test_the_first_folder_holds_the_base_without_its_adapters(tiny_folder, tmp_path):
    inputs = all_plain_inputs(tiny_folder)[0]
    base = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_folder)
    model = load(tiny_folder)
    trained_adapter(model)
    write_engine_model(model, tmp_path / "model")
    read = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path / "model")
    assert torch.equal(logits(read, inputs), logits(base, inputs))
    settings = json.loads((tmp_path / "model/preprocessor_config.json").read_text())
    assert settings["size"]["longest_edge"] == MAX_PIXELS


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")
def test_an_adapter_alone_is_handed_over_and_makes_the_policy_of_the_base(tiny_folder, tmp_path):
    inputs = all_plain_inputs(tiny_folder)[0]
    model = load(tiny_folder)
    adapter = trained_adapter(model)
    write_weights(model, adapter, tmp_path / "adapter")
    names = {file.name for file in (tmp_path / "adapter").glob("*.safetensors")}
    assert names == {"adapter_model.safetensors"}
    base = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_folder)
    read = PeftModel.from_pretrained(base, str(tmp_path / "adapter"))
    assert torch.equal(logits(read, inputs), logits(model.network, inputs))


def test_newer_weights_take_the_place_of_the_first(tiny_folder, tmp_path):
    inputs = all_plain_inputs(tiny_folder)[0]
    model = load(tiny_folder)
    write_engine_model(model, tmp_path / "model")
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.mul_(1.5)
    write_weights(model, None, tmp_path / "model")
    read = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path / "model")
    assert torch.equal(logits(read, inputs), logits(model.network, inputs))
