"""Log-probabilities of chosen tokens, in chunks: no tensor of vocabulary × completions is kept."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

__all__ = ["token_logprobs"]

_CHUNK_ELEMENTS = 8_000_000
"""Logits held at once; 32 MB in float32."""


def token_logprobs(
    hidden: Tensor, output_weight: Tensor, tokens: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """Log-probability of each token under the state before it.

    Args:
        hidden: States; shape (token, channel).
        output_weight: From states to logits; shape (vocabulary, channel).
        tokens: Chosen tokens; shape (token,).
        temperature: Divides the logits; above 0.

    Returns:
        Natural logarithms in float32; shape (token,). Under grad, logits are computed again on
        the way back instead of being kept.
    """
    rows = max(1, _CHUNK_ELEMENTS // output_weight.shape[0])
    parts: list[Tensor] = []
    for first in range(0, tokens.shape[0], rows):
        chunk = (hidden[first : first + rows], output_weight, tokens[first : first + rows])
        if torch.is_grad_enabled():
            parts.append(checkpoint(_chunk, *chunk, temperature, use_reentrant=False))
        else:
            parts.append(_chunk(*chunk, temperature))
    return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.float32)


def _chunk(hidden: Tensor, output_weight: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    logits = torch.nn.functional.linear(hidden, output_weight).float() / temperature
    chosen = logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return chosen - torch.logsumexp(logits, dim=-1)
