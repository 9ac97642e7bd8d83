"""A shipped base at full size with random weights: no hub is needed to measure its steps.

Weights are drawn on the shape that ``planning/bases.yaml`` gives; tokenizer and chat template are
the built-in model's, whose words are a part of the base's rows.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoTokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from grit.models.load import BUILTIN_FOLDER
from grit.planning.bases import shipped_bases

__all__ = ["BASE", "build_base"]

BASE = "Qwen/Qwen2.5-VL-3B-Instruct"

TINY = {
    "text_config": {
        "vocab_size": 4096, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
    },
    "vision_config": {
        "hidden_size": 64, "intermediate_size": 96, "depth": 2, "num_heads": 4,
        "out_hidden_size": 64, "fullatt_block_indexes": [1],
    },
}  # fmt: skip
"""What ``tiny`` changes of the base: the same path on any machine, to test what uses it."""


def build_base(folder: Path, *, dtype: str, tiny: bool, device: str) -> Path:
    """A folder of the base's shape: random weights, the built-in words, its image processor."""
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(BUILTIN_FOLDER / name, folder / name)
    words = AutoTokenizer.from_pretrained(folder).get_vocab()
    base = shipped_bases()[BASE]
    settings = copy.deepcopy(base.config)
    for part, changes in (TINY if tiny else {}).items():
        settings[part] |= changes
    settings |= {
        "image_token_id": words["<|image_pad|>"],
        "video_token_id": words["<|video_pad|>"],
        "vision_start_token_id": words["<|vision_start|>"],
        "vision_end_token_id": words["<|vision_end|>"],
    }
    Qwen2VLImageProcessorPil(
        patch_size=settings["vision_config"]["patch_size"],
        merge_size=settings["vision_config"]["spatial_merge_size"],
        size={"shortest_edge": base.pixels[0], "longest_edge": base.pixels[1]},
    ).save_pretrained(folder)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    torch.manual_seed(0)
    with torch.device(device):
        network = AutoModelForImageTextToText.from_config(config, dtype=getattr(torch, dtype))
    network.generation_config.eos_token_id = words["<|im_end|>"]
    network.generation_config.pad_token_id = words["<|endoftext|>"]
    network.save_pretrained(folder)
    return folder
