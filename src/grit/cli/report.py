"""``grit report RUN``: write a run's page again from its records."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from grit.errors import ConfigError

__all__ = ["ReportArguments", "run"]


@dataclass(frozen=True)
class ReportArguments:
    """Write report.html into a run's folder: curves, figures, and answers with their boxes."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder, finished or not."""
    open: bool = False
    """Show the page in the browser."""
    samples_per_task: int = 4
    """How many answers of each task the gallery shows."""
    seed: int = 0
    """Picks them."""


def run(arguments: list[str]) -> int:
    """Build the report of the run that the arguments name, and say where it lies.

    Raises:
        ConfigError: If the number of samples is negative.
        RunFolderError: If there is no run, or a record cannot be read.
    """
    given = tyro.cli(ReportArguments, args=arguments, prog="grit report")
    if given.samples_per_task < 0:
        raise ConfigError(
            f"--samples-per-task must be 0 or more, not {given.samples_per_task}; 4 is the default"
        )

    from rich.console import Console

    from grit.records.folder import RunFolder
    from grit.viewer.report import build_report

    page = build_report(
        RunFolder.open(given.folder), samples_per_task=given.samples_per_task, seed=given.seed
    )
    Console().print(str(page), soft_wrap=True, highlight=False, markup=False)
    if given.open:
        webbrowser.open(page.resolve().as_uri())
    return 0
