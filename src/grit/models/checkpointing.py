"""Gradient checkpointing that keeps the cache: a layer is run again on the way back.

transformers' own drops the cache in training, and the shared prefix lives in the cache. Here a
layer's cached keys and values are inputs and outputs of what is run twice: they are part of the
graph as its states are, and the second run starts from what the first one started from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

__all__ = ["checkpoint_layers"]


def checkpoint_layers(layers: Sequence[nn.Module]) -> None:
    """Make layers keep nothing but their inputs for the way back, in place.

    Args:
        layers: All of a decoder's, in order, or of a tower's. Each takes states first; a
            decoder's also takes ``past_key_values`` by keyword.
    """
    for number, layer in enumerate(layers):
        # On the instance, so that hooks, adapters and copies of the module stay what they are.
        layer.forward = partial(_run, layer.forward, number)


class _OneLayer:
    """A cache of one layer, as its attention sees it."""

    def __init__(self, before: tuple[Tensor, ...]) -> None:
        self.states = before

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append to what there was."""
        if self.states:
            keys, values = (
                torch.cat(pair, dim=-2) for pair in zip(self.states, (keys, values), strict=True)
            )
        self.states = (keys, values)
        return keys, values


def _run(
    forward: Callable[..., Any],
    number: int,
    hidden: Tensor,
    *,
    past_key_values: DynamicCache | None = None,
    **keywords: Any,
) -> Any:
    if not torch.is_grad_enabled():
        # A tower's layers do not know the word.
        cached = {} if past_key_values is None else {"past_key_values": past_key_values}
        return forward(hidden, **cached, **keywords)
    if past_key_values is None:
        return checkpoint(forward, hidden, use_reentrant=False, **keywords)

    def run(states: Tensor, *before: Tensor) -> tuple[Any, Tensor, Tensor]:
        alone = _OneLayer(before)
        output = forward(states, past_key_values=alone, **keywords)
        keys, values = alone.states
        return output, keys, values

    layers: list[Any] = past_key_values.layers
    kept = layers[number] if number < len(layers) and layers[number].is_initialized else None
    before = () if kept is None else (kept.keys, kept.values)
    output, keys, values = checkpoint(run, hidden, *before, use_reentrant=False)
    if kept is None:
        past_key_values.update(keys, values, number)
    else:
        kept.keys, kept.values = keys, values
    return output
