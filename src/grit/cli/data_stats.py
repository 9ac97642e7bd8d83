"""`grit data stats`: the paper's Table 2 for files of samples."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from grit.cli.console import out

__all__ = ["StatsCommand", "stats"]


@dataclasses.dataclass(frozen=True)
class StatsCommand:
    """Print the paper's Table 2: samples, words, closed questions, share of the picture boxed."""

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")]
    """JSONL files; sets of one name are counted together."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the pictures; left out, each file's own folder and images/ in it."""
    format: Literal["terminal", "markdown", "json"] = "terminal"
    """How to print it."""
    published: bool = False
    """Put the paper's figures beside those of sets of the same name."""


def stats(command: StatsCommand) -> int:
    """Print the table.

    Returns:
        0.

    Raises:
        DataError: If a file or a row of it cannot be read.
    """
    from grit.data.statistics_table import markdown, statistics_of

    table = statistics_of(command.files, command.images, published=command.published)
    if command.format == "json":
        sys.stdout.write(json.dumps(table.as_json(), ensure_ascii=False, indent=2) + "\n")
    elif command.format == "markdown":
        sys.stdout.write(markdown(table))
    else:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        # Sets as rows: as columns, seven of them fill no terminal of 80 characters.
        shown.add_column("set")
        for label, _ in table.rows:
            shown.add_column(Text(label), justify="right")
        for place, heading in enumerate(table.headings):
            shown.add_row(Text(heading), *(Text(cells[place]) for _, cells in table.rows))
        out().print(shown)
    return 0
