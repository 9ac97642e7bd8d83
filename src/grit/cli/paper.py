"""`grit paper`: the paper's experiments on the built-in world, and the page that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from grit.cli.console import err, out

__all__ = ["PaperCommand", "run"]


@dataclass(frozen=True)
class PaperCommand:
    """Run every experiment of the paper, and write paper.html and paper.md.

    Baselines and GRIT, cross-modal correlation, attention, faithfulness, the ablation, data
    scaling and controls, with the published figures beside ours. A second call goes on where the
    first stopped.
    """

    world: Literal["builtin"] = "builtin"
    """What to run them on."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Folder of all runs and of the page; by default runs/paper, or runs/paper-quick."""
    seeds: int = 1
    """Training seeds, from 0."""
    only: tuple[
        Literal[
            "base", "sft", "grit", "correlation", "faithfulness", "attention", "ablation",
            "scaling", "controls",
        ],
        ...,
    ] = ()  # fmt: skip
    """Only these parts, and what they need."""
    quick: bool = False
    """Everything small: a look at all parts in minutes. Its figures conclude nothing."""


def run(arguments: list[str]) -> int:
    """Run the experiments, or reopen them."""
    command = tyro.cli(
        PaperCommand, prog="grit paper", args=arguments, config=(tyro.conf.FlagCreatePairsOff,)
    )
    from grit.analysis.scene_judge import SceneJudge
    from grit.app.paper.course import PaperProgress
    from grit.app.paper.experiments import run_paper
    from grit.cli.demo import evaluation_bar
    from grit.cli.quiet import quiet_libraries
    from grit.cli.watching import TrainingProgress
    from grit.errors import ConfigError
    from grit.viewer.paper_tables import paper_tables

    if command.seeds < 1:
        raise ConfigError(f"--seeds {command.seeds}: give 1 or more")
    quiet_libraries()
    folder = command.output or Path("runs/paper-quick" if command.quick else "runs/paper")
    progress = PaperProgress(
        evaluation_bar,
        TrainingProgress,
        lambda line: err().print(line, style="bold", markup=False, soft_wrap=True),
    )
    record, page, text = run_paper(
        folder,
        SceneJudge(),
        progress,
        quick=command.quick,
        num_seeds=command.seeds,
        only=command.only,
    )
    for table in paper_tables(record):
        out().print(f"{table.title}: {len(table.rows)} rows", markup=False)
    out().print(f"  the page     {page}\n  as Markdown  {text}", markup=False, soft_wrap=True)
    return 0
