"""Qwen2.5-VL-3B at full size on a GPU; on any machine, the same script with a tiny model."""

from __future__ import annotations

import importlib.util
import json

import full_size
import pytest
import torch

TINY = ["--tiny", "--image-tokens", "16", "--completion-tokens", "6", "--device", "cpu"]

WAYS = {
    "full": ["--way", "full"],
    "lora": ["--way", "lora"],
    "full, checkpointed": ["--way", "full", "--gradient-checkpointing"],
    "lora, checkpointed": ["--way", "lora", "--gradient-checkpointing"],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_script_takes_three_steps_of_a_tiny_model_in_bfloat16(way, capsys):
    assert full_size.main([*WAYS[way], *TINY]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["gradient_norms"]) == 3
    assert all(norm > 0 for norm in said["gradient_norms"])
    assert set(said["planned_gib"]) == {"rollout", "reference", "training"}
    assert said["text_tokens"] > 16, "the prompt's own words are planned for"
    assert said["peak_measured_gib"] is None


def test_a_plan_is_off_when_it_misses_by_more_than_the_tolerance():
    assert not full_size.is_off(115.0, 100.0, 0.15)
    assert full_size.is_off(84.0, 100.0, 0.15)
    assert full_size.is_off(116.0, 100.0, 0.15)
    assert not full_size.is_off(1.0, None, 0.15), "nothing was measured without a GPU"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("way", WAYS)
def test_the_peak_of_the_3b_base_is_the_planned_one(way, capsys):
    assert full_size.main(WAYS[way]) == 0, capsys.readouterr().out


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("flash_attn") is None,
    reason="there is no GPU, or no flash-attn",
)
@pytest.mark.parametrize("way", WAYS)
def test_the_peak_with_flash_attention_is_the_planned_one(way, capsys):
    assert full_size.main([*WAYS[way], "--attention", "flash_attention_2"]) == 0, (
        capsys.readouterr().out
    )
