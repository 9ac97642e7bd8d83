"""A cache in which prompts stand once, and completions on top of them, one row each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer
from typing_extensions import override

from grit.models.family import PromptStates
from grit.models.shared_attention import PrefixPart, Slots

__all__ = ["SharedPrefixCache"]

_ROOM = 64
"""Tokens that a growing layer makes room for at a time."""


class SharedPrefixCache(DynamicCache):
    """Keys and values of completions; those of their prompts are asked for by ``part``.

    Args:
        states: Prompts that were run; kept as they are, without a copy where all are used.
        owners: Row of each completion's prompt; shape (completion,).
    """

    def __init__(self, states: PromptStates, owners: Tensor) -> None:
        super().__init__()
        self.layers = [_GrowingLayer() for _ in states.cache]
        self._cache = states.cache
        mask = states.attention_mask
        self._bias = None
        if not bool(mask.all()):
            bias = torch.zeros(mask.shape, device=mask.device)
            self._bias = bias.masked_fill(mask == 0, float("-inf"))[:, None, None, :]
        self._owners = owners
        self._sort()

    def part(self, layer: int) -> PrefixPart:
        """What a layer keeps of the prompts."""
        keys, values = self._cache[layer]
        return PrefixPart(keys, values, self._bias, self._slots)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some completions; a prompt without any goes, too."""
        for layer in self.layers:
            layer.batch_select_indices(indices)
        self._owners = self._owners.index_select(0, indices)
        self._sort()

    def _sort(self) -> None:
        """Let go of prompts that nobody asks, and give completions their slots."""
        used, owners = torch.unique(self._owners, return_inverse=True)
        if len(used) < len(self._cache[0][0]):
            self._cache = tuple(
                (keys.index_select(0, used), values.index_select(0, used))
                for keys, values in self._cache
            )
            self._bias = None if self._bias is None else self._bias.index_select(0, used)
        self._owners = owners
        self._slots = Slots.of(owners, len(used))


class _GrowingLayer(DynamicLayer):
    """A layer with room for tokens to come: appending one does not copy those before."""

    @override
    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append, and return all; under grad only what is not there yet may be appended."""
        if not self.is_initialized:
            if torch.is_grad_enabled():
                self.keys, self.values, self.is_initialized = key_states, value_states, True
                return key_states, value_states
            self._room = [_with_room(key_states), _with_room(value_states)]
            self._length = 0
            self.is_initialized = True
        first, self._length = self._length, self._length + key_states.shape[-2]
        for number, states in enumerate((key_states, value_states)):
            if self._length > self._room[number].shape[-2]:
                self._room[number] = torch.cat([self._room[number], _with_room(states)], dim=-2)
            self._room[number][:, :, first : self._length] = states
        self.keys, self.values = (room[:, :, : self._length] for room in self._room)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some completions."""
        if self.is_initialized:
            self._room = [room.index_select(0, indices) for room in self._room]
            self.keys, self.values = (room[:, :, : self._length] for room in self._room)


def _with_room(states: Tensor) -> Tensor:
    """Room for some more tokens than are to be put in."""
    rows, heads, length, channels = states.shape
    return states.new_empty(rows, heads, length + _ROOM, channels)
