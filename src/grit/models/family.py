"""The seam between grit and a model architecture: what a family must do, and what it is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from jinja2 import TemplateError
from PIL import Image
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedTokenizerBase

from grit.errors import ModelError, PictureError
from grit.geometry.spaces import Frame

if TYPE_CHECKING:
    from grit.models.decoding import TokenDecoder

__all__ = [
    "Family",
    "ImageBackend",
    "LoadedModel",
    "PixelLimits",
    "PromptInputs",
    "PromptStates",
    "Shown",
]

ImageBackend = Literal["pil", "torchvision"]
"""What resizes pictures; grids and tokens are the same, pixels differ in their last bits."""


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """Bounds on the area of a picture after resizing; part of every checkpoint and record.

    Where a family cuts tiles, these are the areas of its fewest and its most tiles.

    Args:
        min_pixels: Smaller pictures are enlarged to at least this area.
        max_pixels: Larger ones are shrunk to at most this area.
    """

    min_pixels: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class PromptInputs:
    """One picture with one question, ready for a model; a worked example may stand before them.

    Args:
        text: The whole prompt after the chat template, image placeholders not yet repeated.
        input_ids: Tokens, one row; shape (token,).
        image_mask: True where the pictures' features go; shape (token,).
        vision: Keyword arguments of the vision tower for the prompt's pictures, in order of the
            text: the example's, if there is one, and the question's.
        frame: How boxes that the model writes map to the question's picture.
    """

    text: str
    input_ids: Tensor
    image_mask: Tensor
    vision: dict[str, Tensor]
    frame: Frame


@dataclass(frozen=True, slots=True)
class Shown:
    """A worked example: a turn of the user's, picture first, and the reply to it.

    Args:
        picture: RGB, upright.
        turn: The user's words.
        reply: The model's, boxes in its own space.
    """

    picture: Image.Image
    turn: str
    reply: str


@dataclass(frozen=True, slots=True)
class PromptStates:
    """What a decoder leaves behind after a batch of prompts, padded on the left.

    Args:
        cache: Keys and values per layer, each (prompt, head, token, channel).
        attention_mask: 1 at real tokens; shape (prompt, token).
        last_hidden: State that predicts the first completion token; shape (prompt, channel).
        next_position: Rotary position of the first completion token; shape (prompt,).
    """

    cache: tuple[tuple[Tensor, Tensor], ...]
    attention_mask: Tensor
    last_hidden: Tensor
    next_position: Tensor


class Family(Protocol):
    """One model architecture. Stateless: everything it needs is handed to it."""

    @property
    def word(self) -> str:
        """The word that a recipe declares, equal to the checkpoint's ``model_type``."""
        ...

    @property
    def lora_targets(self) -> str:
        """Regular expression of the module names that LoRA adapts by default."""
        ...

    @property
    def box_tokens(self) -> tuple[str, ...]:
        """Special tokens that boxes are written with: they belong to a completion's text."""
        ...

    def load_network(self, path: str, **keywords: Any) -> nn.Module:
        """Weights from a folder or a hub name."""
        ...

    def load_image_processor(self, path: str, backend: ImageBackend, **keywords: Any) -> Any:
        """The image processor of a backend, with the checkpoint's settings."""
        ...

    def pixel_limits(self, image_processor: Any) -> PixelLimits:
        """The limits that an image processor applies."""
        ...

    def with_pixel_limits(self, image_processor: Any, limits: PixelLimits) -> Any:
        """The same processor under other limits."""
        ...

    def patch_settings(
        self, network: nn.Module, image_processor: Any
    ) -> dict[str, tuple[object, object]]:
        """How each side says that a picture is cut into patches, by the image processor's words.

        Returns:
            What the image processor says and what the network was made for; they must agree.
        """
        ...

    def processor_settings(self, network: nn.Module) -> dict[str, Any]:
        """What transformers' processor class is told beyond tokenizer and image processor."""
        ...

    def prepare(
        self, model: LoadedModel, pictures: Sequence[Image.Image], text: str
    ) -> PromptInputs:
        """Tokens and pixels of one prompt, whose text has one image placeholder a picture.

        The last picture is the one that is asked about: the frame is its.
        """
        ...

    def vision_tower(self, network: nn.Module) -> nn.Module:
        """The part that turns pixels into features, merger included."""
        ...

    def mergers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The modules that join patches to the decoder's features, the main one first."""
        ...

    def tower_weights(self, network: nn.Module) -> list[nn.Parameter]:
        """Weights of the vision tower, those of its mergers left out."""
        ...

    def decoder_layers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The layers of the decoder, in order."""
        ...

    def tower_layers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The layers of the vision tower, in order."""
        ...

    def image_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """All that the decoder needs of each prompt's pictures, each (image token, …)."""
        ...

    def tower_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """The same before the mergers: each token's patches side by side, (image token, …)."""
        ...

    def merge(self, network: nn.Module, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of ``tower_features`` to those of ``image_features``."""
        ...

    def run_prompts(
        self, network: nn.Module, prompts: Sequence[PromptInputs], features: Sequence[Tensor]
    ) -> PromptStates:
        """Run the decoder over prompts, padded on the left, and keep the cache."""
        ...

    def run_completions(
        self,
        network: nn.Module,
        input_ids: Tensor,
        *,
        cache: DynamicCache,
        attention_mask: Tensor | None,
        positions: Tensor,
    ) -> Tensor:
        """Run the decoder over completion tokens on top of a cache, which grows.

        Args:
            network: The model.
            input_ids: Tokens; shape (completion, token).
            cache: Prompt's keys and values, one row per completion.
            attention_mask: 1 at real tokens of prompt and completion; None when all are real.
            positions: Rotary positions; shape (completion, token).

        Returns:
            Hidden states; shape (completion, token, channel).
        """
        ...

    def token_decoder(self, network: nn.Module) -> TokenDecoder | None:
        """The decoder's layers, to be run token by token; None where only transformers can."""
        ...

    def text_positions(self, positions: Tensor) -> Tensor:
        """Positions of completion tokens, shape (completion, token), as the decoder takes them."""
        ...

    def output_weight(self, network: nn.Module) -> Tensor:
        """The matrix from hidden states to logits; shape (vocabulary, channel)."""
        ...


@dataclass(slots=True)
class LoadedModel:
    """A model with everything that belongs to it.

    Args:
        family: Its architecture.
        network: Weights.
        tokenizer: From the checkpoint.
        image_processor: From the checkpoint, under ``limits``.
        limits: Pixel limits in force.
        stop_ids: Tokens that end a turn.
        source: The path or hub name it came from.
        system_prompt: Overrides the chat template's own; None leaves it.
        max_prompt_tokens: Longer prompts are refused; None takes any.
        shares_prefix: Whether completions read a prompt's keys and values where they stand.
        image_backend: What the image processor resizes with.
        decodes_lean: Whether tokens are decoded by the decoder's layers directly.
    """

    family: Family
    network: nn.Module
    tokenizer: PreTrainedTokenizerBase
    image_processor: Any
    limits: PixelLimits
    stop_ids: tuple[int, ...]
    source: str
    system_prompt: str | None = None
    max_prompt_tokens: int | None = None
    shares_prefix: bool = False
    image_backend: ImageBackend = "pil"
    decodes_lean: bool = False
    _silent_ids: frozenset[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the special tokens that are no part of what a model says, once for all reading."""
        self._silent_ids = frozenset(
            number
            for number, token in self.tokenizer.added_tokens_decoder.items()
            if token.special and token.content not in self.family.box_tokens
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    def render(self, turn: str, shown: Shown | None = None) -> str:
        """Put a user's turn, picture first, through the chat template, ready to be answered.

        Args:
            turn: The user's words.
            shown: A worked example, which stands before them as turns of its own.

        Raises:
            ModelError: If the template is not valid, or refuses these messages.
        """
        messages: list[dict[str, Any]] = []
        if self.system_prompt is not None:
            messages.append(_said("system", self.system_prompt))
        if shown is not None:
            messages += [_said("user", shown.turn, picture=True), _said("assistant", shown.reply)]
        messages.append(_said("user", turn, picture=True))
        try:
            text = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise ModelError(
                f"the chat template of {self.source} cannot render a picture with a question: "
                f"{error}; mend it, or set model.chat_template to another Jinja file"
            ) from error
        return str(text)

    def prepare(
        self, picture: Image.Image, turn: str, *, shown: Shown | None = None
    ) -> PromptInputs:
        """One prompt, from a picture (RGB, upright) and the text of the user's turn.

        Args:
            picture: What is asked about.
            turn: The user's words.
            shown: A worked example to stand before them, with its picture.

        Raises:
            ModelError: If the chat template does not take one picture a turn.
            PictureError: If the picture makes the prompt longer than it may be: nothing is cut.
        """
        pictures = [picture] if shown is None else [shown.picture, picture]
        inputs = self.family.prepare(self, pictures, self.render(turn, shown))
        num_tokens, limit = len(inputs.input_ids), self.max_prompt_tokens
        if limit is not None and num_tokens > limit:
            raise PictureError(
                f"a prompt of {num_tokens} tokens, {int(inputs.image_mask.sum())} of them for its "
                f"picture of {picture.width}×{picture.height}, is over the limit of {limit}; set "
                f"model.max_pixels below {self.limits.max_pixels}, or model.max_prompt_tokens to "
                f"{num_tokens} or more where the model has as many positions"
            )
        return inputs

    def save_processing(self, folder: Path) -> None:
        """Write all that makes prompts, as transformers' processor classes read it."""
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)
        settings = self.family.processor_settings(self.network)
        if settings:
            text = json.dumps(settings, indent=2) + "\n"
            (folder / "processor_config.json").write_text(text, encoding="utf-8")

    def read(self, tokens: Sequence[int]) -> str:
        """The text of a completion: what the model said, end tokens and their like left out."""
        said = [token for token in tokens if token not in self._silent_ids]
        return str(self.tokenizer.decode(said, clean_up_tokenization_spaces=False))


def _said(role: str, text: str, *, picture: bool = False) -> dict[str, Any]:
    """A message for a chat template."""
    content = [{"type": "text", "text": text}]
    return {"role": role, "content": [{"type": "image"}, *content] if picture else content}
