"""One token at a time through a decoder's own layers, without what transformers does around them.

A forward of transformers works out masks, positions of any shape, outputs that may be recorded and
which attention is meant, once a token and partly once a layer. With a row a completion, all on
shared prompts, nothing of that is open: what is left are the layers' weights, in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from grit.models.prefix_cache import SharedPrefixCache
from grit.models.shared_attention import attend

__all__ = ["TokenDecoder"]

_KNOWN_LAYERS = frozenset(
    {
        "Qwen2DecoderLayer",
        "Qwen2_5_VLDecoderLayer",
        "Qwen3DecoderLayer",
        "Qwen3VLTextDecoderLayer",
    }
)
"""Classes of transformers that are norm, attention, norm, gated perceptron, and nothing else."""

_ROWS = 8
"""Rows that packed weights are laid out for; others go through them as well."""

Projection = Callable[[Tensor], Tensor]


class _Layer(NamedTuple):
    """What a layer is made of."""

    norm: nn.Module
    query: Projection
    key: Projection
    value: Projection
    query_norm: nn.Module | None
    key_norm: nn.Module | None
    output: Projection
    second_norm: nn.Module
    gate: Projection
    up: Projection
    down: Projection
    activation: Callable[[Tensor], Tensor]
    channels: int
    scale: float


class TokenDecoder:
    """A decoder whose layers are run directly, with its weights as they are at the first token.

    On the CPU plain float32 projections are packed then: a second copy of them, for as long as
    this decoder is there.

    Args:
        language_model: With known layers, see ``of``.
        output_weight: From states to logits; shape (vocabulary, channel).
    """

    def __init__(self, language_model: nn.Module, output_weight: Tensor) -> None:
        model = cast(Any, language_model)
        self._embedding: nn.Module = model.embed_tokens
        self._rotary: Callable[..., tuple[Tensor, Tensor]] = model.rotary_emb
        self._norm: nn.Module = model.norm
        self._modules = list(model.layers)
        self._output_weight = output_weight
        self._layers: list[_Layer] | None = None
        self._output: Projection | None = None

    @classmethod
    def of(cls, language_model: nn.Module, output_weight: Tensor) -> TokenDecoder | None:
        """The decoder, or None where its layers are not known or somebody hooks into them."""
        layers = cast(Any, language_model).layers
        plain = all(map(_is_plain, layers))
        return cls(language_model, output_weight) if plain else None

    @torch.no_grad()
    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token in float32; shape (completion, vocabulary)."""
        if self._output is None:
            weight = self._output_weight
            packs = _can_pack(weight)
            self._output = _Packed(weight, None) if packs else partial(linear, weight=weight)
        return self._output(hidden).float()

    @torch.no_grad()
    def run(self, tokens: Tensor, cache: SharedPrefixCache, positions: Tensor) -> Tensor:
        """Run one token of every completion, and keep its keys and values.

        Args:
            tokens: Shape (completion,).
            cache: The completions so far, on their prompts.
            positions: As the decoder takes them; last two dimensions (completion, 1).

        Returns:
            Hidden states after the last norm; shape (completion, channel).
        """
        if self._layers is None:
            self._layers = [_taken_apart(layer) for layer in self._modules]
        hidden = self._embedding(tokens)
        cos, sin = self._rotary(hidden, positions)
        first, second = sin.chunk(2, dim=-1)
        sin = torch.cat([-first, second], dim=-1)
        for number, layer in enumerate(self._layers):
            hidden = hidden + _attention(layer, hidden, cos, sin, cache, number)
            hidden = hidden + _perceptron(layer, hidden)
        return _norm(self._norm, hidden)


class _Packed:
    """A projection whose weight was laid out for oneDNN: products of few rows read it as it lies.

    Each product takes the same bits of the weight in the same order, wherever it was read from.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS)
        self._bias = bias

    def __call__(self, states: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(
            states.contiguous(), self._weight, self._bias, "none", [], ""
        )


def _can_pack(weight: Tensor) -> bool:
    on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
    return on_cpu and torch.backends.mkldnn.is_available()


def _packed(module: nn.Module) -> Projection:
    """A plain projection packed, where that helps; one that carries an adapter as it is."""
    if type(module) is nn.Linear and _can_pack(module.weight):
        return _Packed(module.weight, module.bias)
    return module


def _is_plain(layer: Any) -> bool:
    parts = (layer, layer.self_attn)
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in parts)
    window = getattr(layer.self_attn, "sliding_window", None)
    return type(layer).__name__ in _KNOWN_LAYERS and window is None and not hooked


def _taken_apart(layer: Any) -> _Layer:
    attention = layer.self_attn
    return _Layer(
        layer.input_layernorm,
        _packed(attention.q_proj),
        _packed(attention.k_proj),
        _packed(attention.v_proj),
        getattr(attention, "q_norm", None),
        getattr(attention, "k_norm", None),
        _packed(attention.o_proj),
        layer.post_attention_layernorm,
        _packed(layer.mlp.gate_proj),
        _packed(layer.mlp.up_proj),
        _packed(layer.mlp.down_proj),
        layer.mlp.act_fn,
        attention.head_dim,
        attention.scaling,
    )


def _norm(norm: Any, states: Tensor) -> Tensor:
    return nn.functional.rms_norm(states, (states.shape[-1],), norm.weight, norm.variance_epsilon)


def _attention(
    layer: _Layer, hidden: Tensor, cos: Tensor, sin: Tensor, cache: SharedPrefixCache, number: int
) -> Tensor:
    states = _norm(layer.norm, hidden)
    shape = (len(hidden), -1, layer.channels)
    query = layer.query(states).view(shape)
    key = layer.key(states).view(shape)
    if layer.query_norm is not None:
        query, key = _norm(layer.query_norm, query), _norm(layer.key_norm, key)
    # Queries and keys are turned in one go.
    heads = query.shape[1]
    both = torch.cat([query, key], dim=1)
    both = torch.addcmul(both * cos, both.roll(layer.channels // 2, -1), sin)
    value = layer.value(states).view(shape)
    keys, values = cache.layers[number].update(both[:, heads:].unsqueeze(2), value.unsqueeze(2))
    query = both[:, :heads].unsqueeze(2)
    mixed = attend(query, keys, values, cache.part(number), layer.scale)
    return layer.output(mixed.reshape(len(hidden), -1))


def _perceptron(layer: _Layer, hidden: Tensor) -> Tensor:
    states = _norm(layer.second_norm, hidden)
    gate = layer.activation(layer.gate(states))
    return layer.down(gate * layer.up(states))
