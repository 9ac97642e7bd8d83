"""`grit eval MODEL`: accuracy, grounding and format on a test set, with n and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from grit.cli.console import out

__all__ = ["EvalCommand", "run"]


@dataclass(frozen=True)
class EvalCommand:
    """Ask a model every question of a test set once, and mark what it says.

    Rows and figures go into a run folder: the model's own when it is one, else --output.
    """

    model: Annotated[str, tyro.conf.Positional]
    """A run folder, an export, a model folder, a hub name, or builtin."""
    data: str = "builtin:test"
    """A JSONL file, or builtin, builtin:val, builtin:test."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Folder of the file's pictures; by default beside it."""
    mode: Literal["auto", "grounded", "cot", "direct"] = "auto"
    """How questions are put; auto is grounded for a model that grit trained, else direct."""
    tasks: tuple[str, ...] = ()
    """Only these tasks or sets."""
    limit: int | None = None
    """Most samples of each task; held-out scenes come 300 a task without it."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Run folder for rows and figures; needed when the model is no run."""
    label: str | None = None
    """The model's name in rows and tables; by default grit if grit trained it, else base."""
    seed: int = 0
    """Of held-out scenes, and of sampling."""
    batch_size: int = 64
    """Samples decoded side by side, by each process."""
    max_new_tokens: int = 1000
    """Longest completion."""
    temperature: float = 0.0
    """0 takes the likeliest token at every place."""
    min_pixels: int | None = None
    """Override the checkpoint's lower pixel limit."""
    max_pixels: int | None = None
    """Override the checkpoint's upper pixel limit."""
    force_pixel_limits: bool = False
    """Override the limits of a model that was trained under others; its boxes will shift."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model computes."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format that it computes in."""
    resume: bool = False
    """Keep the rows that stand there and ask only what is missing."""
    overwrite: bool = False
    """Remove the rows that stand there and ask everything again."""


def run(arguments: list[str]) -> int:
    """Evaluate."""
    command = tyro.cli(
        EvalCommand, prog="grit eval", args=arguments, config=(tyro.conf.FlagCreatePairsOff,)
    )

    from grit.app.evaluate import evaluate_source
    from grit.cli.demo import evaluation_bar, no_bar
    from grit.cli.figures import figures_table
    from grit.cli.quiet import quiet_libraries
    from grit.config.compose import config_of_flags
    from grit.config.evaluation import EvaluationConfig
    from grit.config.model import ModelConfig
    from grit.processes.distributed import open_processes

    quiet_libraries()
    config = config_of_flags(
        EvaluationConfig,
        tasks=command.tasks or None,
        limit=command.limit,
        batch_size=command.batch_size,
        max_new_tokens=command.max_new_tokens,
        temperature=command.temperature,
        seed=command.seed,
    )
    model = config_of_flags(
        ModelConfig,
        min_pixels=command.min_pixels,
        max_pixels=command.max_pixels,
        force_pixel_limits=command.force_pixel_limits,
        device=command.device,
        dtype=command.dtype,
    )
    with open_processes(command.device) as processes:
        path, summaries = evaluate_source(
            command.model,
            model,
            config,
            data=command.data,
            images=command.images,
            mode=None if command.mode == "auto" else command.mode,
            output=command.output,
            label=command.label,
            bar=evaluation_bar if processes.is_writer else no_bar,
            resume=command.resume,
            overwrite=command.overwrite,
            processes=processes,
        )
    if processes.is_writer:
        out().print(figures_table(summaries))
        out().print(f"rows in {path}", markup=False, soft_wrap=True)
    return 0
