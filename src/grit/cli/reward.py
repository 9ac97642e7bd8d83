"""`grit reward`: score a pasted completion or a file of them, with the reason for each part."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from grit.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from grit.app.reward import ComponentReport, GivenCompletion, RewardReport

__all__ = ["RewardCommand", "run"]

_TEXT = tyro.conf.arg(metavar="TEXT", constructor=str, help_behavior_hint="")
"""Any text, "None" included, which tyro would otherwise read as no value."""

_NUMBER = tyro.conf.arg(metavar="N", constructor=int, help_behavior_hint="")


@dataclasses.dataclass(frozen=True)
class RewardCommand:
    """Score completions as training would, component by component, and say why.

    Either FILE, or --completion with --answer. Answers are judged by rules; no model is loaded
    and no picture opened.
    """

    file: Annotated[
        Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[FILE]", help_behavior_hint="")
    ] = None
    """JSONL file: one object with completion and answer a line, and, where known, question, count,
    dataset, width and height."""
    completion: Annotated[str | None, _TEXT] = None
    """The completion to score; - reads it from standard input."""
    question: Annotated[str, _TEXT] = ""
    """The question alone, without the prompt's suffix."""
    answer: Annotated[str | None, _TEXT] = None
    """The true answer."""
    count: Annotated[int | None, _NUMBER] = None
    """The true count, where the question is a counting question."""
    preset: Literal["paper", "released"] = "paper"
    """The formulas: the paper's, or those of the authors' released code."""
    custom: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="MODULE:FUNCTION …", help_behavior_hint="")
    ] = ()
    """Rewards of your own to add."""
    image_size: Annotated[
        tuple[int, int] | None, tyro.conf.arg(metavar="W H", help_behavior_hint="")
    ] = None
    """Width and height of the picture in pixels; boxes outside are then named as faults."""
    json: bool = False
    """Print one JSON object a completion."""


def run(arguments: list[str]) -> int:
    """Run `grit reward ARGUMENTS`.

    Args:
        arguments: What follows `grit reward` on the command line.

    Returns:
        The exit status.

    Raises:
        ConfigError: If flags are missing or contradict each other.
        DataError: If the file or a row of it is wrong.
        RewardError: If a reward of the user's own cannot be used.
    """
    command = tyro.cli(
        RewardCommand,
        prog="grit reward",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    # Heavy enough to wait until the flags are known to be right.
    from pydantic import ValidationError

    from grit.app.reward import score_completions
    from grit.config.rewards import RewardsConfig

    custom = [{"function": target} for target in command.custom]
    try:
        config = RewardsConfig.model_validate({"preset": command.preset, "custom": custom})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--custom {' '.join(command.custom)}: {reason}") from error
    reports = score_completions(_given(command), config)
    if command.json:
        for report in reports:
            sys.stdout.write(json.dumps(report.as_json()) + "\n")
        return 0
    from rich.console import Console

    _print(reports, Console(highlight=False))
    return 0


def _given(command: RewardCommand) -> list[GivenCompletion]:
    """The completions that the flags name."""
    from grit.app.reward import given_completion, read_completions

    if command.file is not None:
        single = ("completion", "question", "answer", "count", "image_size")
        taken = [name for name in single if getattr(command, name) not in (None, "")]
        if taken:
            flags = ", ".join("--" + name.replace("_", "-") for name in taken)
            raise ConfigError(
                f"{flags} cannot go with {command.file}: the rows of a file say it themselves; "
                "drop one of the two"
            )
        return read_completions(command.file)
    if command.completion is None:
        raise ConfigError(
            "nothing to score; name a JSONL file, or give --completion TEXT (or -) and --answer"
        )
    if command.answer is None:
        raise ConfigError("--completion needs the true answer beside it; give --answer TEXT")
    text = command.completion
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    return [
        given_completion(
            text,
            answer=command.answer,
            question=command.question,
            count=command.count,
            image_size=command.image_size,
        )
    ]


def _print(reports: list[RewardReport], console: Console) -> None:
    """One table a completion, then the mean where there are several."""
    for report in reports:
        _print_report(report, console)
    totals = [report.total for report in reports if report.total is not None]
    if len(reports) > 1:
        mean = f"mean total {sum(totals) / len(totals):.3f}" if totals else "nothing scored"
        unscored = len(reports) - len(totals)
        console.print(f"{len(reports)} completions, {mean}, {unscored} unscored")


def _print_report(report: RewardReport, console: Console) -> None:
    from rich.text import Text

    # Text objects are no markup, so nothing that a model wrote can style the terminal.
    console.print(Text(_plain(report.given.place), style="bold"))
    console.print(_table(report))
    true = _plain(report.given.sample.answer)
    said = "none" if report.answer is None else f"'{_plain(report.answer)}'"
    console.print(Text(f"  answer {said}, true '{true}'; boxes {_boxes(report)}"))
    for fault in report.faults:
        console.print(Text(f"  fault {fault.kind} at {fault.span.start}: {_plain(fault.detail)}"))
    console.print()


def _table(report: RewardReport) -> Table:
    """Component, value, weight, pay and reason; the total at the foot."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    total = "unscored" if report.total is None else f"{report.total:.3f}"
    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("component", footer="total")
    table.add_column("value", justify="right")
    table.add_column("weight", justify="right")
    table.add_column("pays", justify="right", footer=total)
    table.add_column("why")
    for name, component in report.components.items():
        value, pays = _amounts(component)
        why = Text(_plain(component.reason))
        if component.parts:
            pieces = ", ".join(f"{part} {size:g}" for part, size in component.parts.items())
            why.append(f"\n{_plain(pieces)}", style="dim")
        table.add_row(Text(_plain(name)), value, f"{component.weight:g}", pays, why)
    return table


def _amounts(component: ComponentReport) -> tuple[str, str]:
    if component.value is None:
        return ("unscored", "–") if component.applies else ("–", "0.000")
    return f"{component.value:.3f}", f"{component.weight * component.value:.3f}"


def _boxes(report: RewardReport) -> str:
    shown = ["(" + ", ".join(f"{edge:g}" for edge in box.as_tuple()) + ")" for box in report.boxes]
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return ("  ".join(shown[:8]) or "none") + more


def _plain(text: str) -> str:
    """A text on one line, without characters that would steer a terminal."""
    flat = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "�" for letter in flat)
