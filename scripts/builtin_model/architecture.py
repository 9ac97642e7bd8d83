"""The built-in model before it has learned anything: tokenizer, image processor, random weights."""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from corpus import tokenizer_corpus
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from grit.data.scenes.generate import Part, scenes
from grit.data.scenes.scene import GRID

__all__ = ["build_image_processor", "build_network", "build_tokenizer"]

_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

# One number is one token, and so is each piece of JSON around a box: with digits for tokens a
# model of this size did not learn to locate (docs/decisions). Whatever else a user types falls
# apart into bytes, so that every text can be read.
_PIECES = (
    r'\{"bbox_2d": \[|\], "label": "|"\}|, |bbox_2d| ?</?[a-z]+>| ?[A-Za-z]+| ?[0-9]+'
    r"|\s+| ?[^\sA-Za-z0-9]"
)

# Patches are not merged: a token of 28 pixels would hold parts of several shapes, and which colour
# belongs to which of them was learned very slowly (docs/decisions/005).
_MERGE_SIZE = 1

_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which the words of the built-in world are whole."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=[AddedToken(word, special=True) for word in _SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    corpus = tokenizer_corpus(scenes(Part.PRETRAINING, seed), 4000, Random(seed))
    tokenizer.train_from_iterator(corpus, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(_SPECIAL[1:]),
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = _CHAT_TEMPLATE
    return wrapped


def build_image_processor() -> Qwen2VLImageProcessorPil:
    """Shrinks every picture to the area of the world's grid, whatever its shape."""
    return Qwen2VLImageProcessorPil(
        min_pixels=28 * 28, max_pixels=GRID * GRID, merge_size=_MERGE_SIZE
    )


def build_network(
    tokenizer: PreTrainedTokenizerFast, seed: int
) -> Qwen2_5_VLForConditionalGeneration:
    """Random weights of the real architecture, about 1.9 million of them."""
    torch.manual_seed(seed)
    ids = {word: int(tokenizer.convert_tokens_to_ids(word)) for word in _SPECIAL}
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 6, 6],
            },
            "tie_word_embeddings": True,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 3,
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_heads": 4,
            "out_hidden_size": 128,
            "fullatt_block_indexes": [0, 1, 2],
            "window_size": 112,
            "patch_size": 14,
            "spatial_merge_size": _MERGE_SIZE,
            "temporal_patch_size": 2,
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


def save_processing(folder: Path, seed: int, known: Path | None) -> PreTrainedTokenizerFast:
    """Write tokenizer, chat template and image processor into a model folder.

    The tokenizer is that of a known model folder where there is one: weights taken over from there
    know no other.
    """
    if known is None:
        tokenizer = build_tokenizer(seed)
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(known)
    tokenizer.save_pretrained(folder)
    build_image_processor().save_pretrained(folder)
    return tokenizer
