"""A random tiny Qwen2.5-VL, and what plain transformers makes of it: no expectation of grit's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import grit.models
from grit.config.model import ModelConfig
from grit.models.load import load_model

MIN_PIXELS = 28 * 28 * 2
MAX_PIXELS = 28 * 28 * 20

SIZES_AND_QUESTIONS = [
    ((112, 84), "How many red circles are there?"),
    ((60, 140), "Is the square left of the star?"),
    ((84, 84), "Where?"),
]
"""Pictures of several shapes, longer than a window of the tower, under prompts of three lengths."""

COMPLETIONS = [
    (0, "<think> There are 3 boxes. </think> <answer> 3 </answer>"),
    (0, "no"),
    (0, '{"bbox_2d": [10, 20, 30, 40]}'),
    (1, "<answer> yes </answer>"),
    (1, "x"),
    (2, "the red circle is left of the blue square, I think"),
    (2, "<think> a </think>"),
]
"""Which prompt, and what is said after it."""


def painted(size: tuple[int, int], seed: int = 0, mode: str = "RGB") -> Image.Image:
    """A picture of noise, no two alike."""
    width, height = size
    noise = np.random.default_rng([seed, width, height]).integers(0, 256, (height, width, 3))
    return Image.fromarray(noise.astype(np.uint8)).convert(mode)


def build_folder(folder: Path, *, head: int = 16) -> Path:
    """Random weights of the real architecture beside the built-in model's processing files."""
    builtin = Path(grit.models.__file__).parent / "builtin"
    folder.mkdir(parents=True)
    names = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    for name in (*names, "preprocessor_config.json"):
        shutil.copy(builtin / name, folder / name)
    processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    processor.size = {"shortest_edge": MIN_PIXELS, "longest_edge": MAX_PIXELS}
    processor.merge_size = 2  # as Qwen's own; the built-in model's is its own affair
    processor.save_pretrained(folder)
    build_network(AutoTokenizer.from_pretrained(folder), head=head).save_pretrained(folder)
    return folder


def build_network(tokenizer, *, head: int = 16) -> Qwen2_5_VLForConditionalGeneration:
    """Two text layers, two vision layers of which the first looks through windows of 2×2 tokens.

    The four text heads are ``head`` wide.
    """
    torch.manual_seed(7)
    ids = tokenizer.get_vocab()
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 4 * head,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            # Random weights that say something: at 0.02 all next tokens would be about alike.
            "initializer_range": 0.15,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [head // 8, 3 * head // 16, 3 * head // 16],
            },
            "tie_word_embeddings": True,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_heads": 4,
            "out_hidden_size": 4 * head,
            "fullatt_block_indexes": [1],
            "window_size": 56,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "initializer_range": 0.15,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    network = Qwen2_5_VLForConditionalGeneration(config)
    network.generation_config.eos_token_id = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    network.generation_config.pad_token_id = ids["<|endoftext|>"]
    return network


def load(folder: Path, **settings):
    """The folder as grit loads it."""
    return load_model(ModelConfig(path=str(folder), device="cpu", **settings))


def prompts_of(model, seed: int = 0):
    """The three pictures and questions, through grit."""
    return [model.prepare(painted(size, seed), question) for size, question in SIZES_AND_QUESTIONS]


def spelled(model, text: str) -> torch.Tensor:
    """A text's tokens; shape (token,)."""
    return torch.tensor(model.tokenizer(text, add_special_tokens=False)["input_ids"])


def completions_of(model) -> tuple[list[int], list[torch.Tensor]]:
    """Owners and tokens of the completions over the three prompts."""
    return [owner for owner, _ in COMPLETIONS], [spelled(model, text) for _, text in COMPLETIONS]


def plain_messages(question: str, shown=None) -> list[dict]:
    """What a chat template is given: a picture with a question, an example before them or none."""

    def turn(role, text, *pictures):
        return {"role": role, "content": [*pictures, {"type": "text", "text": text}]}

    picture = {"type": "image"}
    before = [] if shown is None else [turn("user", shown[1], picture), turn("assistant", shown[2])]
    return [*before, turn("user", question, picture)]


def plain_inputs(
    folder: Path, picture: Image.Image, question: str, shown=None
) -> dict[str, torch.Tensor]:
    """One prompt by transformers alone, put together as its own Qwen2.5-VL processor does."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    text = tokenizer.apply_chat_template(
        plain_messages(question, shown), tokenize=False, add_generation_prompt=True
    )
    pixels = processor(
        images=[picture] if shown is None else [shown[0], picture], return_tensors="pt"
    )
    for grid in pixels["image_grid_thw"]:
        num_tokens = int(grid.prod()) // processor.merge_size**2
        text = text.replace("<|image_pad|>", "<|placeholder|>" * num_tokens, 1)
    text = text.replace("<|placeholder|>", "<|image_pad|>")
    input_ids = tokenizer(text, return_tensors="pt")["input_ids"]
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones_like(input_ids),
        "mm_token_type_ids": (input_ids == tokenizer.get_vocab()["<|image_pad|>"]).int(),
        "pixel_values": pixels["pixel_values"],
        "image_grid_thw": pixels["image_grid_thw"],
    }


def all_plain_inputs(folder: Path, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """The three prompts by transformers alone."""
    return [plain_inputs(folder, painted(size, seed), q) for size, q in SIZES_AND_QUESTIONS]


def plain_logprobs(
    network, inputs: dict[str, torch.Tensor], tokens: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Log-probabilities of a completion by one forward over prompt and completion together."""
    prompt, completion = inputs["input_ids"], tokens.unsqueeze(0)
    whole = {
        **inputs,
        "input_ids": torch.cat([prompt, completion], dim=1),
        "attention_mask": torch.ones(1, prompt.shape[1] + len(tokens), dtype=torch.long),
        "mm_token_type_ids": torch.cat(
            [inputs["mm_token_type_ids"], torch.zeros_like(completion).int()], dim=1
        ),
    }
    logits = network(**whole, use_cache=False).logits[0, prompt.shape[1] - 1 : -1]
    return (logits / temperature).log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
