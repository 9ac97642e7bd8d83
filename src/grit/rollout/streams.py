"""Random streams that belong to the work: one stream of uniforms for each completion.

A completion's stream is keyed by (seed, step, sample, number in its group), never by a process or
a place in a batch, so that rollouts do not depend on how they are batched or shared out.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

__all__ = ["draw_tokens", "seed_of", "uniform_stream"]


def uniform_stream(*key: int | str) -> np.random.Generator:
    """A generator of its own for one piece of work, the same wherever and whenever it is made."""
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_digest(key)[:16], "little")))


def seed_of(*key: int | str) -> int:
    """A seed of 62 bits for one piece of work, for engines that make their own streams."""
    return int.from_bytes(_digest(key)[:8], "little") >> 2


def _digest(key: tuple[int | str, ...]) -> bytes:
    return hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()


def draw_tokens(logits: Tensor, uniforms: Tensor, *, temperature: float, top_p: float) -> Tensor:
    """Sample one token a row by inverting the cumulative distribution, in order of token ids.

    Args:
        logits: Scores; shape (completion, vocabulary).
        uniforms: One number in [0, 1) a row; shape (completion,).
        temperature: Divides the logits; 0 takes the likeliest token.
        top_p: Least mass to sample from, likeliest tokens first; 1 keeps all.

    Returns:
        Token ids; shape (completion,).
    """
    if temperature == 0.0:
        return logits.argmax(dim=-1)
    # In float64 the far end of a vocabulary of 150,000 keeps its share of the sum.
    probabilities = torch.softmax(logits.double() / temperature, dim=-1)
    if top_p < 1.0:
        ranked, order = probabilities.sort(dim=-1, descending=True, stable=True)
        outside = ranked.cumsum(dim=-1) - ranked >= top_p
        probabilities = probabilities.masked_fill(
            torch.zeros_like(outside).scatter(-1, order, outside), 0.0
        )
    reached = probabilities.cumsum(dim=-1)
    targets = uniforms.to(reached).unsqueeze(-1) * reached[:, -1:]
    chosen = torch.searchsorted(reached, targets, right=True).squeeze(-1)
    return chosen.clamp(max=logits.shape[-1] - 1)
