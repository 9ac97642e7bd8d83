"""Run a prompt once, branch it: the shared prefix of a group.

A group's completions share picture and question. The decoder runs over both once; its keys and
values are then read by every completion, in rollout, reference and training alike. Under grad,
gradients of all branches meet again in the one prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from grit.models.decoding import TokenDecoder
from grit.models.family import Family, PromptStates
from grit.models.prefix_cache import SharedPrefixCache

__all__ = ["Branches", "branch", "detached", "run_branches"]


@dataclass(slots=True)
class Branches:
    """Prompt states repeated once per completion, with a cache that grows.

    Args:
        cache: Keys and values, one row per completion.
        attention_mask: 1 at real tokens so far; None when no row is padded, or prompts are shared.
        last_hidden: State that predicts the next token; shape (completion, channel).
        next_position: Rotary position of the next token; shape (completion,).
        decoder: What runs single tokens; None leaves them to the family.
    """

    cache: DynamicCache
    attention_mask: Tensor | None
    last_hidden: Tensor
    next_position: Tensor
    decoder: TokenDecoder | None = None


def branch(states: PromptStates, owners: Tensor, *, shared: bool = False) -> Branches:
    """Go on from prompts with several completions each.

    Args:
        states: One row per prompt.
        owners: Row of each completion's prompt; shape (completion,).
        shared: Whether the model reads a prompt's keys and values where they stand
            (``LoadedModel.shares_prefix``); else they are repeated.
    """
    mask = states.attention_mask
    if shared:
        cache, mask = SharedPrefixCache(states, owners), None
    else:
        cache = DynamicCache(
            [(k.index_select(0, owners), v.index_select(0, owners)) for k, v in states.cache]
        )
        mask = None if bool(mask.all()) else mask.index_select(0, owners)
    return Branches(
        cache=cache,
        attention_mask=mask,
        last_hidden=states.last_hidden.index_select(0, owners),
        next_position=states.next_position.index_select(0, owners),
    )


def detached(states: PromptStates) -> tuple[PromptStates, list[tuple[Tensor, Tensor]]]:
    """Cut the graph at a prefix, so that parts of its groups can be run backward one by one.

    Returns:
        The same states on leaves that collect gradients, and pairs (state in the graph, leaf)
        through which the gradients return to the prefix.
    """
    pairs: list[tuple[Tensor, Tensor]] = []

    def leaf(tensor: Tensor) -> Tensor:
        copy = tensor.detach().requires_grad_()
        pairs.append((tensor, copy))
        return copy

    cut = PromptStates(
        cache=tuple((leaf(keys), leaf(values)) for keys, values in states.cache),
        attention_mask=states.attention_mask,
        last_hidden=leaf(states.last_hidden),
        next_position=states.next_position,
    )
    return cut, pairs


def run_branches(
    family: Family, network: torch.nn.Module, branches: Branches, tokens: Sequence[Tensor] | Tensor
) -> Tensor:
    """States that predict each token of some completions, run on top of their prompts.

    Args:
        family: The model's architecture.
        network: The model.
        branches: One row per completion; used up by this call.
        tokens: Completion tokens, padded on the right; shape (completion, token).

    Returns:
        State before each token; shape (completion, token, channel).
    """
    if not isinstance(tokens, Tensor):
        tokens = torch.nn.utils.rnn.pad_sequence(list(tokens), batch_first=True)
    # The last token predicts nothing that is asked for, the prompt's last state predicts the first.
    inputs = tokens[:, :-1]
    first = branches.last_hidden.unsqueeze(1)
    if inputs.shape[1] == 0:
        return first
    steps = torch.arange(inputs.shape[1], device=inputs.device)
    mask = branches.attention_mask
    if mask is not None:
        # Padding on the right needs no mask: causality keeps it from every real token.
        mask = torch.cat([mask, mask.new_ones(inputs.shape)], dim=1)
    rest = family.run_completions(
        network,
        inputs,
        cache=branches.cache,
        attention_mask=mask,
        positions=branches.next_position.unsqueeze(1) + steps,
    )
    return torch.cat([first, rest], dim=1)
