"""`grit train [FILES] [FLAGS]` and `grit sft`: recipes, composed left to right, become a run."""

from __future__ import annotations

import shlex
from typing import Literal

from grit.cli.console import out
from grit.config.compose import load_recipe, split_arguments
from grit.errors import BY_SIGNAL, StoppedBySignalError

__all__ = ["run", "run_sft"]


_WAY_ON = (
    "--resume goes on with the run in the output folder; --overwrite removes that run first. "
    "Ctrl-C finishes the step and writes a checkpoint. "
    "Several processes: accelerate launch --multi_gpu --num_processes N -m grit {word} …"
)
_ABOUT = {
    "train": "Train by GRPO-GR: recipe files from left to right, then flags over them. ",
    "sft": "Few-shot SFT, the baseline: targets are written from the triplets and their boxes. "
    "Recipe files from left to right, then flags over them; rollout, rewards, group and loss are "
    "not used. ",
}


def run(arguments: list[str]) -> int:
    """Train; ``--resume`` goes on with a run, ``--overwrite`` removes it first."""
    return _run("train", arguments)


def run_sft(arguments: list[str]) -> int:
    """The same by few-shot SFT."""
    return _run("sft", arguments)


def _run(word: Literal["train", "sft"], arguments: list[str]) -> int:
    resume, overwrite = "--resume" in arguments, "--overwrite" in arguments
    rest = [each for each in arguments if each not in ("--resume", "--overwrite")]
    files, flags = split_arguments(rest)
    about = _ABOUT[word] + _WAY_ON.format(word=word)
    recipe = load_recipe(files, flags, prog=f"grit {word} [FILES]", description=about)

    from grit.app.sft import fine_tune
    from grit.app.train import train
    from grit.cli.quiet import quiet_libraries
    from grit.cli.watching import TrainingProgress
    from grit.processes.distributed import open_processes

    quiet_libraries()
    make = train if word == "train" else fine_tune
    with open_processes(recipe.model.device) as processes, TrainingProgress() as listener:
        outcome = make(recipe, listener, resume=resume, overwrite=overwrite, processes=processes)
    if not processes.is_writer:
        return 0 if outcome.stopped_by is None else BY_SIGNAL + outcome.stopped_by
    if outcome.stopped_by is not None:
        again = shlex.join([*_start_of(processes.size), word, *rest, "--resume"])
        raise StoppedBySignalError(
            f"stopped after step {outcome.last_step}; its checkpoint is written. Go on with:\n"
            f"  {again}",
            outcome.stopped_by,
        )
    folder = outcome.folder.path
    out().print(
        f"{outcome.last_step} steps in {outcome.train_seconds:.0f} s -> {folder}\n"
        f"  grit report {folder}\n"
        f"  grit eval {folder} --data builtin:test",
        markup=False,
        soft_wrap=True,
    )
    return 0


def _start_of(num_processes: int) -> list[str]:
    """How a command of so many processes begins."""
    if num_processes == 1:
        return ["grit"]
    return ["accelerate", "launch", "--multi_gpu", "--num_processes", str(num_processes),
            "-m", "grit"]  # fmt: skip
