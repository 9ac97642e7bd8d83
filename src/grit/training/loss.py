"""GRPO-GR's objective, token by token, and the weights that average it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

__all__ = [
    "Aggregation",
    "TokenLoss",
    "completion_weights",
    "importance_weights",
    "k3_kl",
    "token_loss",
]

Aggregation = Literal["completion_mean", "token_mean", "constant"]


class TokenLoss(NamedTuple):
    """Per token, all of one shape.

    Args:
        loss: What is minimised.
        kl: The k3 estimate of the KL to the reference.
        clipped: Whether the clip took the gradient away.
    """

    loss: Tensor
    kl: Tensor
    clipped: Tensor


def k3_kl(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Schulman's k3 estimate of KL(policy ‖ reference) at sampled tokens; never negative."""
    gap = reference - logprobs
    return gap.exp() - gap - 1.0


def importance_weights(old: Tensor, sampler: Tensor, *, most: float) -> Tensor:
    """Truncated importance weights: min(π_old / π_sampler, most) at each token, without grad.

    An engine of its own rounds otherwise than the trainer, so completions are drawn from slightly
    another policy than the one that the loss takes them for.

    Args:
        old: Log-probabilities under the trainer's policy when the completions were sampled.
        sampler: Log-probabilities as the engine had them, same shape.
        most: Upper bound of a weight.

    Source: Yao et al., "Your efficient RL framework secretly brings you off-policy RL training"
    (2025, fengyao.notion.site/off-policy-rl), its truncated importance sampling, token by token.
    """
    return (old - sampler).detach().exp().clamp(max=most)


def token_loss(
    logprobs: Tensor,
    old: Tensor,
    reference: Tensor | None,
    advantage: Tensor | float,
    *,
    clip_low: float,
    clip_high: float,
    beta: float,
    importance: Tensor | float = 1.0,
) -> TokenLoss:
    """The negated objective at each token.

    Args:
        logprobs: Under the policy, with grad.
        old: Under the policy that sampled, without grad, same shape.
        reference: Under the untrained model; None when ``beta`` is 0.
        advantage: Of the completion, unitless; broadcasts over its tokens.
        clip_low: How far below 1 the ratio may fall.
        clip_high: How far above 1 the ratio may rise.
        beta: Weight of the KL.
        importance: What each token's gain is multiplied by, see ``importance_weights``; the KL is
            held to the reference at every token alike.

    Source: GRIT eq. 3 (arXiv 2505.15879); the KL's estimator is k3, as in the released code.
    """
    ratio = (logprobs - old).exp()
    bounded = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    gain = torch.minimum(ratio * advantage, bounded * advantage)
    clipped = (bounded * advantage < ratio * advantage).to(logprobs.dtype)
    kl = torch.zeros_like(logprobs) if reference is None else k3_kl(logprobs, reference)
    return TokenLoss(beta * kl - importance * gain, kl, clipped)


def completion_weights(
    lengths: Sequence[int],
    counts: Sequence[bool],
    aggregation: Aggregation,
    *,
    constant_length: int | None = None,
) -> list[float]:
    """What the sum over each completion's tokens is multiplied by, for a whole step.

    Weighted sums of micro-batches then add up to the loss of the step, however it is cut.

    Args:
        lengths: Tokens of each completion.
        counts: Whether each completion takes part: scored, in a group that teaches.
        aggregation: ``completion_mean`` averages tokens, then completions (GRIT); ``token_mean``
            all tokens alike (DAPO, arXiv 2503.14476); ``constant`` divides by a fixed length, so
            that length carries no bias (Dr. GRPO, arXiv 2503.20783).
        constant_length: For ``constant``, in tokens.

    Raises:
        ValueError: If ``constant`` comes without its length.
    """
    number = sum(counts)
    tokens = sum(length for length, counted in zip(lengths, counts, strict=True) if counted)
    if number == 0:
        return [0.0] * len(lengths)
    match aggregation:
        case "completion_mean":
            weights = [1.0 / (length * number) for length in lengths]
        case "token_mean":
            weights = [1.0 / tokens] * len(lengths)
        case "constant":
            if constant_length is None:
                raise ValueError("aggregation constant needs constant_length")
            weights = [1.0 / (constant_length * number)] * len(lengths)
    return [w if counted else 0.0 for w, counted in zip(weights, counts, strict=True)]
