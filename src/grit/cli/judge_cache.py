"""`grit judge cache`: the replies that were paid for: show, export, prune."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import tyro

from grit.cli.console import out
from grit.errors import ConfigError, RunFolderError

__all__ = ["ExportCommand", "PruneCommand", "ShowCommand", "run"]

_FILE = tyro.conf.arg(metavar="PATH")
_DEFAULT = Path("~/.cache/grit/judge.sqlite")


@dataclasses.dataclass(frozen=True)
class ShowCommand:
    """What a cache holds: replies, tokens and unreadable ones by model and prompt."""

    file: Annotated[Path, _FILE] = _DEFAULT
    """The cache, as judge.cache names it."""
    last: int = 0
    """Also show the newest so many replies."""


@dataclasses.dataclass(frozen=True)
class ExportCommand:
    """Every row as a line of JSON, the oldest first."""

    file: Annotated[Path, _FILE] = _DEFAULT
    """The cache, as judge.cache names it."""
    to: Annotated[Path | None, _FILE] = None
    """A new JSONL file; left out, standard output."""


@dataclasses.dataclass(frozen=True)
class PruneCommand:
    """Remove replies that all given conditions hold for; they are asked again when needed.

    Without --yes it only says how many they are.
    """

    file: Annotated[Path, _FILE] = _DEFAULT
    """The cache, as judge.cache names it."""
    model: str | None = None
    """Replies of this model."""
    before: str | None = None
    """Replies from before this day, as 2026-01-31 (UTC)."""
    unreadable: bool = False
    """Replies without a score that could be read."""
    all: bool = False
    """Every reply."""
    yes: bool = False
    """Remove them."""


def run(arguments: list[str]) -> int:
    """Run `grit judge cache ARGUMENTS`."""
    command = tyro.extras.subcommand_cli_from_dict(
        {"show": ShowCommand, "export": ExportCommand, "prune": PruneCommand},
        prog="grit judge cache",
        description="The replies that were paid for. Every run with the same cache shares them.",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    match command:
        case ShowCommand():
            return _show(command)
        case ExportCommand():
            return _export(command)
        case _:
            return _prune(command)


def _show(command: ShowCommand) -> int:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from grit.judges.cache import CachedReply, read_only

    sums: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * 4)
    newest: list[CachedReply] = []
    with read_only(command.file) as rows:
        for row in rows:
            sums[row.server, row.model, row.prompt][0] += 1
            sums[row.server, row.model, row.prompt][1] += row.score is None
            sums[row.server, row.model, row.prompt][2] += row.input_tokens
            sums[row.server, row.model, row.prompt][3] += row.output_tokens
            newest = [*newest, row][-command.last :] if command.last > 0 else []
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("server", "model", "prompt"):
        table.add_column(name, overflow="fold")
    for name in ("replies", "unreadable", "tokens in", "out"):
        table.add_column(name, justify="right")
    for names, numbers in sorted(sums.items()):
        table.add_row(*names, *(f"{number:,}" for number in numbers))
    path = command.file.expanduser()
    size = path.stat().st_size / 2**20
    replies = sum(numbers[0] for numbers in sums.values())
    out().print(f"{path}: {replies:,} replies, {size:.1f} MiB", markup=False, soft_wrap=True)
    if sums:
        out().print(table)
    for row in newest:
        score = "unreadable" if row.score is None else f"{row.score:g}"
        out().print(
            f"{row.created}  {score}  {row.prediction[:60]!r} for {row.reference[:60]!r}  "
            f"{row.reply[:80]!r}",
            markup=False,
            soft_wrap=True,
        )
    return 0


def _export(command: ExportCommand) -> int:
    from grit.judges.cache import read_only

    if command.to is not None and command.to.exists():
        raise RunFolderError(f"{command.to} exists already and is not overwritten; name another")
    with read_only(command.file) as rows:
        lines = (json.dumps(dataclasses.asdict(row), ensure_ascii=False) + "\n" for row in rows)
        if command.to is None:
            sys.stdout.writelines(lines)
            return 0
        with command.to.open("x", encoding="utf-8") as stream:
            stream.writelines(lines)
    out().print(f"-> {command.to}", markup=False, soft_wrap=True)
    return 0


def _prune(command: PruneCommand) -> int:
    from datetime import date

    from grit.judges.cache import ReplyCache, read_only

    if not (command.model or command.before or command.unreadable or command.all):
        raise ConfigError("say what to remove: --model, --before, --unreadable, or --all")
    if command.before is not None:
        try:
            date.fromisoformat(command.before)
        except ValueError as error:
            raise ConfigError(
                f'--before is "{command.before}"; expected a day as 2026-01-31'
            ) from error
    with read_only(command.file) as rows:
        number = sum(
            (command.model is None or row.model == command.model)
            and (command.before is None or row.created < command.before)
            and (not command.unreadable or row.score is None)
            for row in rows
        )
    if not command.yes:
        out().print(f"{number} replies would go; add --yes to remove them", markup=False)
        return 0
    with ReplyCache(command.file) as cache:
        gone = cache.prune(
            model=command.model, before=command.before, unreadable=command.unreadable
        )
    out().print(f"{gone} replies removed", markup=False)
    return 0
