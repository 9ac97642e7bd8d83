"""InternVL 2.5, 3 and 3.5: boxes in thousandths of the picture, which is cut into square tiles.

A picture is stretched over the grid of tiles that fits its shape best; several tiles are followed
by one more that shows the whole. Boxes are written as ``<box>[[x1, y1, x2, y2]]</box>`` and mean
the whole picture, whatever its tiles. Pixel limits are limits on tiles: their number times the
area of one, the one that shows the whole not counted.

Facts of the architecture are read from transformers' ``modeling_internvl``,
``processing_internvl`` and ``image_processing_pil_got_ocr2``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import InternVLForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from typing_extensions import override

from grit.errors import ModelError
from grit.geometry.box import Space
from grit.geometry.spaces import Frame
from grit.models.decoder import DecoderFamily
from grit.models.family import ImageBackend, LoadedModel, PixelLimits, PromptInputs
from grit.models.tokens import PaddedPrompts, place_pictures

__all__ = ["InternVL"]


class InternVL(DecoderFamily):
    """The family of ``InternVLForConditionalGeneration``: the ``-hf`` checkpoints."""

    word = "internvl"
    network_class = InternVLForConditionalGeneration
    box_tokens = ("<ref>", "</ref>", "<box>", "</box>")

    def load_image_processor(self, path: str, backend: ImageBackend, **keywords: Any) -> Any:
        """The image processor that cuts tiles.

        The checkpoints' files leave tiles off, and transformers' ``InternVLProcessor`` switches
        them on for pictures; so do we.
        """
        if backend == "pil":
            processor = cast(Any, GotOcr2ImageProcessorPil.from_pretrained(path, **keywords))
        else:
            # Its module needs torchvision, which is not to be had everywhere.
            from transformers.models.got_ocr2 import image_processing_got_ocr2 as by_torchvision

            made = cast(Any, by_torchvision).GotOcr2ImageProcessor
            processor = made.from_pretrained(path, **keywords)
        processor.crop_to_patches = True
        return processor

    def pixel_limits(self, image_processor: Any) -> PixelLimits:
        """The least and the most tiles that an image processor cuts, in pixels."""
        tile = _tile_area(image_processor)
        return PixelLimits(image_processor.min_patches * tile, image_processor.max_patches * tile)

    def with_pixel_limits(self, image_processor: Any, limits: PixelLimits) -> Any:
        """The same processor under the tightest limits in whole tiles that keep these.

        Raises:
            ModelError: If no whole number of tiles lies between them.
        """
        tile = _tile_area(image_processor)
        fewest, most = max(1, -(-limits.min_pixels // tile)), limits.max_pixels // tile
        if fewest > most:
            raise ModelError(
                f"no whole number of tiles of {tile} pixels lies between min_pixels "
                f"{limits.min_pixels} and max_pixels {limits.max_pixels}; set model.max_pixels to "
                f"{fewest * tile} or more, or model.min_pixels to {max(1, most) * tile} or less"
            )
        changed = copy.deepcopy(image_processor)
        changed.min_patches, changed.max_patches = fewest, most
        return changed

    def patch_settings(
        self, network: nn.Module, image_processor: Any
    ) -> dict[str, tuple[object, object]]:
        """A tile has the size that the tower has places for."""
        size = image_processor.size
        tile = tuple(int(side) for side in cast(Any, network).config.vision_config.image_size)
        return {"size": ((int(size["height"]), int(size["width"])), tile)}

    def processor_settings(self, network: nn.Module) -> dict[str, Any]:
        """Tokens of a tile, which transformers takes for 256 where nothing says otherwise."""
        config = cast(Any, network).config
        return {
            "processor_class": "InternVLProcessor",
            "image_seq_length": _tile_tokens(config, config.vision_config.image_size),
        }

    def prepare(
        self, model: LoadedModel, pictures: Sequence[Image.Image], text: str
    ) -> PromptInputs:
        """Tokens and pixels of one prompt, whose text has one image placeholder a picture.

        Raises:
            ModelError: If the chat template does not leave one place for each picture.
        """
        tiles = [
            model.image_processor(images=[picture], return_tensors="pt")["pixel_values"]
            for picture in pictures
        ]
        start, end = (
            getattr(model.tokenizer, name, spelled)
            for name, spelled in (("start_image_token", "<img>"), ("end_image_token", "</img>"))
        )
        tokens = _tile_tokens(cast(Any, model.network).config, tiles[0].shape[-2:])
        input_ids, image_mask = place_pictures(
            model, text, [len(each) * tokens for each in tiles], before=start, after=end
        )
        return PromptInputs(
            text=text,
            input_ids=input_ids,
            image_mask=image_mask,
            vision={"pixel_values": torch.cat(tiles) if len(tiles) > 1 else tiles[0]},
            frame=Frame(pictures[-1].size, Space.THOUSAND),
        )

    def vision_tower(self, network: nn.Module) -> nn.Module:
        """The part that turns pixels into features, projector included."""
        inner = cast(Any, network).model
        return nn.ModuleList([inner.vision_tower, inner.multi_modal_projector])

    def mergers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The projector; joining patches needs no weights."""
        return [cast(Any, network).model.multi_modal_projector]

    def tower_layers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The layers of the vision tower, in order."""
        return cast(Any, network).model.vision_tower.encoder.layer

    def image_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """Features of each prompt's picture, tile after tile, each (image token, channel)."""
        inner = cast(Any, network).model
        tiles = [prompt.vision["pixel_values"] for prompt in prompts]
        output = inner.get_image_features(torch.cat(tiles).to(inner.device), return_dict=True)
        parts = output.pooler_output.split([len(each) for each in tiles])
        return [part.flatten(0, 1) for part in parts]

    @override
    def _prompt_positions(
        self, inner: Any, prompts: Sequence[PromptInputs], padded: PaddedPrompts
    ) -> tuple[Tensor, Tensor]:
        """One position a token, counted from the first that is real."""
        positions = (padded.attention.cumsum(dim=1) - 1).clamp(min=0)
        return positions, padded.attention.sum(dim=1)

    def _encoded(self, features: Sequence[Tensor]) -> Any:
        """All pictures' features in one row."""
        return BaseModelOutputWithPooling(pooler_output=cast(Any, torch.cat([*features])))


def _tile_area(image_processor: Any) -> int:
    size = image_processor.size
    return int(size["height"]) * int(size["width"])


def _tile_tokens(config: Any, size: Sequence[int]) -> int:
    """Features that the tower makes of a tile of (height, width): patches, merged on each side."""
    merged = config.downsample_ratio
    rows, columns = (
        int(side // patch * merged)
        for side, patch in zip(size, config.vision_config.patch_size, strict=True)
    )
    return rows * columns
