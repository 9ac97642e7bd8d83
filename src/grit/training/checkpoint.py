"""Checkpoints: everything that a run needs to go on with the same bits. No pickle.

Layout of one::

    model/                  weights, tokenizer, chat template, image processor; loads by itself
    optimizer.safetensors   moments, step counts and float32 masters
    state.json              step, random states, pixel limits, what was best so far

The sampler's place is a function of the step, random streams are keyed by the step, and a
checkpoint is written between steps, so that no rollout is in flight.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from grit.errors import CheckpointError
from grit.records.atomic import write_directory
from grit.training.optimizer import Optimizer

__all__ = [
    "MODEL_FOLDER",
    "TrainingState",
    "load_checkpoint",
    "prune",
    "save_checkpoint",
    "step_of",
]

MODEL_FOLDER = "model"
_OPTIMIZER_FILE = "optimizer.safetensors"
_STATE_FILE = "state.json"


@dataclass(slots=True)
class TrainingState:
    """What is not weights.

    Args:
        step: Last step that was made.
        best_step: Step of the best validation so far; None before the first.
        best_value: Its value.
        train_seconds: Wall time of all steps so far, in every process that made them.
        judge_spent: What a chat judge has cost so far, by name; empty without one.
    """

    step: int = 0
    best_step: int | None = None
    best_value: float | None = None
    train_seconds: float = 0.0
    judge_spent: dict[str, Any] = field(default_factory=dict[str, Any])


def save_checkpoint(
    folder: Path,
    save_weights: Callable[[Path], None],
    optimizer: Optimizer,
    state: TrainingState,
) -> None:
    """Write a checkpoint under a temporary name, sync it, and give it its name.

    Args:
        folder: Its name; one that stands there is replaced once the new one is whole.
        save_weights: Writes the model folder.
        optimizer: Whose state is kept.
        state: The rest.

    Raises:
        CheckpointError: If it cannot be written, a full disk for one; older ones survive.
    """

    def write(partial: Path) -> None:
        model = partial / MODEL_FOLDER
        model.mkdir(parents=True)
        save_weights(model)
        save_file(optimizer.state(), partial / _OPTIMIZER_FILE)
        content = asdict(state) | {"random": _random_states()}
        (partial / _STATE_FILE).write_text(json.dumps(content), encoding="utf-8")

    write_directory(folder, write, replace=True)


def load_checkpoint(folder: Path, optimizer: Optimizer) -> TrainingState:
    """Take back optimiser and random states; the model folder is loaded by its own loader.

    Raises:
        CheckpointError: If something is missing or torn, or belongs to another model.
    """
    try:
        content: dict[str, Any] = json.loads((folder / _STATE_FILE).read_text(encoding="utf-8"))
        states = content.pop("random")
        optimizer.load_state(load_file(folder / _OPTIMIZER_FILE))
        state = TrainingState(**content)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint {folder} cannot be resumed: {error}; remove it to resume from the one "
            "before"
        ) from error
    _restore_random_states(states)
    return state


def step_of(folder: Path) -> int:
    """Training step of a checkpoint's weights.

    Raises:
        CheckpointError: If it does not say.
    """
    try:
        return int(json.loads((folder / _STATE_FILE).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"the checkpoint {folder} does not say its step: {error}; remove it to use the one "
            "before"
        ) from error


def prune(folders: list[Path], *, keep: int) -> None:
    """Remove all but the newest checkpoints; ``training.keep_last`` says how many stay."""
    for old in sorted(folders)[: max(0, len(folders) - keep)]:
        shutil.rmtree(old)


def _random_states() -> dict[str, Any]:
    """States of the process-wide generators: ours never use them, a user's reward may."""
    version, inner, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "python": [version, list(inner), gauss],
        "numpy": [str(name), np.asarray(keys).tolist(), position, has_gauss, cached],
        "torch": torch.get_rng_state().tolist(),
    }
    if torch.cuda.is_available():
        states["cuda"] = [state.tolist() for state in torch.cuda.get_rng_state_all()]
    return states


def _restore_random_states(states: dict[str, Any]) -> None:
    version, inner, gauss = states["python"]
    random.setstate((version, tuple(inner), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(
            [torch.tensor(state, dtype=torch.uint8) for state in states["cuda"]]
        )
