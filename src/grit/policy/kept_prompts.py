"""Prompts of a model that never changes, run once and kept: the next epoch does not run them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from grit.models.family import PromptInputs, PromptStates
from grit.policy.policy import Policy

__all__ = ["KeptPrompts"]


class KeptPrompts:
    """Runs prompts under weights that do not change, and keeps what they leave behind.

    What is kept stays: where a data set is larger than the bound and is gone through in turns,
    letting the oldest go would let each go just before it is asked for again.

    Args:
        policy: The model, as it is during the calls.
        max_bytes: Bound on keys, values and states; 0 keeps nothing, and runs prompts together.
    """

    def __init__(self, policy: Policy, *, max_bytes: int) -> None:
        self._policy = policy
        self._max_bytes = max_bytes
        # The inputs are kept with their states, so that their id cannot be given to others.
        self._kept: dict[int, tuple[PromptInputs, PromptStates]] = {}
        self.num_bytes = 0

    @torch.no_grad()
    def of(self, prompts: Sequence[PromptInputs]) -> PromptStates:
        """States of prompts, padded on the left."""
        if self._max_bytes == 0:
            return self._policy.run_prompts(prompts)
        return _beside([self._one(prompt) for prompt in prompts])

    def _one(self, prompt: PromptInputs) -> PromptStates:
        kept = self._kept.get(id(prompt))
        if kept is not None:
            return kept[1]
        # Each by itself: the last bits of a sum depend on what it is batched with, and a run that
        # was resumed finds other prompts missing.
        states = self._policy.run_prompts([prompt])
        size = sum(tensor.nbytes for pair in states.cache for tensor in pair)
        size += states.last_hidden.nbytes
        if self.num_bytes + size <= self._max_bytes:
            self._kept[id(prompt)] = (prompt, states)
            self.num_bytes += size
        return states


def _beside(alone: Sequence[PromptStates]) -> PromptStates:
    """Several prompts' states as one batch."""
    if len(alone) == 1:
        return alone[0]
    longest = max(states.attention_mask.shape[1] for states in alone)

    def stacked(tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([pad(t, (0, 0, longest - t.shape[2], 0)) for t in tensors])

    return PromptStates(
        cache=tuple(
            (stacked([keys for keys, _ in layer]), stacked([values for _, values in layer]))
            for layer in zip(*(states.cache for states in alone), strict=True)
        ),
        attention_mask=torch.cat(
            [pad(s.attention_mask, (longest - s.attention_mask.shape[1], 0)) for s in alone]
        ),
        last_hidden=torch.cat([states.last_hidden for states in alone]),
        next_position=torch.cat([states.next_position for states in alone]),
    )
