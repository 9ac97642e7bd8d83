"""Qwen2.5-VL: boxes in pixels of the resized picture, windowed vision tower, m-rope.

Facts of the architecture are read from transformers' ``modeling_qwen2_5_vl``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import DynamicCache, Qwen2_5_VLForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from grit.errors import ModelError, PictureError
from grit.geometry.box import Space
from grit.geometry.spaces import Frame
from grit.models.family import LoadedModel, PixelLimits, PromptInputs, PromptStates

__all__ = ["Qwen25VL"]

_IMAGE_TOKEN = "<|image_pad|>"


class Qwen25VL:
    """The family of ``Qwen2_5_VLForConditionalGeneration``."""

    word = "qwen2_5_vl"
    lora_targets = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"

    def load_network(self, path: str, **keywords: Any) -> nn.Module:
        """Weights from a folder or a hub name.

        Raises:
            ModelError: If weights are missing, which transformers would make up at random.
        """
        # Type checkers do not see that a report is asked for and comes back beside the model.
        load = cast(Any, Qwen2_5_VLForConditionalGeneration.from_pretrained)
        network, report = load(path, output_loading_info=True, **keywords)
        missing = sorted(report["missing_keys"])
        if missing:
            raise ModelError(
                f"the weights of {path} lack {len(missing)} of the tensors that its config.json "
                f"asks for, such as {missing[0]}; take config.json and weights from one checkpoint"
            )
        return network

    def load_image_processor(self, path: str, **keywords: Any) -> Any:
        """The PIL backend: the same pixels on every machine, with or without torchvision."""
        return Qwen2VLImageProcessorPil.from_pretrained(path, **keywords)

    def pixel_limits(self, image_processor: Any) -> PixelLimits:
        """The limits that an image processor applies."""
        size = image_processor.size
        return PixelLimits(int(size["shortest_edge"]), int(size["longest_edge"]))

    def with_pixel_limits(self, image_processor: Any, limits: PixelLimits) -> Any:
        """The same processor under other limits."""
        changed = copy.deepcopy(image_processor)
        changed.size = {"shortest_edge": limits.min_pixels, "longest_edge": limits.max_pixels}
        return changed

    def prepare(self, model: LoadedModel, picture: Image.Image, text: str) -> PromptInputs:
        """Tokens and pixels of one prompt whose text has one image placeholder.

        Raises:
            ModelError: If the chat template leaves no place, or several, for the picture.
            PictureError: If the picture is more than 200 times as long as wide.
        """
        if text.count(_IMAGE_TOKEN) != 1:
            raise ModelError(
                f"a prompt by the chat template of {model.source} has "
                f"{text.count(_IMAGE_TOKEN)} places ({_IMAGE_TOKEN}) for one picture; use a "
                "template that writes it exactly once, and a question and system prompt without it"
            )
        processor = model.image_processor
        try:
            pixels = processor(images=[picture], return_tensors="pt")
        except ValueError as error:
            raise PictureError(f"a picture of {picture.size} cannot be resized: {error}") from error
        grid = pixels["image_grid_thw"]
        _, rows, columns = (int(side) for side in grid[0])
        num_tokens = rows * columns // processor.merge_size**2
        encoded = model.tokenizer(
            text.replace(_IMAGE_TOKEN, _IMAGE_TOKEN * num_tokens),
            return_tensors="pt",
            add_special_tokens=False,
        )
        input_ids = cast(Tensor, encoded["input_ids"])[0]
        image_token = cast(int, model.tokenizer.convert_tokens_to_ids(_IMAGE_TOKEN))
        patch = processor.patch_size
        return PromptInputs(
            text=text,
            input_ids=input_ids,
            image_mask=input_ids == image_token,
            vision={"pixel_values": pixels["pixel_values"], "image_grid_thw": grid},
            frame=Frame(picture.size, Space.RESIZED, (columns * patch, rows * patch)),
        )

    def vision_tower(self, network: nn.Module) -> nn.Module:
        """The part that turns pixels into features, merger included."""
        return cast(Qwen2_5_VLForConditionalGeneration, network).model.visual

    def image_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """Features of each prompt's picture, each (image token, channel)."""
        inner = cast(Qwen2_5_VLForConditionalGeneration, network).model
        device = inner.device
        pixels = torch.cat([prompt.vision["pixel_values"] for prompt in prompts]).to(device)
        grid = torch.cat([prompt.vision["image_grid_thw"] for prompt in prompts]).to(device)
        # The decorators of transformers hide the method's own signature from type checkers.
        output = cast(Any, inner).get_image_features(pixels, grid, return_dict=True)
        return list(output.pooler_output)

    def run_prompts(
        self, network: nn.Module, prompts: Sequence[PromptInputs], features: Sequence[Tensor]
    ) -> PromptStates:
        """Run the decoder over prompts, padded on the left, and keep the cache."""
        inner = cast(Qwen2_5_VLForConditionalGeneration, network).model
        device = inner.device
        input_ids = _pad_left([prompt.input_ids for prompt in prompts]).to(device)
        image_mask = _pad_left([prompt.image_mask.long() for prompt in prompts]).to(device)
        attention = _pad_left([torch.ones_like(prompt.input_ids) for prompt in prompts]).to(device)
        grid = torch.cat([prompt.vision["image_grid_thw"] for prompt in prompts]).to(device)
        positions, deltas = inner.get_rope_index(
            cast(Any, input_ids),
            cast(Any, image_mask.int()),
            image_grid_thw=cast(Any, grid),
            attention_mask=attention,
        )
        encoded = BaseModelOutputWithPooling(pooler_output=cast(Any, tuple(features)))
        output = inner(
            input_ids=input_ids,
            attention_mask=None if bool(attention.all()) else attention,
            position_ids=positions,
            mm_encoder_outputs={"image": encoded},
            past_key_values=DynamicCache(),
            use_cache=True,
        )
        return PromptStates(
            cache=tuple((layer.keys, layer.values) for layer in output.past_key_values.layers),
            attention_mask=attention,
            last_hidden=output.last_hidden_state[:, -1],
            next_position=attention.sum(dim=1) + deltas.reshape(-1),
        )

    def run_completions(
        self,
        network: nn.Module,
        input_ids: Tensor,
        *,
        cache: DynamicCache,
        attention_mask: Tensor | None,
        positions: Tensor,
    ) -> Tensor:
        """Run the decoder over completion tokens on top of a cache, which grows."""
        inner = cast(Qwen2_5_VLForConditionalGeneration, network).model
        output = inner(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=positions.unsqueeze(0).expand(3, -1, -1),
            past_key_values=cache,
            use_cache=True,
        )
        return output.last_hidden_state

    def output_weight(self, network: nn.Module) -> Tensor:
        """The matrix from hidden states to logits; shape (vocabulary, channel)."""
        return cast(Qwen2_5_VLForConditionalGeneration, network).lm_head.weight


def _pad_left(rows: Sequence[Tensor]) -> Tensor:
    """Stack rows of several lengths, zeros on the left; shape (row, longest)."""
    longest = max(len(row) for row in rows)
    return torch.stack([nn.functional.pad(row, (longest - len(row), 0)) for row in rows])
