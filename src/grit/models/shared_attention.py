"""Attention of completions over a prompt that stands once, and over themselves.

The softmax over prompt and completion is taken in two parts, each with its own sum, and the parts
are merged: the keys and values of a prompt are read where they stand, once for all completions of
its group, and are never repeated. On the way back each part is differentiated under the sum of
both, as ring attention does (arXiv 2310.01889): the gradient of a softmax's part needs nothing of
the rest but the rest's sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["PrefixPart", "Slots", "attend", "share_prefix"]

SHARED_PREFIX = "grit_shared_prefix"
"""The name by which transformers finds this attention."""


def share_prefix(network: nn.Module) -> None:
    """Let a network's decoder attend to shared prefixes; without one it is sdpa, as before."""
    cast(Any, network).model.language_model.config._attn_implementation = SHARED_PREFIX


@dataclass(frozen=True, slots=True)
class Slots:
    """Completions, sorted beside the others of their prompts.

    Args:
        num_prompts: Prompts that have completions.
        width: Completions of the prompt that has most.
        place: Slot of each completion, counted prompt after prompt; shape (completion,). None
            where completions stand so already.
    """

    num_prompts: int
    width: int
    place: Tensor | None

    @classmethod
    def of(cls, owners: Tensor, num_prompts: int) -> Slots:
        """Slots for completions; ``owners`` has the row of each one's prompt, (completion,)."""
        counts = torch.bincount(owners, minlength=num_prompts)
        width = int(counts.max())
        order = torch.argsort(owners, stable=True)
        first = torch.cumsum(counts, 0) - counts
        rank = torch.empty_like(owners)
        rank[order] = torch.arange(len(owners), device=owners.device) - first[owners[order]]
        place = owners * width + rank
        plain = torch.arange(num_prompts * width, device=owners.device)
        return cls(num_prompts, width, None if torch.equal(place, plain) else place)

    def fold(self, rows: Tensor, num_key_heads: int) -> Tensor:
        """Everything of a prompt's completions that asks one key head, in one row.

        Args:
            rows: Of completions; shape (completion, head, token, channel).
            num_key_heads: Heads of keys and values, each asked by as many heads.

        Returns:
            Free slots are zero; shape (prompt, key head, slot · heads · token, channel).
        """
        _, heads, length, channels = rows.shape
        if self.place is not None:
            slots = rows.new_zeros(self.num_prompts * self.width, heads, length, channels)
            rows = slots.index_copy(0, self.place, rows)
        shape = (self.num_prompts, self.width, num_key_heads, -1, length, channels)
        beside = rows.reshape(shape).transpose(1, 2)
        return beside.reshape(self.num_prompts, num_key_heads, -1, channels)

    def unfold(self, folded: Tensor, heads: int, length: int) -> Tensor:
        """Undo ``fold``; shape (completion, head, token, channel)."""
        num_prompts, key_heads, _, channels = folded.shape
        shape = (num_prompts, key_heads, self.width, heads // key_heads, length, channels)
        rows = folded.reshape(shape).transpose(1, 2).reshape(-1, heads, length, channels)
        return rows if self.place is None else rows.index_select(0, self.place)


@dataclass(frozen=True, slots=True)
class PrefixPart:
    """What one layer keeps of some prompts.

    Args:
        keys: Shape (prompt, key head, token, channel).
        values: Of the same shape.
        bias: 0 at real tokens, minus infinity at padding; shape (prompt, 1, 1, token). None
            where there is no padding.
        slots: Whose completions ask.
    """

    keys: Tensor
    values: Tensor
    bias: Tensor | None
    slots: Slots


def attend(query: Tensor, keys: Tensor, values: Tensor, prefix: PrefixPart, scale: float) -> Tensor:
    """Attention of completion tokens over their prompts and, causally, over themselves.

    Args:
        query: Shape (completion, head, token, channel).
        keys: Of the completions; shape (completion, key head, key token, channel). There are as
            many key tokens as tokens, or one token asks for all.
        values: Of the same shape as ``keys``.
        prefix: The prompts.
        scale: Multiplies the products of queries and keys.

    Returns:
        Shape (completion, head, token, channel).
    """
    if query.shape[2] not in (1, keys.shape[2]):
        raise ValueError(
            f"{query.shape[2]} tokens on top of {keys.shape[2] - query.shape[2]} cached ones; "
            "run completions whole, or token by token"
        )
    if not torch.is_grad_enabled():
        return _merged(query, keys, values, prefix, scale)[0]
    found = _Merged.apply(query, keys, values, prefix.keys, prefix.values, prefix, scale)
    return cast(Tensor, found)


def _merged(
    query: Tensor, keys: Tensor, values: Tensor, prefix: PrefixPart, scale: float
) -> tuple[Tensor, Tensor]:
    """Both parts under one softmax, and the logarithm of its sum, (completion, head, token, 1)."""
    slots, heads, length = prefix.slots, query.shape[1], query.shape[2]
    far, far_sum = _part(
        slots.fold(query, keys.shape[1]), prefix.keys, prefix.values, scale, bias=prefix.bias
    )
    far = slots.unfold(far, heads, length)
    far_sum = slots.unfold(far_sum.unsqueeze(-1), heads, length)
    near, near_sum = _part(*_near(query, keys, values), scale, causal=length > 1)
    near, near_sum = near.reshape(query.shape), near_sum.reshape(*query.shape[:3], 1)
    total = torch.logaddexp(far_sum, near_sum)
    weight = torch.exp(far_sum - total)
    merged = torch.lerp(near.to(weight.dtype), far.to(weight.dtype), weight).to(query.dtype)
    return merged, total


class _Merged(torch.autograd.Function):
    """Both parts under one softmax. Saved are inputs, result and sums, one number a query."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, keys: Tensor, values: Tensor, prefix_keys: Tensor,
        prefix_values: Tensor, prefix: PrefixPart, scale: float,
    ) -> Tensor:  # fmt: skip
        merged, total = _merged(query, keys, values, prefix, scale)
        ctx.save_for_backward(query, keys, values, prefix_keys, prefix_values, merged, total)
        ctx.prefix, ctx.scale = prefix, scale
        return merged

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        query, keys, values, prefix_keys, prefix_values, merged, total = ctx.saved_tensors
        prefix, scale, gradient = ctx.prefix, ctx.scale, gradients[0].contiguous()
        slots, heads, length, key_heads = (
            prefix.slots,
            query.shape[1],
            query.shape[2],
            keys.shape[1],
        )
        far = _part_back(
            slots.fold(gradient, key_heads), slots.fold(query, key_heads), prefix_keys,
            prefix_values, slots.fold(merged, key_heads),
            slots.fold(total, key_heads).squeeze(-1), scale, bias=prefix.bias,
        )  # fmt: skip
        asked, near_keys, near_values = _near(query, keys, values)
        near = _part_back(
            gradient.reshape(asked.shape), asked, near_keys, near_values,
            merged.reshape(asked.shape), total.reshape(asked.shape[:3]), scale, causal=length > 1,
        )  # fmt: skip
        to_query = slots.unfold(far[0], heads, length) + near[0].reshape(query.shape)
        to_keys, to_values = (_sum_heads(each, key_heads) for each in near[1:])
        return to_query, to_keys, to_values, far[1], far[2], None, None


def _near(query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Completions over themselves: a single token's heads side by side, else keys repeated."""
    times = query.shape[1] // keys.shape[1]
    if query.shape[2] == 1:
        return query.reshape(keys.shape[0], keys.shape[1], times, -1), keys, values
    return query, keys.repeat_interleave(times, 1), values.repeat_interleave(times, 1)


def _sum_heads(gradient: Tensor, key_heads: int) -> Tensor:
    """Gradients of repeated heads, summed where they came from."""
    rows, heads, length, channels = gradient.shape
    return gradient.reshape(rows, key_heads, heads // key_heads, length, channels).sum(dim=2)


def _is_fused(query: Tensor) -> bool:
    """Whether a kernel gives the sum beside the result; elsewhere both are written out."""
    return query.device.type == "cpu"


def _part(
    query: Tensor, keys: Tensor, values: Tensor, scale: float,
    *, bias: Tensor | None = None, causal: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One part's own attention, and the logarithm of its sum; all heads alike."""
    if _is_fused(query):
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, keys, values, 0.0, causal, attn_mask=_as(bias, query), scale=scale
        )
    scores = _scores(query, keys, scale, bias, causal)
    total = scores.logsumexp(dim=-1)
    return torch.exp(scores - total.unsqueeze(-1)).to(values.dtype) @ values, total


def _part_back(
    gradient: Tensor, query: Tensor, keys: Tensor, values: Tensor, merged: Tensor, total: Tensor,
    scale: float, *, bias: Tensor | None = None, causal: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of one part, given the result and the sum of both."""
    if _is_fused(query):
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            gradient, query, keys, values, merged, total, 0.0, causal,
            attn_mask=_as(bias, query), scale=scale,
        )  # fmt: skip
    share = torch.exp(_scores(query, keys, scale, bias, causal) - total.unsqueeze(-1))
    to_values = share.transpose(-1, -2).to(gradient.dtype) @ gradient
    mean = (gradient.float() * merged.float()).sum(dim=-1, keepdim=True)
    to_scores = (share * ((gradient @ values.transpose(-1, -2)).float() - mean)).to(query.dtype)
    return to_scores @ keys * scale, to_scores.transpose(-1, -2) @ query * scale, to_values


def _scores(query: Tensor, keys: Tensor, scale: float, bias: Tensor | None, causal: bool) -> Tensor:
    scores = (query @ keys.transpose(-1, -2)).float() * scale
    if causal:
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(ahead, float("-inf"))
    return scores if bias is None else scores + bias.float()


def _as(bias: Tensor | None, query: Tensor) -> Tensor | None:
    return None if bias is None else bias.to(query.dtype)


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    *, scaling: float | None = None, shared_prefix: Any = None, **keywords: Any,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """What transformers calls: without a prefix it is sdpa."""
    if shared_prefix is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **keywords
        )
    part: PrefixPart = shared_prefix.part(module.layer_idx)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return attend(query, key, value, part, scale).transpose(1, 2).contiguous(), None


AttentionInterface.register(SHARED_PREFIX, _attention)
AttentionMaskInterface.register(SHARED_PREFIX, sdpa_mask)
