"""Runs small enough for a test: three painted pictures, two completions each, the tiny model."""

from __future__ import annotations

import json
from typing import Any

from grit.app.train import train
from grit.config.recipe import Recipe
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import AlarmRow, CompletionRow, StepRow, ValidationRow
from grit.rewards.score import RewardRow
from tiny_qwen import painted

QUESTIONS = (
    ("How many red circles are there?", "2"),
    ("Is the square left of the star?", "yes"),
    ("What color is the star?", "red"),
)


def variety(row: RewardRow) -> float:
    """A reward that random text earns in different amounts."""
    return len(set(row.trace.text)) / 10


class Watching:
    """A listener that keeps what it was told."""

    def __init__(self):
        self.steps: list[int] = []
        self.messages: list[str] = []
        self.begun: tuple[int, int] | None = None

    def started(self, first, steps):
        self.begun = (first, steps)

    def stepped(self, row):
        self.steps.append(row.step)

    def said(self, message):
        self.messages.append(message)


def write_triplets(folder, number=3):
    """A user's own file: rows and pictures."""
    folder.mkdir(exist_ok=True)
    lines = []
    for n, (question, answer) in enumerate(QUESTIONS[:number]):
        painted((84, 56), seed=n).save(folder / f"{n}.png")
        row = {"question": question, "answer": answer, "image": f"{n}.png", "dataset": "mine"}
        lines.append(json.dumps({**row, "bboxs": [[0, 0, 40, 40]]}))
    file = folder / "triplets.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def small_recipe(folder, file, output, /, **parts: dict[str, Any]) -> Recipe:
    """Four steps of two prompts with two completions; any part may say otherwise."""
    base = {
        "model": {"path": str(folder), "device": "cpu"},
        "data": {"train": str(file)},
        "group": {"size": 2, "prompts_per_step": 2},
        "rollout": {"max_new_tokens": 8, "temperature": 1.0},
        "rewards": {"custom": [{"function": "small_runs:variety"}]},
        "optimizer": {"lr": 1e-3},
        "training": {"steps": 4, "checkpoint_every": 2},
        "evaluation": {"max_new_tokens": 8},
    }
    merged = {key: {**base.get(key, {}), **parts.get(key, {})} for key in {**base, **parts}}
    return Recipe.model_validate({**merged, "output": str(output)})


def run(recipe, **flags):
    """Train, and give back who watched."""
    listener = Watching()
    train(recipe, listener, **flags)
    return listener


def records(output):
    """Everything that a resumed run must write as an unbroken one does."""
    folder = RunFolder(output)
    timed = {"seconds": None, "peak_memory_gib": None}
    return {
        "steps": [
            row.model_copy(update={**timed, "seconds": {}})
            for row in read_rows(folder.steps, StepRow).rows
        ],
        "completions": read_rows(folder.completions, CompletionRow).rows,
        "validation": [
            row.model_copy(update={"seconds": None})
            for row in read_rows(folder.validation, ValidationRow).rows
        ],
        "alarms": read_rows(folder.alarms, AlarmRow).rows,
    }


def weights(output, step=None):
    """Tensors of a run's checkpoint, optimiser included, by file and name."""
    from safetensors.torch import load_file

    folder = RunFolder(output)
    checkpoint = folder.latest_checkpoint() if step is None else folder.checkpoint(step)
    return {
        f"{path.relative_to(checkpoint)}:{name}": tensor
        for path in sorted(checkpoint.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }
