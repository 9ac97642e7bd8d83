"""Attention that is watched: written out, so that one can see where it falls. For analyses only.

Kernels keep no weights. In the scope of ``watch_attention`` the decoder writes its softmax out, in
float32, and the share that falls on some of the keys is kept; nothing else of it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

__all__ = ["AttentionShares", "watch_attention"]

_WATCHED = "grit_watched"
"""The name by which transformers finds this attention."""


class AttentionShares:
    """Shares of attention that fall on some keys, layer by layer.

    Args:
        keys: True at the keys that are watched, from the first of the cache; shape (key,). Keys
            after them are not watched.
    """

    def __init__(self, keys: Tensor) -> None:
        self._keys = keys
        self._layers: dict[int, Tensor] = {}

    def take(self, layer: int, weights: Tensor) -> None:
        """Keep a layer's shares; weights of shape (row, head, token, key)."""
        on_keys = weights[..., : len(self._keys)][..., self._keys].sum(dim=-1)
        self._layers[layer] = on_keys.mean(dim=1)

    @property
    def by_layer(self) -> Tensor:
        """Mean over heads; shape (layer, row, token)."""
        return torch.stack([self._layers[layer] for layer in sorted(self._layers)])


_SHARES: ContextVar[AttentionShares | None] = ContextVar("grit_attention_shares", default=None)


@contextmanager
def watch_attention(network: nn.Module, keys: Tensor) -> Iterator[AttentionShares]:
    """Write a decoder's attention out, and note what falls on some keys.

    Args:
        network: Its decoder's attention is another in this scope, and as before after it.
        keys: True at the keys that are watched; shape (key,).
    """
    config = cast(Any, network).model.language_model.config
    before, shares = config._attn_implementation, AttentionShares(keys)
    token = _SHARES.set(shares)
    config._attn_implementation = _WATCHED
    try:
        yield shares
    finally:
        config._attn_implementation = before
        _SHARES.reset(token)


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    *, scaling: float | None = None, **keywords: Any,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """What transformers calls: softmax(q kᵀ · scale + mask) v, its weights noted."""
    del keywords
    times = query.shape[1] // key.shape[1]
    keys, values = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = (query @ keys.transpose(-1, -2)).float() * scale
    if attention_mask is not None:
        scores = scores + attention_mask[..., : keys.shape[-2]].float()
    weights = scores.softmax(dim=-1)
    shares = _SHARES.get()
    if shares is not None:
        shares.take(cast(Any, module).layer_idx, weights)
    return (weights.to(values.dtype) @ values).transpose(1, 2).contiguous(), None


AttentionInterface.register(_WATCHED, _attention)
AttentionMaskInterface.register(_WATCHED, eager_mask)
