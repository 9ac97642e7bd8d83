"""`grit data check`: what is wrong or odd in a file of samples."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from grit.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from grit.data.check import CheckReport
    from grit.data.summary import DatasetSummary

__all__ = ["CheckCommand", "check"]

_LISTED_PER_KIND = 5
_LISTED_ANSWERS = 8
_QUIET_SECONDS = 2.0
"""Work shorter than this shows no progress bar."""


@dataclasses.dataclass(frozen=True)
class CheckCommand:
    """Read every row and open every picture of a file of samples; say what is wrong with it.

    Exit status: 0 when the file can be used, warnings or not; 1 when it has errors.
    """

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """JSONL file: one object with question, answer and image a line."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the pictures; left out, the file's own folder and images/ in it."""
    against: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE")] = ()
    """Other files of samples that may share no picture with this one, as test and training."""
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None
    """Draw a contact sheet: rows with findings first, true boxes dashed."""
    sheet_rows: int = 24
    """Most rows on the sheet."""
    overwrite: bool = False
    """Replace a sheet that is there already."""
    json: bool = False
    """Print the whole report as JSON."""


def check(command: CheckCommand) -> int:
    """Check, and print the report.

    Returns:
        1 when the file has errors, else 0.

    Raises:
        ConfigError: If the sheet is to have no rows.
        DataError: If the file cannot be read at all, or the sheet not be written.
    """
    from rich.console import Console

    if command.sheet_rows < 1:
        raise ConfigError(f"--sheet-rows {command.sheet_rows} draws nothing; give 1 or more")
    report = _checked(command, Console(stderr=True))
    if command.sheet is not None:
        from grit.data.sheet import write_sheet

        number = write_sheet(
            report, command.sheet, num=command.sheet_rows, overwrite=command.overwrite
        )
        print(f"{command.sheet}: {number} of {report.num_rows} rows", file=sys.stderr)
    if command.json:
        sys.stdout.write(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")
    else:
        _print(report, Console(highlight=False))
    return 1 if report.errors else 0


def _checked(command: CheckCommand, console: Console) -> CheckReport:
    """The report, with a progress bar on the terminal once the work takes a while."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from grit.data.check import check_samples

    columns = ("Opening pictures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("check", total=None, visible=False)
        started = time.monotonic()

        def show(number: int, num_rows: int) -> None:
            late = time.monotonic() - started > _QUIET_SECONDS
            progress.update(task, completed=number, total=num_rows, visible=late)

        return check_samples(command.file, command.images, against=command.against, on_row=show)


def _print(report: CheckReport, console: Console) -> None:
    from rich.text import Text

    _print_datasets(report.datasets, console)
    listed: Counter[str] = Counter()
    for finding in report.findings:
        listed[finding.kind] += 1
        if listed[finding.kind] <= _LISTED_PER_KIND:
            colour = "bold red" if finding.severity == "error" else "yellow"
            line = Text(f"line {finding.line}: ")
            console.print(line.append(finding.severity, style=colour).append(f" {finding.text}"))
    for kind, count in listed.items():
        if count > _LISTED_PER_KIND:
            rest = f"… and {count - _LISTED_PER_KIND} more of {kind}; --json lists all"
            console.print(rest, markup=False)
    for other, number in report.unopened.items():
        if number:
            console.print(
                Text(f"{number} pictures of {other} could not be opened, nor compared", "yellow")
            )
    errors, warnings = len(report.errors), len(report.warnings)
    word = "[bold red]cannot be used[/]" if errors else "[bold green]can be used[/]"
    console.print(
        f"{report.num_rows} rows, {report.num_pictures} pictures opened, "
        f"{errors} errors, {warnings} warnings: the file {word}"
    )


def _print_datasets(datasets: tuple[DatasetSummary, ...], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not datasets:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("set")
    for heading in ("rows", "pictures", "yes/no", "words", "counts", "boxed", "covered"):
        table.add_column(heading, justify="right", no_wrap=True)
    for dataset in datasets:
        table.add_row(
            Text(dataset.dataset),
            str(dataset.num_samples),
            str(dataset.num_pictures),
            f"{dataset.share_yes_no:.0%}",
            f"{dataset.mean_question_words:.1f} / {dataset.mean_answer_words:.1f}",
            str(dataset.num_counted),
            str(dataset.num_annotated),
            "–" if dataset.box_coverage is None else f"{dataset.box_coverage:.0%}",
        )
    console.print(table)
    for dataset in datasets:
        console.print(Text(f"answers in {dataset.dataset}: {_answers(dataset.answers)}"))
    legend = (
        "words: mean of a question / an answer; counts, boxed: rows with a true count, with "
        "true boxes; covered: mean share of the picture under its boxes"
    )
    console.print(Text(legend, style="dim"))


def _answers(answers: dict[str, int]) -> str:
    listed = [f"{answer} ({count})" for answer, count in list(answers.items())[:_LISTED_ANSWERS]]
    more = len(answers) - len(listed)
    return ", ".join(listed) + (f" and {more} others" if more > 0 else "")
