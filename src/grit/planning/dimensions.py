"""What a plan has to know of a model, and the pictures and texts that it will be given."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Decoder", "Dimensions", "Load", "Tower"]


@dataclass(frozen=True, slots=True)
class Decoder:
    """The language model.

    Args:
        layers: How many.
        width: Channels of its states.
        query_width: Channels of all query heads together.
        cache_width: Channels of all key heads together; values have as many.
        heads: Query heads.
        mlp_width: Channels inside the gated feed-forward part.
        vocabulary: Rows of its output.
        norms_queries: Whether queries and keys go through a norm, as Qwen3's do.
    """

    layers: int
    width: int
    query_width: int
    cache_width: int
    heads: int
    mlp_width: int
    vocabulary: int
    norms_queries: bool = False


@dataclass(frozen=True, slots=True)
class Tower:
    """The vision tower, merger included.

    Args:
        layers: How many.
        width: Channels of its states.
        mlp_width: Channels inside its feed-forward part.
        gated: Whether that part is gated, as Qwen2.5-VL's, with RMS norms beside it.
        patches_per_token: Patches that are merged into one image token.
        token_pixels: Area of picture that one image token stands for.
        patch_numbers: Numbers that come in for one patch.
        tile_pixels: Area of one tile; None where pictures are not cut.
        levels: Features that an image token brings along (deepstack has several).
    """

    layers: int
    width: int
    mlp_width: int
    gated: bool
    patches_per_token: int
    token_pixels: int
    patch_numbers: int
    tile_pixels: int | None = None
    levels: int = 1

    def image_tokens(self, pixels: int) -> int:
        """Tokens of a picture of that area after resizing; where tiles are cut, one shows all."""
        if self.tile_pixels is None:
            return max(1, pixels // self.token_pixels)
        tiles = max(1, pixels // self.tile_pixels)
        return (tiles + (tiles > 1)) * (self.tile_pixels // self.token_pixels)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A model, as far as memory and work depend on it.

    Args:
        family: Its word.
        decoder: The language model.
        tower: The vision tower.
        parameters: All of them, shared ones once.
        tower_parameters: Those of the tower, mergers included.
        merger_parameters: Those of its mergers.
        vocabulary_parameters: Those of embedding and output matrix, shared ones once.
        adapted: Modules that LoRA adapts.
        adapted_in: Channels that go into them, summed.
        adapted_out: Channels that come out of them, summed.
    """

    family: str
    decoder: Decoder
    tower: Tower
    parameters: int
    tower_parameters: int
    merger_parameters: int
    vocabulary_parameters: int
    adapted: int = 0
    adapted_in: int = 0
    adapted_out: int = 0

    def lora_parameters(self, rank: int) -> int:
        """Weights of adapters: two thin matrices for each module."""
        return rank * (self.adapted_in + self.adapted_out)

    @property
    def linear_parameters(self) -> int:
        """The decoder's weights that every token is multiplied with."""
        return self.parameters - self.tower_parameters - self.vocabulary_parameters


@dataclass(frozen=True, slots=True)
class Load:
    """What goes through the model, at its largest.

    Args:
        image_tokens: Of the largest picture.
        text_tokens: Of template, question and suffix.
        completion_tokens: Of the longest completion.
        num_pictures: Different ones; None where the data was not looked at.
    """

    image_tokens: int
    text_tokens: int
    completion_tokens: int
    num_pictures: int | None = None

    @property
    def prompt_tokens(self) -> int:
        """Picture and text."""
        return self.image_tokens + self.text_tokens
