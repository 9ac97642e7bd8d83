"""Bytes that one layer leaves behind for the way back, and what it needs while it runs.

The sums follow transformers' layers line by line: a norm keeps its input in float32 and, where
its weight learns, what it scales; a linear layer keeps its input where its weight learns; a gated
feed-forward part keeps gate, activation, the other half and their product. LoRA's adapters are in
float32 and keep their inputs in it, each its own copy.
"""

from __future__ import annotations

from dataclasses import dataclass

from grit.planning.dimensions import Decoder, Dimensions, Tower

__all__ = [
    "Attention",
    "Precision",
    "kept_by_decoder",
    "kept_by_merger",
    "kept_by_tower",
    "kept_context",
    "running_context",
    "working",
]


@dataclass(frozen=True, slots=True)
class Precision:
    """How numbers are kept.

    Args:
        bytes: Of one number of weights and states.
        lora_rank: Of adapters; None trains the weights themselves.
    """

    bytes: int
    lora_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """One attention over a context.

    Args:
        kind: As the recipe names it; ``shared`` where a prompt stands once for its completions.
        queries: Tokens that ask.
        context: Tokens that are looked at; where a prompt is shared, the completion's own.
        masked: Whether a mask is needed: behind a cache, or beside padding.
        prefix: Tokens of a shared prompt.
        fused: Whether a kernel takes the shared form; else its scores are written out.
    """

    kind: str
    queries: int
    context: int
    masked: bool
    prefix: int = 0
    fused: bool = False


def kept_by_decoder(model: Dimensions, precision: Precision) -> int:
    """Bytes that all layers keep for one token, without keys and values."""
    d, b = model.decoder, precision.bytes
    attention = 2 * b * d.query_width
    if d.norms_queries:
        scaled = b if precision.lora_rank is None else 0
        attention += (4 + scaled) * (d.query_width + d.cache_width)
    if precision.lora_rank is None:
        norms = 2 * (4 + 2 * b) * d.width
        return d.layers * (norms + attention + 4 * b * d.mlp_width)
    inside = 2 * 4 * d.width + attention + 3 * b * d.mlp_width
    # In float32 there is nothing to cast: the norms' outputs are kept once for all that read them.
    inputs = d.layers * b * (2 * d.width + d.mlp_width) if b == 4 else 4 * model.adapted_in
    return d.layers * inside + inputs + 4 * precision.lora_rank * model.adapted


def kept_context(decoder: Decoder, precision: Precision, attention: Attention) -> int:
    """Bytes that one layer keeps for one sequence's attention beyond the cache itself."""
    b, context = precision.bytes, attention.context
    if attention.kind == "flash_attention_2":
        return 0
    if attention.kind == "shared":
        # Its own keys and values, the result that goes back, and a sum for each head.
        own = 2 * b * decoder.cache_width + b * decoder.query_width + 4 * decoder.heads
        return attention.queries * own
    copies = 2 * b * decoder.query_width * context
    if attention.kind == "eager":
        # Softmax in float32, its rounded copy, and that copy once more behind dropout.
        return copies + decoder.heads * attention.queries * context * (4 + 2 * b)
    # Under a mask sdpa wants a key for every query head, and the mask as numbers.
    return copies + b * attention.queries * context if attention.masked else 0


def running_context(decoder: Decoder, precision: Precision, attention: Attention) -> int:
    """Bytes that one layer needs for one sequence's attention while it runs."""
    if attention.kind != "shared":
        return kept_context(decoder, precision, attention)
    b, queries = precision.bytes, attention.queries
    # Queries, result and gradient beside those of their group; own keys and values for each head.
    folded = 3 * b * decoder.query_width * queries + 4 * b * decoder.query_width * queries
    if attention.fused:
        return folded
    # Scores as they come, as numbers to take the exponent of, as shares, and as gradients.
    return folded + 4 * 4 * decoder.heads * queries * max(attention.prefix, attention.context)


def kept_by_tower(tower: Tower, precision: Precision) -> int:
    """Bytes that all layers of a learning tower keep for one patch."""
    b = precision.bytes
    norms = 2 * (4 + 2 * b) * tower.width if tower.gated else 4 * b * tower.width
    mlp = (4 if tower.gated else 2) * b * tower.mlp_width
    # Queries, keys and values as they came, turned queries and keys, chunks of output, output.
    return tower.layers * (norms + 7 * b * tower.width + mlp)


def kept_by_merger(tower: Tower, precision: Precision) -> int:
    """Bytes that all learning mergers keep for one image token: of a norm and around GELU."""
    b = precision.bytes
    norm = 4 + 2 * b if tower.gated else 2 * b
    return tower.levels * tower.patches_per_token * tower.width * (norm + 2 * b)


def working(width: int, mlp_width: int, precision: Precision) -> int:
    """Bytes for one token while one layer runs: the feed-forward part beside states in float32."""
    wide = max(precision.bytes, 4) if precision.lora_rank is not None else precision.bytes
    return 3 * wide * mlp_width + 8 * width
