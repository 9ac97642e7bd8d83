"""How long `grit --help`, and the help of every command, take; and what they import.

    .venv/bin/python benchmarks/startup.py

Two clocks: the wall's, and the processor's, which other work on the machine does not move. On an
idle machine they agree.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from output import add_output_flags, as_table, write
from timing import take_turns

from grit.cli.main import COMMANDS

LIMITS = {"grit --help": 0.3, "grit train --help": 0.5}
HEAVY = ("torch", "transformers", "numpy", "pydantic", "tyro", "rich")


def command_lines(words: Sequence[str]) -> list[tuple[str, ...]]:
    """The overview, and the help of some commands."""
    return [("--help",), *((word, "--help") for word in words)]


def start(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Start grit with some arguments; seconds of the wall and of the processor."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "grit", *arguments], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    spent = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"grit {' '.join(arguments)} ended with {process.returncode}")
    return spent, used.ru_utime + used.ru_stime


def imported(arguments: tuple[str, ...]) -> list[str]:
    """Which heavy packages a command line imports, and whether it loads the recipe's models."""
    code = (
        "import sys, io, contextlib, grit.cli.main as m\n"
        "with contextlib.redirect_stdout(io.StringIO()): m.main(sys.argv[1:])\n"
        "print(*sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    modules = set(said.stdout.split())
    found = [name for name in HEAVY if name in modules]
    return [*found, "the recipe"] if "grit.config.recipe" in modules else found


def measure(lines: Sequence[tuple[str, ...]], rounds: int) -> list[dict[str, Any]]:
    """A row for each command line."""
    found = take_turns({line: lambda line=line: start(line) for line in lines}, rounds=rounds)
    rows: list[dict[str, Any]] = []
    for line in lines:
        walls, processors = zip(*found[line], strict=True)
        name = " ".join(("grit", *line))
        rows.append(
            {
                "command": name,
                "wall_seconds": statistics.median(walls),
                "processor_seconds": statistics.median(processors),
                "limit_seconds": LIMITS.get(name),
                "imports": imported(line),
            }
        )
    return rows


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The table."""
    names = ("command", "wall, s", "processor, s", "at most, s", "imports")
    return as_table(
        names,
        [
            (
                f"`{row['command']}`",
                row["wall_seconds"],
                row["processor_seconds"],
                row["limit_seconds"] or "",
                ", ".join(row["imports"]) or "none of these",
            )
            for row in rows
        ],
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--rounds", type=int, default=7)
    add_output_flags(parser)
    chosen = parser.parse_args(words)
    rows = measure(command_lines(chosen.commands), chosen.rounds)
    write("startup", rows, as_markdown(rows), chosen)


if __name__ == "__main__":
    main()
