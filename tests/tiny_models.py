"""A random tiny model of every family, and what plain transformers makes of each.

No expectation here is grit's: prompts are put together by the families' own processor classes of
transformers, forwards are whole sequences through their model classes.
"""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    ProcessorMixin,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
)
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import grit.models
import tiny_qwen
from tiny_qwen import SIZES_AND_QUESTIONS, painted

FAMILIES = ("qwen2_5_vl", "qwen3_vl", "internvl", "internvl3_5")
"""Every family; InternVL also as 3.5, whose language model is a Qwen3."""

BUILTIN = Path(grit.models.__file__).parent / "builtin"

TILE = 56
"""Side of a tile of the tiny InternVL; 4×4 patches, merged to 4 tokens."""

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}IMAGE"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""What the templates of Qwen3-VL and InternVL come to for one picture: no system turn of theirs."""

_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    # Random weights that say something: at 0.02 all next tokens would be about alike.
    "initializer_range": 0.15,
}


def build_folder(word: str, folder: Path) -> Path:
    """Random weights, tokenizer, template and image processor of a family."""
    if word == "qwen2_5_vl":
        return tiny_qwen.build_folder(folder)
    folder.mkdir(parents=True)
    tokenizer = AutoTokenizer.from_pretrained(BUILTIN)
    torch.manual_seed(7)
    if word == "qwen3_vl":
        network = _build_qwen3(tokenizer, folder)
    else:
        text = {"model_type": "qwen2"}
        if word == "internvl3_5":
            text = {"model_type": "qwen3", "head_dim": 16}
        network = _build_internvl(tokenizer, folder, text)
    ids = tokenizer.get_vocab()
    network.generation_config.eos_token_id = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    network.generation_config.pad_token_id = ids["<|endoftext|>"]
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _build_qwen3(tokenizer, folder: Path) -> Qwen3VLForConditionalGeneration:
    """Three text layers; features of two depths of a tower of three layers."""
    tokenizer.chat_template = CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    Qwen2VLImageProcessorPil(
        patch_size=16,
        size={"shortest_edge": 32 * 32 * 2, "longest_edge": 32 * 32 * 20},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    ).save_pretrained(folder)
    ids = tokenizer.get_vocab()
    return Qwen3VLForConditionalGeneration(
        Qwen3VLConfig(
            text_config={
                **_TEXT,
                "vocab_size": len(tokenizer),
                "head_dim": 16,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10000.0,
                    "mrope_section": [4, 2, 2],
                    "mrope_interleaved": True,
                },
                "eos_token_id": ids["<|im_end|>"],
                "pad_token_id": ids["<|endoftext|>"],
            },
            vision_config={
                "depth": 3,
                "hidden_size": 64,
                "intermediate_size": 96,
                "num_heads": 4,
                "out_hidden_size": 64,
                "num_position_embeddings": 36,
                "deepstack_visual_indexes": [0, 1],
                "initializer_range": 0.15,
            },
            image_token_id=ids["<|image_pad|>"],
            video_token_id=ids["<|video_pad|>"],
            vision_start_token_id=ids["<|vision_start|>"],
            vision_end_token_id=ids["<|vision_end|>"],
            tie_word_embeddings=True,
        )
    )


def _build_internvl(tokenizer, folder: Path, text: dict) -> InternVLForConditionalGeneration:
    """Two text layers, a tower that sees each tile by itself; up to six tiles and the whole."""
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    boxes = ["<ref>", "</ref>", "<box>", "</box>"]
    tokenizer.add_special_tokens(
        {"extra_special_tokens": [*named.values(), *boxes]},
        replace_extra_special_tokens=False,
    )
    tokenizer._set_model_specific_special_tokens(named)
    tokenizer.chat_template = CHATML.replace("IMAGE", "<IMG_CONTEXT>\n")
    # As the checkpoints' file has it: tiles off, to be switched on for pictures.
    GotOcr2ImageProcessorPil(
        size={"height": TILE, "width": TILE}, max_patches=6, crop_to_patches=False
    ).save_pretrained(folder)
    ids = tokenizer.get_vocab()
    network = InternVLForConditionalGeneration(
        InternVLConfig(
            text_config={
                **_TEXT,
                **text,
                "num_hidden_layers": 2,
                "vocab_size": len(tokenizer),
                "eos_token_id": ids["<|im_end|>"],
                "pad_token_id": ids["<|endoftext|>"],
            },
            vision_config={
                "hidden_size": 64,
                "intermediate_size": 96,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": TILE,
                "patch_size": 14,
                "initializer_range": 0.15,
            },
            image_token_id=ids["<IMG_CONTEXT>"],
            image_seq_length=4,
        )
    )
    # Zeros at the start, and nothing would tell one patch's place from another's.
    torch.nn.init.normal_(network.model.vision_tower.embeddings.position_embeddings, std=0.15)
    return network


def plain_inputs(
    folder: Path,
    picture: Image.Image,
    question: str,
    shown: tuple[Image.Image, str, str] | None = None,
) -> dict[str, torch.Tensor]:
    """One prompt by transformers alone, through the processor of the family where it has one.

    ``shown`` is a picture, a question and a reply that stand before it.
    """
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    word = settings["model_type"]
    if word == "qwen2_5_vl":
        return tiny_qwen.plain_inputs(folder, picture, question, shown)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Without torchvision there are no video processors, and none is looked at for a picture.
    with mock.patch.object(ProcessorMixin, "check_argument_for_proper_class"):
        if word == "internvl":
            processor = InternVLProcessor(
                GotOcr2ImageProcessorPil.from_pretrained(folder),
                tokenizer,
                image_seq_length=settings["image_seq_length"],
            )
        else:
            processor = Qwen3VLProcessor(
                Qwen2VLImageProcessorPil.from_pretrained(folder), tokenizer
            )
    text = tokenizer.apply_chat_template(
        tiny_qwen.plain_messages(question, shown), tokenize=False, add_generation_prompt=True
    )
    pictures = [picture] if shown is None else [shown[0], picture]
    return dict(processor(images=pictures, text=[text], return_tensors="pt"))


def all_plain_inputs(folder: Path, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """The three prompts by transformers alone."""
    return [plain_inputs(folder, painted(size, seed), q) for size, q in SIZES_AND_QUESTIONS]


def plain_features(network, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """All that the tower makes of one picture; a token's features of several depths together."""
    if "image_grid_thw" in inputs:
        made = network.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
        depths = [made.pooler_output, *made.get("deepstack_features", ())]
        return torch.stack(depths, dim=1) if len(depths) > 1 else made.pooler_output
    return network.get_image_features(inputs["pixel_values"]).pooler_output.flatten(0, 1)


def plain_logprobs(
    network, inputs: dict[str, torch.Tensor], tokens: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Log-probabilities of a completion by one forward over prompt and completion together."""
    if "mm_token_type_ids" in inputs:
        return tiny_qwen.plain_logprobs(network, inputs, tokens, temperature)
    prompt = inputs["input_ids"]
    whole = {
        "pixel_values": inputs["pixel_values"],
        "input_ids": torch.cat([prompt, tokens.unsqueeze(0)], dim=1),
    }
    logits = network(**whole, use_cache=False).logits[0, prompt.shape[1] - 1 : -1]
    return (logits / temperature).log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
