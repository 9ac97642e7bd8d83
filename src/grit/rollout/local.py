"""The shared-prefix engine: run each prompt once, branch it, decode all branches together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from grit.config.rollout import ANSWER_END
from grit.policy.policy import Policy
from grit.policy.prefix import Branches
from grit.rollout.completion import Completion
from grit.rollout.group import Group, Prompt
from grit.rollout.streams import draw_tokens, uniform_stream

__all__ = ["LocalEngine", "Sampling"]

_COMPACT_BELOW = 0.75
"""Finished rows leave the batch once fewer than this share of it is still running."""

_TAIL_MARGIN = 8
"""The stop text is looked for this many tokens further back than it has bytes."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn.

    Args:
        max_new_tokens: Longest completion.
        temperature: 0 is greedy.
        top_p: Least probability mass to sample from.
        stop: Text that ends a completion as finished; None leaves it to end tokens.
        sequences_at_once: Most completions decoded together.
        seed: Root of every stream.
    """

    max_new_tokens: int
    temperature: float
    top_p: float = 1.0
    stop: str | None = ANSWER_END
    sequences_at_once: int = 128
    seed: int = 0


@dataclass(slots=True)
class _Row:
    """One completion under way."""

    stream: np.random.Generator
    tokens: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    is_finished: bool = False


class LocalEngine:
    """Samples in this process from the weights that learn.

    Args:
        policy: The model to sample from, as it is at each call.
        sampling: How to draw.
    """

    def __init__(self, policy: Policy, sampling: Sampling) -> None:
        self._policy = policy
        self._sampling = sampling
        self._ends = frozenset(policy.model.stop_ids)
        self._may_stop = _tokens_that_may_stop(policy, sampling.stop)
        # No tokenizer spells a text in more tokens than it has bytes.
        self._tail = len((sampling.stop or "").encode()) + _TAIL_MARGIN

    def roll_out(
        self,
        prompts: Sequence[Prompt],
        *,
        size: int,
        step: int,
        on_group: Callable[[Group], None] | None = None,
    ) -> list[Group]:
        """Sample a group of ``size`` completions for each prompt.

        Args:
            prompts: In the order of the groups that come back.
            size: Completions per prompt.
            step: Part of every stream's key.
            on_group: Told of each group when it is done, for progress.
        """
        at_once = max(1, self._sampling.sequences_at_once // size)
        # Prompts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].inputs.input_ids))
        done: dict[int, Group] = {}
        for first in range(0, len(order), at_once):
            places = order[first : first + at_once]
            made = self._decode([prompts[i] for i in places], size=size, step=step)
            for place, group in zip(places, made, strict=True):
                done[place] = group
                if on_group is not None:
                    on_group(group)
        return [done[i] for i in range(len(prompts))]

    @torch.no_grad()
    def _decode(self, prompts: Sequence[Prompt], *, size: int, step: int) -> list[Group]:
        rows = [
            _Row(uniform_stream(self._sampling.seed, step, p.sample.id, p.draw, number))
            for p in prompts
            for number in range(size)
        ]
        owners = [place for place in range(len(prompts)) for _ in range(size)]
        states = self._policy.run_prompts([prompt.inputs for prompt in prompts])
        # One group alone may be larger than what is decoded at once.
        for first in range(0, len(rows), self._sampling.sequences_at_once):
            part = slice(first, first + self._sampling.sequences_at_once)
            self._continue(self._policy.branch(states, owners[part]), rows[part])
        return [
            Group(
                prompt,
                tuple(self._completion(rows[k * size + n], n) for n in range(size)),
            )
            for k, prompt in enumerate(prompts)
        ]

    def _continue(self, branches: Branches, rows: Sequence[_Row]) -> None:
        """Decode rows to their ends, all together, token by token."""
        running = list(range(len(rows)))
        for place in range(self._sampling.max_new_tokens):
            tokens = self._draw(branches, [rows[i] for i in running])
            active = [k for k, i in enumerate(running) if not rows[i].is_finished]
            if not active or place + 1 == self._sampling.max_new_tokens:
                break
            if len(active) < _COMPACT_BELOW * len(running):
                kept = torch.tensor(active, device=tokens.device)
                _keep_rows(branches, kept)
                tokens = tokens.index_select(0, kept)
                running = [running[k] for k in active]
            self._policy.step(branches, tokens)

    def _draw(self, branches: Branches, rows: Sequence[_Row]) -> Tensor:
        """Draw the next token of every row and note it for those still running."""
        logits = self._policy.logits(branches)
        sampling = self._sampling
        uniforms = torch.tensor([row.stream.random() for row in rows], dtype=torch.float64)
        tokens = draw_tokens(
            logits,
            uniforms.to(logits.device),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
        )
        scaled = logits / (sampling.temperature or 1.0)
        chosen = scaled.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        logprobs = (chosen - torch.logsumexp(scaled, dim=-1)).tolist()
        for row, token, logprob in zip(rows, tokens.tolist(), logprobs, strict=True):
            if row.is_finished:
                continue
            row.tokens.append(token)
            row.logprobs.append(logprob)
            row.is_finished = token in self._ends or (
                token in self._may_stop and self._has_stopped(row.tokens)
            )
        return tokens

    def _has_stopped(self, tokens: Sequence[int]) -> bool:
        tail = self._policy.model.tokenizer.decode(list(tokens[-self._tail :]))
        return self._sampling.stop is not None and self._sampling.stop in tail

    def _completion(self, row: _Row, number: int) -> Completion:
        return Completion(
            number=number,
            tokens=torch.tensor(row.tokens),
            text=self._policy.model.read(row.tokens),
            logprobs=torch.tensor(row.logprobs),
            finish="finished" if row.is_finished else "cut_off",
        )


def _keep_rows(branches: Branches, kept: Tensor) -> None:
    branches.cache.batch_select_indices(kept)
    branches.last_hidden = branches.last_hidden.index_select(0, kept)
    branches.next_position = branches.next_position.index_select(0, kept)
    if branches.attention_mask is not None:
        branches.attention_mask = branches.attention_mask.index_select(0, kept)


def _tokens_that_may_stop(policy: Policy, stop: str | None) -> frozenset[int]:
    """Tokens that hold the stop text's last character: only after these is text looked at."""
    if not stop:
        return frozenset()
    vocabulary = policy.model.tokenizer.get_vocab()
    if not "!" <= stop[-1] <= "~":
        # Vocabularies spell visible ASCII as itself, spaces and all else each in its own way.
        return frozenset(vocabulary.values())
    return frozenset(token for piece, token in vocabulary.items() if stop[-1] in piece)
