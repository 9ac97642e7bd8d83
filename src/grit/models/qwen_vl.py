"""What Qwen's vision-language families share: patches in a grid, m-rope, the image processor.

Facts of the architectures are read from transformers' ``modeling_qwen2_5_vl`` and
``modeling_qwen3_vl``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from grit.errors import PictureError
from grit.geometry.box import Space
from grit.geometry.spaces import Frame
from grit.models.decoder import DecoderFamily
from grit.models.family import ImageBackend, LoadedModel, PixelLimits, PromptInputs
from grit.models.tokens import PaddedPrompts, place_pictures

__all__ = ["QwenVL"]


class QwenVL(DecoderFamily):
    """A family of Qwen's; one that is complete names its space, too.

    Its tower makes one feature a token. What else a tower makes is joined to it by ``_join``
    and taken apart by ``_encoded``, so that features stay one tensor a picture.
    """

    space: Space

    def load_image_processor(self, path: str, backend: ImageBackend, **keywords: Any) -> Any:
        """The image processor of all Qwen families."""
        if backend == "pil":
            return Qwen2VLImageProcessorPil.from_pretrained(path, **keywords)
        # Its module needs torchvision, which is not to be had everywhere.
        from transformers.models.qwen2_vl import image_processing_qwen2_vl as by_torchvision

        return cast(Any, by_torchvision).Qwen2VLImageProcessor.from_pretrained(path, **keywords)

    def pixel_limits(self, image_processor: Any) -> PixelLimits:
        """The limits that an image processor applies."""
        size = image_processor.size
        return PixelLimits(int(size["shortest_edge"]), int(size["longest_edge"]))

    def with_pixel_limits(self, image_processor: Any, limits: PixelLimits) -> Any:
        """The same processor under other limits."""
        changed = copy.deepcopy(image_processor)
        changed.size = {"shortest_edge": limits.min_pixels, "longest_edge": limits.max_pixels}
        return changed

    def patch_settings(
        self, network: nn.Module, image_processor: Any
    ) -> dict[str, tuple[object, object]]:
        """Sides of patches, in space and time, and how many are merged."""
        vision = cast(Any, network).config.vision_config
        return {
            "patch_size": (image_processor.patch_size, vision.patch_size),
            "temporal_patch_size": (
                image_processor.temporal_patch_size,
                vision.temporal_patch_size,
            ),
            "merge_size": (image_processor.merge_size, vision.spatial_merge_size),
        }

    def prepare(
        self, model: LoadedModel, pictures: Sequence[Image.Image], text: str
    ) -> PromptInputs:
        """Tokens and pixels of one prompt, whose text has one image placeholder a picture.

        Raises:
            ModelError: If the chat template does not leave one place for each picture.
            PictureError: If a picture is more than 200 times as long as wide.
        """
        processor = model.image_processor
        try:
            pixels = processor(images=list(pictures), return_tensors="pt")
        except ValueError as error:
            sizes = ", ".join(str(picture.size) for picture in pictures)
            raise PictureError(f"a picture of {sizes} cannot be resized: {error}") from error
        grid = pixels["image_grid_thw"]
        num_tokens = [int(n) for n in grid.prod(dim=1) // processor.merge_size**2]
        input_ids, image_mask = place_pictures(model, text, num_tokens)
        _, rows, columns = (int(side) for side in grid[-1])
        patch = processor.patch_size
        return PromptInputs(
            text=text,
            input_ids=input_ids,
            image_mask=image_mask,
            vision={"pixel_values": pixels["pixel_values"], "image_grid_thw": grid},
            frame=Frame(pictures[-1].size, self.space, (columns * patch, rows * patch)),
        )

    def vision_tower(self, network: nn.Module) -> nn.Module:
        """The part that turns pixels into features, merger included."""
        return cast(Any, network).model.visual

    def mergers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The merger, and those of deeper features where there are any."""
        visual = cast(Any, network).model.visual
        return [visual.merger, *getattr(visual, "deepstack_merger_list", ())]

    def tower_layers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The layers of the vision tower, in order."""
        return cast(Any, network).model.visual.blocks

    def image_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """Features of each prompt's pictures, each (image token, …)."""
        inner = cast(Any, network).model
        device = inner.device
        pixels = torch.cat([prompt.vision["pixel_values"] for prompt in prompts]).to(device)
        grids = [prompt.vision["image_grid_thw"] for prompt in prompts]
        grid = torch.cat(grids).to(device)
        each = iter(self._join(inner.get_image_features(pixels, grid, return_dict=True)))
        return [_in_one_row(list(islice(each, len(own)))) for own in grids]

    def _prompt_positions(
        self, inner: Any, prompts: Sequence[PromptInputs], padded: PaddedPrompts
    ) -> tuple[Tensor, Tensor]:
        """m-rope: three positions a token, by row and column within a picture."""
        grid = torch.cat([prompt.vision["image_grid_thw"] for prompt in prompts]).to(inner.device)
        positions, deltas = inner.get_rope_index(
            padded.input_ids,
            padded.image_mask.int(),
            image_grid_thw=grid,
            attention_mask=padded.attention,
        )
        return positions, padded.attention.sum(dim=1) + deltas.reshape(-1)

    def _merge_rows(self, network: nn.Module, merger: nn.Module, rows: Tensor) -> Tensor:
        """Qwen's mergers take patches one by one, and join each token's themselves."""
        return merger(rows.reshape(-1, cast(Any, network).config.vision_config.hidden_size))

    def text_positions(self, positions: Tensor) -> Tensor:
        """Text advances all three alike."""
        return positions.unsqueeze(0).expand(3, -1, -1)

    def _join(self, encoded: Any) -> list[Tensor]:
        """All that the tower made, one tensor a picture."""
        return list(encoded.pooler_output)

    def _encoded(self, features: Sequence[Tensor]) -> Any:
        """What the tower made, as the decoder takes it; undoes ``_join``."""
        return BaseModelOutputWithPooling(pooler_output=cast(Any, tuple(features)))


def _in_one_row(features: Sequence[Tensor]) -> Tensor:
    """Features of a prompt's pictures, one after the other."""
    return features[0] if len(features) == 1 else torch.cat([*features])
