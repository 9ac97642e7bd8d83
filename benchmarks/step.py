"""One GRPO step of ours beside one of TRL's, on the same model, pictures, prompts and lengths.

    .venv/bin/python benchmarks/step.py                                   # the whole grid
    .venv/bin/python benchmarks/step.py --prompt-tokens 1150 --group-size 8 --json out.json

Each side is a process of its own that waits for orders; steps alternate, so that both see the same
machine. Ratios are of medians, theirs over ours in time and ours over theirs in memory; a bound is
their counted floating-point operations over ours. TRL's environment is built on first use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from output import add_output_flags, write
from workload import IMAGE_SIDES, build_model, write_workload

HERE = Path(__file__).parent
ROOT = HERE.parent
TRL_ENVIRONMENT = ROOT / ".venv-trl"
TRL = ("trl==1.16.0",)
SAME = ("torch", "transformers", "accelerate", "numpy", "pillow")
GROUP_SIZES = (4, 8, 16)
PHASES = ("rollout", "reference", "training", "total")


@dataclass(frozen=True, slots=True)
class Side:
    """Who makes a step.

    Args:
        name: In tables.
        command: Starts its worker; the workload's file is added.
    """

    name: str
    command: tuple[str, ...]


class Worker:
    """A process that makes a step for every order."""

    def __init__(self, side: Side, workload: Path, log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [*side.command, str(workload)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env=os.environ | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"},
        )
        self._answer()

    def order(self, what: str) -> dict[str, float]:
        """A step: seconds by phase (``step``) or operations (``flops``); training is the rest."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        spent = self._answer()
        spent["training"] = spent["total"] - spent["rollout"] - spent["reference"]
        return spent

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        raise SystemExit(f"a worker ended: {self._log.read_text(encoding='utf-8')[-3000:]}")


def trl_python() -> Path:
    """The interpreter of an environment with TRL and our versions of what both use."""
    python = TRL_ENVIRONMENT / "bin" / "python"
    if not (TRL_ENVIRONMENT / "complete").is_file():
        print(f"building {TRL_ENVIRONMENT} (some minutes) …", file=sys.stderr)
        shutil.rmtree(TRL_ENVIRONMENT, ignore_errors=True)
        pins = [
            line
            for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
            if line.split("==")[0].lower() in SAME
        ]
        subprocess.run([sys.executable, "-m", "venv", TRL_ENVIRONMENT], check=True)
        for wanted in (pins, TRL):
            subprocess.run([python, "-m", "pip", "install", "-q", *pins, *wanted], check=True)
        (TRL_ENVIRONMENT / "complete").touch()
    return python


@contextmanager
def working(sides: list[Side], workload: Path) -> Iterator[list[Worker]]:
    """Workers, one a side, ended whatever happens."""
    with ExitStack() as stack:
        workers: list[Worker] = []
        for side in sides:
            worker = Worker(side, workload, workload.with_name(f"{side.name}.log"))
            stack.callback(worker.end)
            workers.append(worker)
        yield workers


def measure(sides: list[Side], workload: Path, *, rounds: int) -> list[dict[str, Any]]:
    """Medians by phase, counted operations and peak memory of each side."""
    with working(sides, workload) as workers:
        for worker in workers:
            worker.order("step")
        times: list[list[dict[str, float]]] = [[] for _ in sides]
        for _ in range(rounds):
            for place, worker in enumerate(workers):
                times[place].append(worker.order("step"))
        peaks = [steps[-1]["peak_gib"] for steps in times]
        flops = [worker.order("flops") for worker in workers]
    return [
        {
            "seconds": {p: statistics.median(step[p] for step in steps) for p in PHASES},
            "flops": {phase: counted[phase] for phase in PHASES},
            "peak_gib": peak,
        }
        for steps, counted, peak in zip(times, flops, peaks, strict=True)
    ]


def compare(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    """Every ratio and bound."""
    row: dict[str, float] = {}
    for phase in PHASES:
        name = "step" if phase == "total" else phase
        row[f"{name}_ratio"] = theirs["seconds"][phase] / ours["seconds"][phase]
        # A phase that a cache has made empty has no bound.
        if ours["flops"][phase]:
            row[f"{name}_bound"] = theirs["flops"][phase] / ours["flops"][phase]
    row["memory_ratio"] = ours["peak_gib"] / theirs["peak_gib"]
    return row


def cell(
    model: Path, folder: Path, prompt_tokens: int, group_size: int, chosen: argparse.Namespace
) -> dict[str, Any]:
    """One cell of the grid."""
    worker = HERE / "workers"
    sides = [
        Side("ours", (sys.executable, str(worker / "grit_step.py"))),
        Side("trl", (str(trl_python()), str(worker / "trl_step.py"))),
    ]
    workload = write_workload(
        folder,
        model=model,
        prompt_tokens=prompt_tokens,
        # A picture that was seen finds its caches warm.
        num_pictures=1 if chosen.frozen else chosen.rounds + 2,
        group_size=group_size,
        completion_tokens=chosen.completion_tokens,
        freeze_vision=chosen.frozen,
    )
    ours, theirs = measure(sides, workload, rounds=chosen.rounds)
    row: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "group_size": group_size,
        "frozen": chosen.frozen,
        **compare(ours, theirs),
        "ours": ours,
        "trl": theirs,
    }
    if chosen.checkpointing:
        less = Side("trl-checkpointing", (*sides[1].command, "--checkpointing"))
        (row["trl_checkpointing"],) = measure([less], workload, rounds=1)
        other = compare(ours, row["trl_checkpointing"])
        row["checkpointing_step_ratio"] = other["step_ratio"]
        row["checkpointing_memory_ratio"] = other["memory_ratio"]
    return row


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The table that goes to ``benchmarks/results``."""
    shown = (
        "step_ratio", "step_bound", "rollout_ratio", "reference_ratio", "training_ratio",
        "training_bound", "memory_ratio",
    )  # fmt: skip
    names = ["P", "G", "tower", "ours, s", "TRL, s", *(name.replace("_", " ") for name in shown)]
    lines = [names, ["---"] * len(names)]
    for row in rows:
        known = (f"{row[name]:.2f}" if name in row else "–" for name in shown)
        lines.append(
            [
                str(row["prompt_tokens"]),
                str(row["group_size"]),
                "frozen" if row["frozen"] else "learns",
                f"{row['ours']['seconds']['total']:.2f}",
                f"{row['trl']['seconds']['total']:.2f}",
                *known,
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt-tokens", type=int, choices=sorted(IMAGE_SIDES))
    parser.add_argument("--group-size", type=int)
    parser.add_argument("--completion-tokens", type=int, default=150)
    parser.add_argument("--frozen", action="store_true", help="freeze the tower; ours is warm")
    parser.add_argument("--checkpointing", action="store_true", help="TRL's default beside it")
    parser.add_argument("--rounds", type=int, default=3)
    add_output_flags(parser)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        model = build_model(Path(place) / "model")
        for prompt_tokens in [chosen.prompt_tokens] if chosen.prompt_tokens else IMAGE_SIDES:
            for group_size in [chosen.group_size] if chosen.group_size else GROUP_SIZES:
                folder = Path(place) / f"{prompt_tokens}-{group_size}"
                rows.append(cell(model, folder, prompt_tokens, group_size, chosen))
                print(as_markdown(rows[-1:]).splitlines()[-1], file=sys.stderr)
    write("step", rows, as_markdown(rows), chosen)


if __name__ == "__main__":
    main()
