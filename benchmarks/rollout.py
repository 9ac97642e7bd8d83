"""Rollouts alone: our engine beside transformers' `generate` on the same prompts.

    .venv/bin/python benchmarks/rollout.py                        # 32 sequences, 4 prompts of 380
    .venv/bin/python benchmarks/rollout.py --prompt-tokens 1150 --json out.json

The prefill is what a rollout of one token takes; decoding is the rest of a whole one. Every
completion has the same length. Ratios are of medians, theirs over ours.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from output import add_output_flags, as_table, write
from timing import Spent, median_spent, spent_by, take_turns
from torch import Tensor
from workload import IMAGE_SIDES, Workload, build_model, write_workload

from grit.app.models import load_learner
from grit.config.model import ModelConfig
from grit.data.pictures import open_picture
from grit.data.sample import Sample
from grit.policy.policy import Policy
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling

__all__ = ["CLOCKS", "as_markdown", "compare", "load", "measure", "ours", "repeated", "theirs"]

CLOCKS = ("wall", "processor")


def load(cell: Workload) -> tuple[Policy, list[Prompt]]:
    """The model, which no token ends, and a prompt for each picture."""
    config = ModelConfig(
        path=cell.model,
        device=cast(Any, cell.device),
        dtype=cast(Any, cell.dtype),
        freeze_vision=cell.freeze_vision,
    )
    policy = load_learner(config, needs_reference=False).policy
    policy.model.stop_ids = ()
    prompts = [
        Prompt(
            Sample(str(number), Path(path), cell.question, "", "bench"),
            policy.model.prepare(open_picture(Path(path)), cell.question),
        )
        for number, path in enumerate(cell.pictures)
    ]
    return policy, prompts


def ours(policy: Policy, prompts: Sequence[Prompt], *, size: int, num_tokens: int) -> None:
    """Sample a group of completions of one length for every prompt."""
    sampling = Sampling(num_tokens, 1.0, stop=None, sequences_at_once=size * len(prompts))
    groups = LocalEngine(policy, sampling).roll_out(prompts, size=size, step=1)
    lengths = {len(each.tokens) for group in groups for each in group.completions}
    assert lengths == {num_tokens}, f"completions are {lengths} tokens long"


def repeated(
    policy: Policy, prompts: Sequence[Prompt], *, size: int, num_tokens: int = 0
) -> dict[str, Tensor]:
    """What a model is given where every prompt and picture stands there once a completion.

    Args:
        policy: Whose device it goes to.
        prompts: Of one length.
        size: Completions of each.
        num_tokens: Length of the completions that follow; their ids are the caller's to add.
    """
    inputs = [prompt.inputs for prompt in prompts for _ in range(size)]
    ids = torch.stack([each.input_ids for each in inputs])
    kinds = torch.stack([each.image_mask for each in inputs]).int()
    made = {
        "input_ids": ids,
        "attention_mask": ids.new_ones(len(ids), ids.shape[1] + num_tokens),
        "mm_token_type_ids": torch.nn.functional.pad(kinds, (0, num_tokens)),
        **{name: torch.cat([each.vision[name] for each in inputs]) for name in inputs[0].vision},
    }
    return {name: tensor.to(policy.device) for name, tensor in made.items()}


def theirs(
    policy: Policy, prompts: Sequence[Prompt], *, size: int, num_tokens: int, static: bool
) -> Tensor:
    """The same with ``generate``; gives back its completions, shape (completion, token)."""
    inputs = repeated(policy, prompts, size=size)
    made = cast(Any, policy.model.network).generate(
        **inputs,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        min_new_tokens=num_tokens,
        max_new_tokens=num_tokens,
        **({"cache_implementation": "static"} if static else {}),
    )
    completions = made[:, inputs["input_ids"].shape[1] :]
    assert completions.shape == (size * len(prompts), num_tokens)
    return completions


def measure(
    cell: Workload,
    policy: Policy,
    prompts: Sequence[Prompt],
    *,
    rounds: int,
    static: bool = False,
) -> dict[str, dict[str, Spent]]:
    """Medians of each side's prefill and whole rollout; ``static`` compiles theirs on a GPU."""
    ways: dict[tuple[str, str], Callable[[], Spent]] = {}
    for part, num_tokens in (("prefill", 1), ("whole", cell.completion_tokens)):
        how = {"size": cell.group_size, "num_tokens": num_tokens}

        def our_turn(how: dict[str, int] = how) -> Spent:
            return spent_by(lambda: ours(policy, prompts, **how), device=policy.device.type)

        def their_turn(how: dict[str, int] = how) -> Spent:
            return spent_by(
                lambda: theirs(policy, prompts, **how, static=static), device=policy.device.type
            )

        ways["ours", part] = our_turn
        ways["theirs", part] = their_turn
    with torch.no_grad():
        found = take_turns(ways, rounds=rounds)
    return {
        side: {part: median_spent(found[side, part]) for part in ("prefill", "whole")}
        for side in ("ours", "theirs")
    }


