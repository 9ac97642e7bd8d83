"""Where a benchmark's figures go: screen, JSON, and Markdown with date and machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["add_output_flags", "as_table", "machine", "write"]


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark write what it found."""
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--results", type=Path, help="write Markdown into this folder")


def as_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; fractions are shown with three digits."""
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def machine() -> str:
    """What the figures were measured on, in one line, and with which code."""
    commit = _first_line(["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"])
    changed = _first_line(
        ["git", "-C", str(Path(__file__).parent), "status", "--porcelain", "-uno"]
    )
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    code = f"commit {commit or 'unknown'}{' and changes' if changed else ''}"
    python = f"Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {load}, {python}, {code}"


def write(name: str, rows: list[dict[str, Any]], text: str, chosen: argparse.Namespace) -> None:
    """Print a benchmark's text and write what its flags ask for.

    Args:
        name: Of the benchmark, and of its file of results.
        rows: All figures.
        text: The tables, in Markdown.
        chosen: Flags; ``json`` and ``results`` are looked at.
    """
    print(text)
    if chosen.json:
        chosen.json.write_text(json.dumps({"rows": rows}, indent=1), encoding="utf-8")
    if chosen.results:
        now = datetime.now(UTC)
        chosen.results.mkdir(parents=True, exist_ok=True)
        path = chosen.results / f"{name}-{now:%Y-%m-%d-%H%M}.md"
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        head = f"{now:%Y-%m-%d}, {machine()}; `benchmarks/{command}`"
        path.write_text(f"{head}\n\n{text}\n", encoding="utf-8")


def _cell(content: object) -> str:
    if not isinstance(content, float):
        return str(content)
    if content == 0 or 0.001 <= abs(content) < 1000:
        return f"{content:.3g}"
    return f"{content:,.0f}" if abs(content) >= 1000 else f"{content:.1e}"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _first_line(command: list[str]) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return said.strip().partition("\n")[0]
