"""Steps and decoding of Qwen2.5-VL-3B at full size on a GPU, with random weights.

    .venv/bin/python benchmarks/gpu_step.py --results benchmarks/results
    .venv/bin/python benchmarks/gpu_step.py --device cpu --tiny       # the same path, anywhere

Ours beside plain transformers (`generate`, then whole sequences, as TRL does), and beside TRL where
`step.py` has built its environment. Sides do not alternate but follow each other, each in a process
of its own: two sides with their weights, references and moments do not fit on a card together. No
side keeps float32 copies of weights. Decoding is 64 sequences against `generate` with a static
cache, which transformers compiles on a GPU; it is measured by turns.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import rollout
import torch
from base_model import BASE, build_base
from output import add_output_flags, as_table, write
from step import HERE, PHASES, TRL_ENVIRONMENT, Side, compare, measure
from workload import IMAGE_SIDES, Workload, write_workload

DECODED_PROMPTS = 8
"""Times the group of 8: 64 sequences."""


def sides() -> list[Side]:
    """Ours, plain transformers, and TRL where its environment is built."""
    worker = HERE / "workers"
    found = [
        Side("ours", (sys.executable, str(worker / "grit_step.py"))),
        Side("plain", (sys.executable, str(worker / "plain_step.py"))),
    ]
    if (TRL_ENVIRONMENT / "complete").is_file():
        python = str(TRL_ENVIRONMENT / "bin" / "python")
        found.append(Side("trl", (python, str(worker / "trl_step.py"))))
    return found


def step_row(workload: Path, *, rounds: int) -> dict[str, Any]:
    """One cell: each side's seconds, operations and peak, and the ratios of others to ours."""
    cell = Workload.read(workload)
    found: dict[str, dict[str, Any]] = {}
    for side in sides():
        print(f"P {cell.prompt_tokens}, G {cell.group_size}: {side.name} …", file=sys.stderr)
        (found[side.name],) = measure([side], workload, rounds=rounds)
    row: dict[str, Any] = {
        "part": "step",
        "prompt_tokens": cell.prompt_tokens,
        "group_size": cell.group_size,
        "frozen": cell.freeze_vision,
        **found,
    }
    for name in found:
        if name != "ours":
            row[f"against_{name}"] = compare(found["ours"], found[name])
    return row


def decode_row(workload: Path, *, rounds: int) -> dict[str, Any]:
    """Decoding of 64 sequences, beside ``generate`` with a static cache."""
    cell = Workload.read(workload)
    policy, prompts = rollout.load(cell)
    cell = replace(cell, prompt_tokens=len(prompts[0].inputs.input_ids))
    spent = rollout.measure(cell, policy, prompts, rounds=rounds, static=True)
    return {"part": "decode", **rollout.compare(cell, spent)}


def measure_all(chosen: argparse.Namespace, place: Path) -> list[dict[str, Any]]:
    """Every row that was asked for."""
    model = build_base(place / "base", dtype=chosen.dtype, tiny=chosen.tiny, device=chosen.device)
    gc.collect()
    if chosen.device == "cuda":
        torch.cuda.empty_cache()
    how = {
        "model": model,
        "completion_tokens": chosen.completion_tokens,
        "micro_batch": chosen.micro_batch,
        "dtype": chosen.dtype,
        "device": chosen.device,
        "freeze_vision": chosen.frozen,
    }
    rows: list[dict[str, Any]] = []
    for prompt_tokens in chosen.prompt_tokens:
        for size in chosen.group_size:
            workload = write_workload(
                place / f"step-{prompt_tokens}-{size}",
                prompt_tokens=prompt_tokens,
                # A picture that was seen finds its caches warm.
                num_pictures=1 if chosen.frozen else chosen.rounds + 2,
                group_size=size,
                **how,
            )
            rows.append(step_row(workload, rounds=chosen.rounds))
    for prompt_tokens in chosen.prompt_tokens:
        workload = write_workload(
            place / f"decode-{prompt_tokens}",
            prompt_tokens=prompt_tokens,
            num_pictures=chosen.decoded_prompts,
            group_size=8,
            # Otherwise ours would find its pictures' features from the round before.
            **{**how, "freeze_vision": False},
        )
        rows.append(decode_row(workload, rounds=chosen.rounds))
    return rows


def as_markdown(rows: list[dict[str, Any]], device: str) -> str:
    """Which card, the steps, the decoding."""
    names = ("P", "G", "tower", "side", *(f"{phase}, s" for phase in PHASES), "peak, GiB",
             "step ratio", "bound", "training ratio", "memory ratio")  # fmt: skip
    lines: list[tuple[object, ...]] = []
    steps = [row for row in rows if row["part"] == "step"]
    for row in steps:
        tower = "frozen" if row["frozen"] else "learns"
        for name in ("ours", "plain", "trl"):
            if name not in row:
                continue
            side, ratios = row[name], row.get(f"against_{name}", {})
            kinds = ("step_ratio", "step_bound", "training_ratio", "memory_ratio")
            seconds = (side["seconds"][phase] for phase in PHASES)
            known = (ratios.get(kind, "") for kind in kinds)
            shape = (row["prompt_tokens"], row["group_size"], tower, name)
            lines.append((*shape, *seconds, side["peak_gib"], *known))
    decoded = rollout.as_markdown([row for row in rows if row["part"] == "decode"])
    what = torch.cuda.get_device_name() if device == "cuda" else "no GPU"
    return f"{BASE}, random weights, {what}\n\n{as_table(names, lines)}\n\n{decoded}"


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--prompt-tokens", type=int, nargs="+", default=[380, 1150], choices=sorted(IMAGE_SIDES)
    )
    parser.add_argument("--group-size", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--completion-tokens", type=int, default=150)
    parser.add_argument("--micro-batch", type=int, default=4, help="most sequences at once")
    parser.add_argument("--decoded-prompts", type=int, default=DECODED_PROMPTS)
    parser.add_argument("--frozen", action="store_true", help="freeze the tower; ours is warm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, to test this file")
    add_output_flags(parser)
    chosen = parser.parse_args(words)
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "gpu_step.py: torch sees no GPU here. Qwen2.5-VL-3B needs one of 80 GiB; the same path "
            "runs small on any machine with --device cpu --tiny"
        )
    with tempfile.TemporaryDirectory() as place:
        rows = measure_all(chosen, Path(place))
    write("gpu-step", rows, as_markdown(rows, chosen.device), chosen)


if __name__ == "__main__":
    main()
