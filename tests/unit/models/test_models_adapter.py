"""LoRA: fresh adapters change nothing, saved ones come back, wrong ones are refused."""

from __future__ import annotations

import pytest
import torch

from grit.config.model import LoraConfig
from grit.errors import ModelError
from grit.models.adapter import add_adapter, load_adapter
from tiny_qwen import all_plain_inputs, load


@pytest.fixture(scope="module")
def inputs(tiny_folder):
    return all_plain_inputs(tiny_folder)[0]


def logits(model, inputs):
    with torch.no_grad():
        return model.network(**inputs).logits


def trainable(model):
    return {n: weight for n, weight in model.network.named_parameters() if weight.requires_grad}


def moved(model) -> None:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in trainable(model).values():
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))


def test_a_fresh_adapter_changes_nothing(tiny_model, inputs):
    before = logits(tiny_model, inputs)
    add_adapter(tiny_model, LoraConfig(rank=4))
    torch.testing.assert_close(logits(tiny_model, inputs), before, atol=1e-6, rtol=0)


def test_adapters_alone_learn_and_go_on_every_linear_layer_of_the_language_model(tiny_model):
    add_adapter(tiny_model, LoraConfig(rank=4))
    names = list(trainable(tiny_model))
    # Two layers of seven matrices, each with two low-rank factors.
    assert len(names) == 2 * 7 * 2
    assert all("lora_" in name and "language_model" in name for name in names)


def test_rank_scale_and_targets_are_the_recipes(tiny_model):
    adapter = add_adapter(tiny_model, LoraConfig(rank=3, alpha=6.0, targets=("o_proj",)))
    weights = trainable(tiny_model)
    assert len(weights) == 2 * 2
    assert {min(weight.shape) for weight in weights.values()} == {3}
    assert adapter.peft_config["default"].lora_alpha == 6.0


def test_a_saved_adapter_on_the_same_model_gives_the_same_logits(tiny_folder, inputs, tmp_path):
    model = load(tiny_folder)
    base = logits(model, inputs)
    adapter = add_adapter(model, LoraConfig(rank=4))
    moved(model)
    expected = logits(model, inputs)
    adapter.save_pretrained(tmp_path / "adapter")
    again = load(tiny_folder)
    load_adapter(again, tmp_path / "adapter", trainable=False)
    assert torch.equal(logits(again, inputs), expected)
    assert (expected - base).abs().max() > 1e-2
    assert not trainable(again)
    assert not list((tmp_path / "adapter").glob("*.bin"))


def test_a_saved_adapter_can_learn_on(tiny_folder, tmp_path):
    model = load(tiny_folder)
    add_adapter(model, LoraConfig(rank=4)).save_pretrained(tmp_path)
    again = load(tiny_folder)
    load_adapter(again, tmp_path, trainable=True)
    assert trainable(again).keys() == trainable(model).keys()


def test_targets_that_no_module_has_are_named(tiny_model):
    with pytest.raises(ModelError, match="no_such_proj"):
        add_adapter(tiny_model, LoraConfig(targets=("no_such_proj",)))


def test_a_folder_that_holds_no_adapter_is_named(tiny_model, tmp_path):
    with pytest.raises(ModelError) as caught:
        load_adapter(tiny_model, tmp_path / "nothing", trainable=False)
    assert str(tmp_path / "nothing") in str(caught.value)


def test_an_adapter_that_was_cut_short_is_named(tiny_folder, tmp_path):
    add_adapter(load(tiny_folder), LoraConfig(rank=4)).save_pretrained(tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError) as caught:
        load_adapter(load(tiny_folder), tmp_path, trainable=False)
    assert str(tmp_path) in str(caught.value)


def test_an_adapter_of_another_rank_than_it_says_is_refused(tiny_folder, tmp_path):
    add_adapter(load(tiny_folder), LoraConfig(rank=4)).save_pretrained(tmp_path)
    settings = tmp_path / "adapter_config.json"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('"r": 4', '"r": 8'), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load_adapter(load(tiny_folder), tmp_path, trainable=False)
    assert str(tmp_path) in str(caught.value)
