"""The reference: the untrained model that the KL is measured to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from grit.models.family import LoadedModel, PromptInputs, PromptStates
from grit.policy.kept_prompts import KeptPrompts
from grit.policy.policy import Policy

__all__ = [
    "AdapterOffReference",
    "CompletionPart",
    "FrozenReference",
    "Reference",
    "frozen_copy",
]

CompletionPart = tuple[Sequence[int], Sequence[Tensor]]
"""Rows of some completions' prompts, and their tokens, each (token,)."""


class Reference(Protocol):
    """Anything that can say how likely completions were before training."""

    def logprobs(
        self,
        prompts: Sequence[PromptInputs],
        parts: Sequence[CompletionPart],
        *,
        temperature: float,
    ) -> list[list[Tensor]]:
        """Log-probabilities without grad, part by part; prompts are run once for all parts."""
        ...


def frozen_copy(model: LoadedModel) -> LoadedModel:
    """The same model with weights of its own, as they are now, that never learn."""
    frozen = copy.copy(model)
    frozen.network = copy.deepcopy(model.network).requires_grad_(False).eval()
    return frozen


class FrozenReference:
    """A second model, whose weights never change.

    Args:
        policy: It; the caller sees to it that nobody trains it.
        max_bytes: Bound on the prompt caches that are kept.
    """

    def __init__(self, policy: Policy, *, max_bytes: int = 0) -> None:
        self._policy = policy
        self._prompts = KeptPrompts(policy, max_bytes=max_bytes)

    @torch.no_grad()
    def logprobs(
        self,
        prompts: Sequence[PromptInputs],
        parts: Sequence[CompletionPart],
        *,
        temperature: float,
    ) -> list[list[Tensor]]:
        """Log-probability of every token under its weights."""
        return _logprobs(self._policy, self._prompts.of(prompts), parts, temperature)


class AdapterOffReference:
    """The policy itself with its LoRA adapter switched off: no second copy of the weights.

    Args:
        policy: It; nothing but its adapter learns.
        adapter: peft's model around its network.
        max_bytes: Bound on the prompt caches that are kept.
    """

    def __init__(self, policy: Policy, adapter: Any, *, max_bytes: int = 0) -> None:
        self._policy = policy
        self._prompts = KeptPrompts(policy, max_bytes=max_bytes)
        self._adapter = adapter

    @torch.no_grad()
    def logprobs(
        self,
        prompts: Sequence[PromptInputs],
        parts: Sequence[CompletionPart],
        *,
        temperature: float,
    ) -> list[list[Tensor]]:
        """Log-probability of every token under the base weights."""
        with self._adapter.disable_adapter():
            return _logprobs(self._policy, self._prompts.of(prompts), parts, temperature)


def _logprobs(
    policy: Policy,
    states: PromptStates,
    parts: Sequence[CompletionPart],
    temperature: float,
) -> list[list[Tensor]]:
    return [
        policy.logprobs(states, owners, completions, temperature=temperature)
        for owners, completions in parts
    ]
