"""Qwen2.5-VL: boxes in pixels of the resized picture, windowed vision tower."""

from __future__ import annotations

from transformers import Qwen2_5_VLForConditionalGeneration

from grit.geometry.box import Space
from grit.models.qwen_vl import QwenVL

__all__ = ["Qwen25VL"]


class Qwen25VL(QwenVL):
    """The family of ``Qwen2_5_VLForConditionalGeneration``."""

    word = "qwen2_5_vl"
    network_class = Qwen2_5_VLForConditionalGeneration
    space = Space.RESIZED
