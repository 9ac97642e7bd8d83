"""Which model learns, and how it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from grit.config.base import Config

__all__ = ["BUILTIN", "LoraConfig", "ModelConfig"]

BUILTIN = "builtin"
"""The word that stands for what ships in the package: its model, its triplets."""


class LoraConfig(Config):
    """Low-rank adapters in place of full fine-tuning."""

    rank: int = Field(default=16, ge=1)
    """Rank of each adapter."""

    alpha: float = Field(default=32.0, gt=0.0)
    """Scale of the adapters; what they add is multiplied by alpha / rank."""

    targets: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Names of the modules that get adapters; none: every linear layer of the language model."""


class ModelConfig(Config):
    """The model that learns, and how it is loaded."""

    path: str = Field(default=BUILTIN, min_length=1)
    """A hub name, a local folder, or the word `builtin` for the tiny model of the package."""

    revision: str | None = None
    """Branch, tag or commit of a hub name; none: the newest."""

    family: Literal["auto", "internvl", "qwen2_5_vl", "qwen3_vl"] = "auto"
    """The model family; `auto` goes by the model_type that the checkpoint declares."""

    trust_remote_code: bool = False
    """Let the checkpoint's tokenizer run Python code that comes with it; read the code first.
    Networks and image processors are always those of transformers."""

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the weights that compute."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it computes; `auto` takes a GPU when there is one."""

    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    """Attention kernels, by the name that transformers gives them."""

    prefix_attention: Literal["auto", "shared", "repeated"] = "auto"
    """How completions look at their prompt: `shared` reads its keys and values where they stand,
    `repeated` copies them for each completion; `auto` is shared on the CPU with sdpa."""

    lean_decoding: bool = True
    """Decode on shared prompts by the decoder's layers directly, without transformers' forward
    around them; layers of a kind that is not known to be plain go through it all the same."""

    min_pixels: int | None = Field(default=None, ge=1)
    """Smaller pictures are enlarged to this many pixels; none: the checkpoint's limit."""

    max_pixels: int | None = Field(default=None, ge=1)
    """Larger pictures are shrunk to this many pixels; none: the checkpoint's limit."""

    force_pixel_limits: bool = False
    """Run a trained model under other pixel limits than those of its training all the same."""

    image_processor: Literal["pil", "torchvision"] | None = None
    """What resizes pictures: `pil` does it alike on every machine, `torchvision` is to be installed
    and differs in the last bits; none: what the checkpoint was trained with, else pil."""

    max_prompt_tokens: int | None = Field(default=None, ge=1)
    """Longer prompts, image tokens included, are refused; none: the positions the model has."""

    system_prompt: str | None = None
    """Text of the system turn; none: what the chat template says by itself."""

    chat_template: Path | None = None
    """A Jinja file to use in place of the checkpoint's own chat template."""

    freeze_vision: bool = False
    """Keep the vision tower as it is; its features are then computed once a run."""

    freeze_merger: bool | None = None
    """Keep what joins the tower's features to the language model as it is; none: as the tower."""

    vision_cache_gib: float = Field(default=2.0, ge=0.0)
    """Bound on the kept features of pictures whose tower is frozen; the oldest go first."""

    reference_cache_gib: float = Field(default=1.0, ge=0.0)
    """Bound on the kept keys and values of prompts under the reference, which never changes: from
    the second epoch on its pass runs completions alone. 0 keeps none."""

    gradient_checkpointing: bool = False
    """Run each layer a second time on the way back instead of keeping what is inside it."""

    lora: LoraConfig | None = None
    """Low-rank adapters; none trains all weights. Any --model.lora.* flag switches them on."""

    @property
    def merger_is_frozen(self) -> bool:
        """Whether the merger stays as it is."""
        return self.freeze_vision if self.freeze_merger is None else self.freeze_merger

    @model_validator(mode="after")
    def _limits_agree(self) -> Self:
        """Refuse pixel limits that no picture can meet, and settings of a hub for the built-in."""
        low, high = self.min_pixels, self.max_pixels
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"min_pixels {low} is above max_pixels {high}; lower min_pixels or raise max_pixels"
            )
        if self.path == BUILTIN and self.revision is not None:
            raise ValueError(
                "the built-in model has no revisions; remove revision, or set path to a hub name"
            )
        if self.prefix_attention == "shared" and self.attention != "sdpa":
            raise ValueError(
                f"prefix_attention shared is a form of sdpa, and attention is {self.attention}; "
                "set attention to sdpa, or prefix_attention to repeated"
            )
        if self.attention == "flash_attention_2" and self.dtype == "float32":
            raise ValueError(
                "flash_attention_2 does not compute in float32; set dtype to bfloat16, or "
                "attention to sdpa"
            )
        return self