def compare(cell: Workload, sides: dict[str, dict[str, Spent]]) -> dict[str, Any]:
    """A row: seconds and tokens a second of each side by each clock, and the ratios."""
    sequences = len(cell.pictures) * cell.group_size
    row: dict[str, Any] = {
        "prompt_tokens": cell.prompt_tokens,
        "prompts": len(cell.pictures),
        "group_size": cell.group_size,
        "sequences": sequences,
        "completion_tokens": cell.completion_tokens,
    }
    for clock in CLOCKS:
        seconds: dict[str, dict[str, float]] = {}
        for side, parts in sides.items():
            prefill, whole = (getattr(parts[part], clock) for part in ("prefill", "whole"))
            decode = whole - prefill
            seconds[side] = {"prefill": prefill, "decode": decode, "whole": whole}
            tokens = sequences * (cell.completion_tokens - 1)
            row[f"{side}_{clock}_tokens_a_second"] = tokens / decode
        row[f"{clock}_seconds"] = seconds
        for part in ("prefill", "decode", "whole"):
            row[f"{part}_{clock}_ratio"] = seconds["theirs"][part] / seconds["ours"][part]
    return row


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One line a cell and clock."""
    names = ("P", "sequences", "R", "clock", "prefill: ours, s", "theirs, s", "ratio",
             "decode: ours, s", "theirs, s", "ratio", "tokens/s: ours", "theirs")  # fmt: skip
    lines: list[tuple[object, ...]] = []
    for row in rows:
        shape = f"{row['prompts']} × {row['group_size']}"
        for clock in CLOCKS:
            seconds = row[f"{clock}_seconds"]
            cells: list[object] = [row["prompt_tokens"], shape, row["completion_tokens"], clock]
            for part in ("prefill", "decode"):
                cells += [seconds[side][part] for side in ("ours", "theirs")]
                cells.append(row[f"{part}_{clock}_ratio"])
            cells += [row[f"{side}_{clock}_tokens_a_second"] for side in ("ours", "theirs")]
            lines.append(tuple(cells))
    return as_table(names, lines)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--prompt-tokens", type=int, nargs="+", default=[380], choices=sorted(IMAGE_SIDES)
    )
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--completion-tokens", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="a folder; by default a random one is made")
    add_output_flags(parser)
    chosen = parser.parse_args(words)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        model = chosen.model or build_model(Path(place) / "model")
        for prompt_tokens in chosen.prompt_tokens:
            file = write_workload(
                Path(place) / str(prompt_tokens),
                model=model,
                prompt_tokens=prompt_tokens,
                num_pictures=chosen.prompts,
                group_size=chosen.group_size,
                completion_tokens=chosen.completion_tokens,
            )
            cell = Workload.read(file)
            policy, prompts = load(cell)
            cell = replace(cell, prompt_tokens=len(prompts[0].inputs.input_ids))
            rows.append(compare(cell, measure(cell, policy, prompts, rounds=chosen.rounds)))
            print(as_markdown(rows[-1:]).splitlines()[-1], file=sys.stderr)
    write("rollout", rows, as_markdown(rows), chosen)


if __name__ == "__main__":
    main()
