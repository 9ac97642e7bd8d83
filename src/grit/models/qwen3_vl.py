"""Qwen3-VL: boxes in thousandths of the picture, features of several depths of the tower.

The tower hands the decoder one feature a token for its input, and further ones, from layers on
the way (deepstack), that are added behind its first layers. Here all features of a token are
one row of one tensor: they are computed, kept and counted together, and gradients flow to all.

Facts of the architecture are read from transformers' ``modeling_qwen3_vl``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures

from grit.geometry.box import Space
from grit.models.qwen_vl import QwenVL

__all__ = ["Qwen3VL"]


class Qwen3VL(QwenVL):
    """The family of ``Qwen3VLForConditionalGeneration``."""

    word = "qwen3_vl"
    network_class = Qwen3VLForConditionalGeneration
    space = Space.THOUSAND

    def _join(self, encoded: Any) -> list[Tensor]:
        """Of each picture, each (image token, depth, channel); depth 0 is the decoder's input."""
        depths = [encoded.pooler_output, *encoded.deepstack_features]
        return [torch.stack(parts, dim=1) for parts in zip(*depths, strict=True)]

    def _encoded(self, features: Sequence[Tensor]) -> Any:
        """Input and depths apart again."""
        first, *deeper = zip(*(feature.unbind(dim=1) for feature in features), strict=True)
        return BaseModelOutputWithDeepstackFeatures(
            pooler_output=cast(Any, first), deepstack_features=cast(Any, deeper)
        )
