"""Log-probabilities in chunks beside the plain way, which holds logits of the whole vocabulary.

    .venv/bin/python benchmarks/logprobs.py

Forward and backward over the states of 8 completions of 150 tokens. Each way is a process of its
own, so that each has its own peak; turns alternate.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from output import add_output_flags, as_table, write
from timing import Spent, median_spent, peak_bytes, reset_peak, spent_by, take_turns
from torch import Tensor

from grit.policy.logprobs import token_logprobs

CLOCKS = ("wall", "processor")


@dataclass(frozen=True, slots=True)
class Size:
    """What is computed.

    Args:
        tokens: Of all completions.
        width: Channels of a state.
        vocabulary: Words.
    """

    tokens: int
    width: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One forward and backward.

    Args:
        spent: Seconds.
        extra_bytes: Peak of the process over what it held before.
        logprobs: What was found.
        gradient: Of the states.
    """

    spent: Spent
    extra_bytes: int
    logprobs: list[float]
    gradient: list[float]


def plain(hidden: Tensor, weight: Tensor, tokens: Tensor) -> Tensor:
    """All logits at once, as the formula says."""
    logits = torch.nn.functional.linear(hidden, weight).float()
    return logits.log_softmax(dim=-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "chunked": token_logprobs,
    "plain": plain,
}


def turn(way: str, size: Size) -> Turn:
    """Make one turn in this process; states and weights are those of the seed."""
    torch.manual_seed(0)
    hidden = torch.randn(size.tokens, size.width, requires_grad=True)
    weight = (torch.randn(size.vocabulary, size.width) / size.width**0.5).requires_grad_()
    tokens = torch.randint(size.vocabulary, (size.tokens,))
    # What a first call loads is no part of what is measured.
    WAYS[way](hidden[:2], weight, tokens[:2]).mean().backward()
    hidden.grad = weight.grad = None
    found: list[Tensor] = []

    def compute() -> None:
        found.append(WAYS[way](hidden, weight, tokens))
        found[0].mean().backward()

    held = reset_peak()
    spent = spent_by(compute)
    assert hidden.grad is not None
    return Turn(
        spent, peak_bytes() - held, found[0].tolist(), hidden.grad.flatten()[:10_000].tolist()
    )


def measure(size: Size, rounds: int) -> dict[str, list[Turn]]:
    """Turns of both ways."""
    with ExitStack() as stack:
        context = multiprocessing.get_context("spawn")
        pools = {
            way: stack.enter_context(ProcessPoolExecutor(1, mp_context=context)) for way in WAYS
        }

        def order(way: str) -> Turn:
            asked: Future[Turn] = pools[way].submit(turn, way, size)
            return asked.result()

        return take_turns({way: lambda way=way: order(way) for way in WAYS}, rounds=rounds)


def compare(size: Size, found: dict[str, list[Turn]]) -> dict[str, Any]:
    """A row: time, memory, and how far values are apart."""
    spent = {way: median_spent([turn.spent for turn in turns]) for way, turns in found.items()}
    extra = {way: max(turn.extra_bytes for turn in turns) for way, turns in found.items()}
    ours, theirs = found["chunked"][-1], found["plain"][-1]
    row: dict[str, Any] = {
        "tokens": size.tokens,
        "width": size.width,
        "vocabulary": size.vocabulary,
        "extra_mib": {way: value / 2**20 for way, value in extra.items()},
        "memory_ratio": extra["chunked"] / extra["plain"],
        "logprob_difference": _furthest(ours.logprobs, theirs.logprobs),
        "gradient_difference": _furthest(ours.gradient, theirs.gradient)
        / max(map(abs, theirs.gradient)),
    }
    for clock in CLOCKS:
        row[f"{clock}_seconds"] = {way: getattr(spent[way], clock) for way in WAYS}
        row[f"{clock}_ratio"] = getattr(spent["plain"], clock) / getattr(spent["chunked"], clock)
    return row


def _furthest(one: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One line a vocabulary."""
    names = ("tokens", "vocabulary", "chunked, s", "plain, s", "ratio", "by processor",
             "chunked, MiB", "plain, MiB", "ratio", "values apart", "gradients apart")  # fmt: skip
    return as_table(
        names,
        [
            (
                row["tokens"],
                row["vocabulary"],
                *row["wall_seconds"].values(),
                row["wall_ratio"],
                row["processor_ratio"],
                *row["extra_mib"].values(),
                row["memory_ratio"],
                row["logprob_difference"],
                row["gradient_difference"],
            )
            for row in rows
        ],
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1200)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, nargs="+", default=[32_768, 151_936])
    parser.add_argument("--rounds", type=int, default=3)
    add_output_flags(parser)
    chosen = parser.parse_args(words)
    rows: list[dict[str, Any]] = []
    for vocabulary in chosen.vocabulary:
        size = Size(chosen.tokens, chosen.width, vocabulary)
        rows.append(compare(size, measure(size, chosen.rounds)))
    write("logprobs", rows, as_markdown(rows), chosen)


if __name__ == "__main__":
    main()
