"""Tokens of prompts: a picture's places in a text, and prompts of several lengths in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from grit.errors import ModelError
from grit.models.family import LoadedModel, PromptInputs, PromptStates

__all__ = ["PaddedPrompts", "keep_states", "pad_left", "pad_prompts", "place_pictures"]


@dataclass(frozen=True, slots=True)
class PaddedPrompts:
    """Prompts in one batch, padded on the left.

    Args:
        input_ids: Tokens, zeros where padded; shape (prompt, token).
        image_mask: 1 where a picture's features go; shape (prompt, token).
        attention: 1 at real tokens; shape (prompt, token).
    """

    input_ids: Tensor
    image_mask: Tensor
    attention: Tensor

    @property
    def mask(self) -> Tensor | None:
        """What a decoder is told of the padding; None when there is none."""
        return None if bool(self.attention.all()) else self.attention


def place_pictures(
    model: LoadedModel, text: str, num_tokens: Sequence[int], *, before: str = "", after: str = ""
) -> tuple[Tensor, Tensor]:
    """Repeat each picture token of a prompt once for each of its picture's features.

    Args:
        model: Its configuration says which token that is, its tokenizer how it is spelled.
        text: A prompt after the chat template.
        num_tokens: Features of each picture, in order of the text.
        before: Written before those of a picture.
        after: Written after them.

    Returns:
        Tokens, and True where the features go; both of shape (token,).

    Raises:
        ModelError: If the text has not one place for each picture, or if configuration
            and tokenizer do not know the same picture token.
    """
    image_id = cast(int, cast(Any, model.network).config.image_token_id)
    known = model.tokenizer.added_tokens_decoder.get(image_id)
    if known is None:
        raise ModelError(
            f"config.json of {model.source} says that token {image_id} stands for a picture, and "
            "its tokenizer has no special token of this number; take both from one checkpoint"
        )
    image_token = known.content
    pieces = text.split(image_token)
    number = len(num_tokens)
    if len(pieces) != number + 1:
        pictures, times = (
            ("one picture", "once") if number == 1 else (f"{number} pictures", "once a picture")
        )
        raise ModelError(
            f"a prompt by the chat template of {model.source} has "
            f"{len(pieces) - 1} places ({image_token}) for {pictures}; use a "
            f"template that writes it exactly {times}, and a question and system prompt without it"
        )
    whole = pieces[0] + "".join(
        before + image_token * each + after + piece
        for each, piece in zip(num_tokens, pieces[1:], strict=True)
    )
    encoded = model.tokenizer(whole, return_tensors="pt", add_special_tokens=False)
    input_ids = cast(Tensor, encoded["input_ids"])[0]
    return input_ids, input_ids == image_id


def pad_prompts(prompts: Sequence[PromptInputs], device: torch.device) -> PaddedPrompts:
    """Stack prompts of several lengths."""
    return PaddedPrompts(
        input_ids=pad_left([prompt.input_ids for prompt in prompts]).to(device),
        image_mask=pad_left([prompt.image_mask.long() for prompt in prompts]).to(device),
        attention=pad_left([torch.ones_like(prompt.input_ids) for prompt in prompts]).to(device),
    )


def pad_left(rows: Sequence[Tensor]) -> Tensor:
    """Stack rows of several lengths, zeros on the left; shape (row, longest)."""
    longest = max(len(row) for row in rows)
    return torch.stack([nn.functional.pad(row, (longest - len(row), 0)) for row in rows])


def keep_states(output: Any, padded: PaddedPrompts, next_position: Tensor) -> PromptStates:
    """What a decoder of transformers left behind, for completions to go on from.

    Args:
        output: Of the decoder, with its cache.
        padded: What it was run over.
        next_position: Rotary position of the first completion token; shape (prompt,).
    """
    return PromptStates(
        cache=tuple((layer.keys, layer.values) for layer in output.past_key_values.layers),
        attention_mask=padded.attention,
        last_hidden=output.last_hidden_state[:, -1],
        next_position=next_position,
    )
