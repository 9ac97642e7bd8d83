"""`grit analyse`: what chains and answers rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from grit.cli.console import out

if TYPE_CHECKING:
    from rich.table import Table

    from grit.records.analyses import CorrelationTable

__all__ = ["CorrelationCommand", "run"]


@dataclass(frozen=True)
class CorrelationCommand:
    """Whether a chain's words belong to its boxes: told from random boxes, by a judge.

    Coordinates are masked; the judge sees two copies of the picture, one with the chain's boxes,
    one with random ones, in a random order. 0.5 is chance.
    """

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder with evaluations; rows and figures go into its analyses/."""
    chains: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """JSONL of chains that people wrote (id, text), in place of the run's own."""
    data: str = "builtin:test"
    """What the ids of that file stand for: a JSONL file, or builtin, builtin:val, builtin:test."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Folder of that data's pictures."""
    judge: Literal["scene"] = "scene"
    """Who is asked. scene knows the built-in world, and nothing else."""
    repeats: int = 3
    """Times that each chain is asked about, with other random boxes."""
    seed: int = 0
    """Of random boxes and of the pictures' order."""
    control: bool = False
    """Ask also about the same texts with the boxes of other chains; that should come out as 0.5."""
    resume: bool = False
    """Keep the rows that stand there and ask only what is missing."""
    overwrite: bool = False
    """Remove the rows that stand there and ask everything again."""


_COMMANDS = {"correlation": CorrelationCommand}


def run(arguments: list[str]) -> int:
    """Run `grit analyse ARGUMENTS`."""
    command = tyro.extras.subcommand_cli_from_dict(
        _COMMANDS,
        prog="grit analyse",
        description="What chains and answers rest on.",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    return _correlation(command)


def _correlation(command: CorrelationCommand) -> int:
    from grit.analysis.scene_judge import SceneJudge
    from grit.app.correlation import run_correlation
    from grit.cli.demo import evaluation_bar
    from grit.cli.quiet import quiet_libraries
    from grit.records.folder import RunFolder

    quiet_libraries()
    folder = RunFolder.open(command.run)
    tables = run_correlation(
        folder,
        SceneJudge(),
        evaluation_bar,
        chains=command.chains,
        data=command.data,
        images=command.images,
        repeats=command.repeats,
        seed=command.seed,
        control=command.control,
        resume=command.resume,
        overwrite=command.overwrite,
    )
    out().print(correlation_table(tables))
    for table in tables:
        for reason, number in table.left_out.items():
            out().print(f"{table.source}: left out {number}, {reason}", markup=False)
    out().print("The judge knows the scenes; it stands in for a vision-language judge.")
    out().print(f"rows in {folder.analyses}", markup=False, soft_wrap=True)
    return 0


def correlation_table(tables: Sequence[CorrelationTable]) -> Table:
    """Rates by source and task, one column a way of drawing."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("chains of", "task"):
        shown.add_column(name, no_wrap=True)
    for name in ("n", "sizes as drawn", "uniform"):
        shown.add_column(name, justify="right", no_wrap=True)
    for table in tables:
        for task in dict.fromkeys(figure.task for figure in table.figures):
            of_task = {figure.draw: figure for figure in table.figures if figure.task == task}
            rates = [
                "–" if figure is None or figure.mean is None
                else f"{figure.mean:.3f} ± {figure.deviation or 0:.3f}"
                for figure in (of_task.get("matched"), of_task.get("uniform"))
            ]  # fmt: skip
            number = next(iter(of_task.values())).n
            shown.add_row(table.source, task, str(number), *rates)
    return shown
