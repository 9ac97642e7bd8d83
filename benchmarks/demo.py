"""The demo over several seeds, and one long run: the tables of README.md.

    .venv/bin/python benchmarks/demo.py --seeds 3
    .venv/bin/python benchmarks/demo.py --long 400

Each seed is a run folder under runs/demo-seeds and is reopened when it is finished. The long run
goes past the demo's steps, to show where the 20 triplets start to be learned by heart.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from grit.app.demo import demo_recipe, run_demo
from grit.app.train import train
from grit.cli.demo import evaluation_bar
from grit.cli.quiet import quiet_libraries
from grit.cli.watching import TrainingProgress
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import StepRow, ValidationRow
from grit.statistics.intervals import mean_and_spread

ROWS = (
    ("base", "direct", None),
    ("base", "cot", None),
    ("grit", "grounded", None),
    *(
        (model, mode, task)
        for task in ("relation", "counting", "attribute", "arithmetic", "existence", "locate")
        for model, mode in (("base", "direct"), ("base", "cot"), ("grit", "grounded"))
    ),
)


def main() -> None:
    """Run what is asked for and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--long", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/demo-seeds"))
    chosen = parser.parse_args()
    quiet_libraries()
    if chosen.seeds:
        print(seeds_table(chosen.output, chosen.seeds))
    if chosen.long:
        print(steps_table(chosen.output / f"long-{chosen.long}", chosen.long))


def seeds_table(output: Path, num_seeds: int) -> str:
    """Mean and standard deviation over training seeds; the base has no spread."""
    trees: list[dict[str, Any]] = []
    memory: list[float] = []
    seconds: list[float] = []
    for seed in range(num_seeds):
        flags = ["--output", str(output / f"seed-{seed}"), "--training.seed", str(seed)]
        with TrainingProgress() as listener:
            demo = run_demo(demo_recipe(flags), listener, evaluation_bar)
        trees.append(json.loads(demo.folder.summary.read_text(encoding="utf-8")))
        steps = read_rows(demo.folder.steps, StepRow).rows
        memory.append(max(row.peak_memory_gib or 0.0 for row in steps))
        seconds.append(demo.train_seconds)
    rows: list[list[str]] = []
    for model, mode, task in ROWS:
        modes = [tree[model][mode] for tree in trees]
        figures = modes if task is None else [each["tasks"][task] for each in modes]
        rows.append(
            [
                task or "relation + counting",
                f"{model}, {mode}",
                str(figures[0]["n"]),
                *(_over_seeds([f[key] for f in figures]) for key in ("accuracy", "giou", "format")),
            ]
        )
    table = _markdown(["task", "model, asked", "n", "accuracy", "grounding IoU", "format"], rows)
    times = f"{min(seconds):.0f}–{max(seconds):.0f} s"
    return f"{table}\n\n{num_seeds} seeds; training {times}, peak memory {max(memory):.2f} GiB"


def steps_table(output: Path, steps: int) -> str:
    """Training reward and held-out figures along one run."""
    flags = ["--output", str(output), "--training.steps", str(steps)]
    flags += ["--training.validation-limit", "300", "--training.checkpoint-every", "50"]
    folder = RunFolder(output)
    done = folder.checkpoint_steps()
    if not done or done[-1] < steps:
        with TrainingProgress() as listener:
            train(demo_recipe(flags), listener, resume=folder.holds_run)
    paid = {row.step: row for row in read_rows(folder.steps, StepRow).rows}
    rows: list[list[str]] = []
    for row in read_rows(folder.validation, ValidationRow).rows:
        step = paid.get(row.step)
        tasks = (row.tasks["counting"], row.tasks["relation"])
        held_out = (row.format_rate, row.accuracy, *tasks, row.grounding_iou)
        rows.append(
            [
                str(row.step),
                "–" if step is None else f"{step.reward_mean:.2f}",
                "–" if step is None else f"{step.kl:.3f}",
                *("–" if value is None else f"{value:.3f}" for value in held_out),
            ]
        )
    names = ["step", "training reward", "KL", "held-out format", "accuracy", "counting"]
    return _markdown([*names, "relation", "grounding IoU"], rows)


def _markdown(names: list[str], rows: list[list[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _over_seeds(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    spread = mean_and_spread(known)
    if not spread.deviation:
        return f"{spread.mean:.3f}"
    return f"{spread.mean:.3f} ± {spread.deviation:.3f}"


if __name__ == "__main__":
    main()
