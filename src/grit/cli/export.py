"""`grit export RUN`: a folder that plain transformers loads, with its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from grit.cli.console import out

__all__ = ["ExportCommand", "run"]


@dataclass(frozen=True)
class ExportCommand:
    """Write a run's model as a folder that plain transformers loads.

    Weights as safetensors, tokenizer with chat template, image processor, generation settings, a
    model card and grit.json. A LoRA run gives its adapter, or with --merge whole weights.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where to; by default beside the run, its name with -export."""
    step: int | None = None
    """Whose checkpoint; by default the best one where it was kept, else the last."""
    merge: bool = False
    """Merge a LoRA adapter into its base, so that nothing else is needed."""
    overwrite: bool = False
    """Replace an export that stands there: its whole folder, files of others in it too."""


def run(arguments: list[str]) -> int:
    """Export."""
    command = tyro.cli(
        ExportCommand, prog="grit export", args=arguments, config=(tyro.conf.FlagCreatePairsOff,)
    )

    from grit.app.export import export_run
    from grit.cli.quiet import quiet_libraries

    quiet_libraries()
    made = export_run(
        command.folder,
        command.output,
        step=command.step,
        merge=command.merge,
        overwrite=command.overwrite,
    )
    needs = f"; needs its base {made.settings.base}" if made.settings.weights == "adapter" else ""
    out().print(
        f"step {made.settings.step}, {made.settings.weights} weights{needs} -> {made.path}\n"
        f'  grit ask photo.jpg "…" --model {made.path}',
        markup=False,
        soft_wrap=True,
    )
    return 0
