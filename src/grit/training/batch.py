"""One step's completions, laid out for the loss: micro-batches of whole groups, in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from grit.models.family import PromptInputs
from grit.rollout.group import Group

__all__ = ["Batch", "MicroBatch", "Part", "micro_batches"]


@dataclass(frozen=True, slots=True)
class Part:
    """Completions that go through the model together, by their place in the batch.

    Args:
        places: Indices into the batch's flat lists.
        owners: Row of each one's prompt among the micro-batch's prompts.
    """

    places: tuple[int, ...]
    owners: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Whole groups: their prompts are run once, their completions in one or several parts."""

    prompts: tuple[PromptInputs, ...]
    parts: tuple[Part, ...]


@dataclass(slots=True)
class Batch:
    """Flat lists over all completions of a step, group after group.

    Args:
        groups: The step's groups.
        tokens: Completion tokens, each (token,).
        advantages: One a completion.
        weights: What each completion's token sum is multiplied by; 0 leaves it out.
        reference: Reference log-probabilities, each (token,); None without a KL.
        old: The trainer's log-probabilities when the batch was sampled, each (token,); filled by
            the first update.
        sampler: The engine's own log-probabilities, each (token,), on the CPU.
        own: Places of the completions that this process learns from: whole groups.
    """

    groups: list[Group]
    tokens: list[Tensor]
    advantages: list[float]
    weights: list[float]
    reference: list[Tensor] | None
    old: list[Tensor | None]
    sampler: list[Tensor]
    own: slice

    def to_learn_from(self) -> list[bool]:
        """Whether each completion teaches this process: its own ones that weigh anything."""
        own = range(len(self.weights))[self.own]
        return [weight > 0.0 and place in own for place, weight in enumerate(self.weights)]


def micro_batches(
    groups: Sequence[Group],
    *,
    groups_at_once: int,
    max_sequences: int,
    max_padding: float = 1.0,
    keep: Sequence[bool] | None = None,
) -> Iterator[MicroBatch]:
    """Cut a step's groups.

    Args:
        groups: All of them, in the order of the flat lists.
        groups_at_once: Groups whose prompts are run together.
        max_sequences: Most completions in one part; a larger micro-batch is split.
        max_padding: Largest share of padding in a part; completions of lengths that differ more
            are split. 1 leaves them together.
        keep: Completions to run, by place in the flat lists; None runs all of them. A group
            without any is left out with its prompt.
    """
    flat: list[tuple[int, list[int]]] = []
    place = 0
    for number, group in enumerate(groups):
        places = list(range(place, place + len(group.completions)))
        place += len(group.completions)
        kept = [p for p in places if keep is None or keep[p]]
        if kept:
            flat.append((number, kept))
    lengths = [len(c.tokens) for group in groups for c in group.completions]
    for first in range(0, len(flat), groups_at_once):
        chosen = flat[first : first + groups_at_once]
        # Completions of like length share a part: little of it is padding.
        members = sorted(
            ((p, row) for row, (_, places) in enumerate(chosen) for p in places),
            key=lambda member: lengths[member[0]],
        )
        num_parts = -(-len(members) // max_sequences)
        size = -(-len(members) // num_parts)
        parts = tuple(
            Part(tuple(p for p, _ in cut), tuple(row for _, row in cut))
            for start in range(0, len(members), size)
            for cut in _alike(members[start : start + size], lengths, max_padding)
        )
        yield MicroBatch(tuple(groups[number].prompt.inputs for number, _ in chosen), parts)


def _alike(
    members: Sequence[tuple[int, int]], lengths: Sequence[int], max_padding: float
) -> Iterator[Sequence[tuple[int, int]]]:
    """Cut completions, sorted by length, so that no cut is padded by more than a share."""
    end = len(members)
    while end > 0:
        # From the longest down: it says how long all of its part are.
        first, longest, tokens = end, lengths[members[end - 1][0]], 0
        while first > 0:
            tokens += lengths[members[first - 1][0]]
            padded = longest * (end - first + 1)
            if first < end and padded - tokens > max_padding * padded:
                break
            first -= 1
        yield members[first:end]
        end = first
