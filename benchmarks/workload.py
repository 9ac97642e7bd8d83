"""What every step is measured on: a small random Qwen2.5-VL, pictures, one question of a length.

Written into a folder, so that each side reads the same files with its own code.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from grit.models.load import BUILTIN_FOLDER

__all__ = ["IMAGE_SIDES", "Workload", "build_model", "write_workload"]

VOCABULARY = 32_768
PATCH, MERGE = 14, 2

IMAGE_SIDES = {60: 112, 380: 448, 1150: 896}
"""Side of the square picture by prompt tokens: 16, 256 and 1024 image tokens."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One cell of the grid.

    Args:
        model: Folder of weights and processing files.
        pictures: Of one size; a step takes the next.
        question: Makes the prompt ``prompt_tokens`` long.
        prompt_tokens: Tokens of a prompt, image tokens included.
        group_size: Completions of the one prompt of a step.
        completion_tokens: Each completion's length, forced.
        micro_batch: Most sequences of one forward and backward.
        freeze_vision: Whether tower and merger learn.
        beta: Weight of the KL.
        temperature: Of sampling.
        dtype: Of weights.
        device: Where it runs.
        master_weights: Whether ours keeps float32 copies of 16-bit weights; TRL keeps none.
    """

    model: str
    pictures: tuple[str, ...]
    question: str
    prompt_tokens: int
    group_size: int
    completion_tokens: int = 150
    micro_batch: int = 16
    freeze_vision: bool = False
    beta: float = 0.04
    temperature: float = 1.0
    dtype: str = "float32"
    device: str = "cpu"
    master_weights: bool = False

    @classmethod
    def read(cls, path: Path) -> Workload:
        """Read what ``write_workload`` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "pictures": tuple(content["pictures"])})


def build_model(folder: Path) -> Path:
    """About 40 million random weights: 8 text and 6 vision layers, 32 768 words."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(BUILTIN_FOLDER / name, folder / name)
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "patch_size": PATCH,
        "merge_size": MERGE,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": 56 * 56, "longest_edge": 1280 * 28 * 28},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Every row of the output matrix has a spelling, as in a real checkpoint.
    tokenizer.add_tokens([f"w{number}" for number in range(VOCABULARY - len(tokenizer))])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    network = Qwen2_5_VLForConditionalGeneration(_configuration(tokenizer.get_vocab()))
    # A random model must not end by chance: every completion has the length that is asked for.
    network.generation_config.eos_token_id = None
    network.generation_config.pad_token_id = tokenizer.pad_token_id
    network.save_pretrained(folder)
    return folder


def write_workload(
    folder: Path, *, model: Path, prompt_tokens: int, num_pictures: int, **fields: object
) -> Path:
    """Paint pictures, word the question, and write the cell's file."""
    folder.mkdir(parents=True, exist_ok=True)
    side = IMAGE_SIDES[prompt_tokens]
    pictures: list[str] = []
    for number in range(num_pictures):
        noise = np.random.default_rng([side, number]).integers(0, 256, (side, side, 3))
        path = folder / f"{number:03}.png"
        Image.fromarray(noise.astype(np.uint8)).save(path)
        pictures.append(str(path))
    question = _question(model, prompt_tokens - (side // PATCH // MERGE) ** 2)
    cell = Workload(str(model), tuple(pictures), question, prompt_tokens, **fields)  # pyright: ignore[reportArgumentType]
    path = folder / "workload.json"
    path.write_text(json.dumps(asdict(cell)), encoding="utf-8")
    return path


def _question(model: Path, text_tokens: int) -> str:
    """Words that fill a prompt up to a number of tokens, its picture not counted."""
    tokenizer = AutoTokenizer.from_pretrained(model)

    def length(words: str) -> int:
        content = [{"type": "image"}, {"type": "text", "text": words}]
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        return len(tokenizer(text)["input_ids"]) - 1

    words = ""
    while length(words + "?") <= text_tokens:
        words += "?"
    if length(words) != text_tokens:
        raise SystemExit(f"no question makes a prompt of {text_tokens} text tokens")
    return words


def _configuration(ids: dict[str, int]) -> Qwen2_5_VLConfig:
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 512,
            "intermediate_size": 1152,
            "num_hidden_layers": 8,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [8, 12, 12],
            },
            "tie_word_embeddings": True,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 6,
            "hidden_size": 256,
            "intermediate_size": 688,
            "num_heads": 8,
            "out_hidden_size": 512,
            "fullatt_block_indexes": [2, 5],
            "window_size": 112,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
