"""A completion: the text and tokens that a policy sampled for one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

__all__ = ["Completion", "Finish"]

Finish = Literal["finished", "cut_off"]


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled completion.

    Args:
        number: Place in its group, from 0.
        tokens: Sampled tokens and no others, on the CPU; shape (token,). An end token is among
            them only where it was sampled.
        text: The tokens as text, special tokens left out.
        logprobs: The sampler's log-probability of each token; shape (token,).
        finish: ``finished`` at the stop text or an end token, ``cut_off`` at the length limit.
    """

    number: int
    tokens: Tensor
    text: str
    logprobs: Tensor
    finish: Finish
