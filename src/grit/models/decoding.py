"""One token at a time through a decoder's own layers, without what transformers does around them.

A forward of transformers works out masks, positions of any shape, outputs that may be recorded and
which attention is meant, once a token and partly once a layer. With a row a completion, all on
shared prompts, nothing of that is open: what is left are the layers' weights, in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from grit.models.prefix_cache import SharedPrefixCache
from grit.models.shared_attention import attend
from grit.models.weights import ALIGNMENT

__all__ = ["TokenDecoder", "next_token_logits"]

_KNOWN_LAYERS = frozenset(
    {
        "Qwen2DecoderLayer",
        "Qwen2_5_VLDecoderLayer",
        "Qwen3DecoderLayer",
        "Qwen3VLTextDecoderLayer",
    }
)
"""Classes of transformers that are norm, attention, norm, gated perceptron, and nothing else."""

_FEW_ROWS = 4
"""Up to so many rows, twice that in narrow states, a product is faster from the weight's side."""

_NARROW = 1024
"""Channels of narrow states."""


class _Layer(NamedTuple):
    """What a layer is made of. A projection is any module: it may carry an adapter."""

    norm: nn.Module
    query: nn.Module
    key: nn.Module
    value: nn.Module
    query_norm: nn.Module | None
    key_norm: nn.Module | None
    output: nn.Module
    second_norm: nn.Module
    gate: nn.Module
    up: nn.Module
    down: nn.Module
    activation: Callable[[Tensor], Tensor]
    channels: int
    scale: float


class TokenDecoder:
    """A decoder whose layers are run directly; weights are read where they are at each call.

    Args:
        language_model: With known layers, see ``of``.
    """

    def __init__(self, language_model: nn.Module) -> None:
        model = cast(Any, language_model)
        self._embedding: nn.Module = model.embed_tokens
        self._rotary: Callable[..., tuple[Tensor, Tensor]] = model.rotary_emb
        self._norm: nn.Module = model.norm
        self._layers = [_taken_apart(layer) for layer in model.layers]

    @classmethod
    def of(cls, language_model: nn.Module) -> TokenDecoder | None:
        """The decoder, or None where its layers are not known or somebody hooks into them."""
        layers = cast(Any, language_model).layers
        return cls(language_model) if all(map(_is_plain, layers)) else None

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
        hidden = self._embedding(tokens)
        cos, sin = self._rotary(hidden, positions)
        first, second = sin.chunk(2, dim=-1)
        sin = torch.cat([-first, second], dim=-1)
        for number, layer in enumerate(self._layers):
            hidden = hidden + _attention(layer, hidden, cos, sin, cache, number)
            hidden = hidden + _perceptron(layer, hidden)
        return _norm(self._norm, hidden)


def next_token_logits(hidden: Tensor, weight: Tensor, *, lean: bool = True) -> Tensor:
    """Scores of the next token in float32; shape (completion, vocabulary).

    Args:
        hidden: States; shape (completion, channel).
        weight: From states to logits; shape (vocabulary, channel). From the weight's side the CPU
            reads it in place, and the last bits depend on where it starts; ``load_weights`` sees
            to that.
        lean: Whether the faster side may be taken.
    """
    if lean and _from_the_weight(hidden, weight):
        return _transposed_product(hidden, weight).contiguous()
    return nn.functional.linear(hidden, weight).float()


def _from_the_weight(states: Tensor, weight: Tensor) -> bool:
    """Whether the product is faster as (weight · statesᵀ)ᵀ: measured on the CPU, float32."""
    rows, channels = states.shape
    few = rows <= _FEW_ROWS or (rows <= 2 * _FEW_ROWS and channels <= _NARROW)
    on_cpu = states.device.type == "cpu" and states.dtype == weight.dtype == torch.float32
    # Only so do the last bits not depend on where a weight happens to lie.
    return few and on_cpu and weight.data_ptr() % ALIGNMENT == 0


def _transposed_product(states: Tensor, weight: Tensor) -> Tensor:
    # States that do not stand row by row would take the slowest of all kernels.
    return (weight @ states.contiguous().t()).t()


def _project(module: nn.Module, states: Tensor) -> Tensor:
    """What a projection makes of states, (completion, channel), adapters included."""
    if type(module) is nn.Linear and _from_the_weight(states, module.weight):
        product = _transposed_product(states, module.weight)
        return product if module.bias is None else product + module.bias
    return module(states)


def _is_plain(layer: Any) -> bool:
    parts = (layer, layer.self_attn)
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in parts)
    window = getattr(layer.self_attn, "sliding_window", None)
    return type(layer).__name__ in _KNOWN_LAYERS and window is None and not hooked


def _taken_apart(layer: Any) -> _Layer:
    attention = layer.self_attn
    return _Layer(
        layer.input_layernorm,
        attention.q_proj,
        attention.k_proj,
        attention.v_proj,
        getattr(attention, "q_norm", None),
        getattr(attention, "k_norm", None),
        attention.o_proj,
        layer.post_attention_layernorm,
        layer.mlp.gate_proj,
        layer.mlp.up_proj,
        layer.mlp.down_proj,
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
    query = _project(layer.query, states).view(shape)
    key = _project(layer.key, states).view(shape)
    if layer.query_norm is not None:
        query, key = _norm(layer.query_norm, query), _norm(layer.key_norm, key)
    # Queries and keys are turned in one go.
    heads = query.shape[1]
    both = torch.cat([query, key], dim=1)
    both = torch.addcmul(both * cos, both.roll(layer.channels // 2, -1), sin)
    value = _project(layer.value, states).view(shape)
    keys, values = cache.layers[number].update(both[:, heads:].unsqueeze(2), value.unsqueeze(2))
    query = both[:, :heads].unsqueeze(2)
    mixed = attend(query, keys, values, cache.part(number), layer.scale)
    return _project(layer.output, mixed.reshape(len(hidden), -1))


def _perceptron(layer: _Layer, hidden: Tensor) -> Tensor:
    states = _norm(layer.second_norm, hidden)
    gate = layer.activation(_project(layer.gate, states))
    return _project(layer.down, gate * _project(layer.up, states))
