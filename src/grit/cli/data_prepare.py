"""`grit data prepare`: a benchmark's own files to our JSONL."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import tyro

from grit.cli.console import err, out
from grit.data.mix import MIX, prepare_mix
from grit.data.prepare import Order, Prepared, prepare
from grit.data.readers.catalogue import READERS
from grit.data.readers.documents import Progress
from grit.data.readers.reader import Source
from grit.data.sampling import Draw
from grit.errors import ConfigError

__all__ = ["PrepareCommand", "prepare_set"]


_SECONDS_BETWEEN_LINES = 10.0

_TAKEN_BY = {
    "boxes": ("tallyqa", "gqa", "visual-cot"),
    "categories": ("mme",),
    "counts": ("tallyqa", "grit-data"),
    "paper": ("vsr", "tallyqa", "gqa", "mathvista", "mme", "ovdeval"),
    **dict.fromkeys(
        ("images", "split", "allow_missing_images", "allow_rejected", "copy_images"), tuple(READERS)
    ),
}
"""Flags that not every set takes, and which do."""


@dataclasses.dataclass(frozen=True)
class PrepareCommand:
    """Write a benchmark, in its publisher's own files, as JSONL with a manifest."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """Which set; the list is above."""
    sources: Annotated[tuple[Path, ...], tyro.conf.arg(name="from", metavar="PATH")]
    """The publisher's file, or the folder that holds it; for mix, prepared sets."""
    to: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder to make: NAME.jsonl, manifest.json and, where there are any, images/ and rejected/."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the pictures; left out, where their publisher puts them."""
    boxes: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE")] = ()
    """More files: GQA's scene graphs, TallyQA's objects or instances, Visual-CoT's other form."""
    split: str | None = None
    """Which file, where a folder holds several: a whole word of its name (dev, test, vsr)."""
    categories: tuple[str, ...] = ()
    """Parts of MME to take; all without it."""
    paper: bool = False
    """As the paper draws: VSR 288, TallyQA 491 evenly over 0 to 9, GQA 509, three parts of MME."""
    num: int | None = None
    """How many samples to draw; all without it (mix: 20)."""
    counts: tuple[int, ...] = ()
    """Draw evenly over these true counts, as 0 1 2 3 4."""
    seed: int = 0
    """Of the draw; a smaller draw is part of a larger one."""
    allow_missing_images: bool = False
    """Write rows whose picture is not there (yet)."""
    allow_rejected: bool = False
    """Leave out records that cannot be used; they are listed in rejected/rejected.jsonl."""
    copy_images: bool = False
    """Copy the pictures into the folder, so that it can be moved."""
    overwrite: bool = False
    """Replace a prepared set that stands in DIR."""
    json: bool = False
    """Print the manifest as JSON."""


def prepare_set(command: PrepareCommand) -> int:
    """Prepare, and say what was made.

    Returns:
        0.

    Raises:
        ConfigError: If the set is unknown or flags do not go together.
        DataError: If the source cannot be used.
    """
    draw = Draw(command.num, command.seed, command.counts, command.paper)
    _refuse(command)
    if command.name == MIX:
        made = prepare_mix(command.sources, command.to, draw, overwrite=command.overwrite)
    else:
        source = Source(
            path=command.sources[0],
            images=command.images,
            split=command.split,
            boxes=command.boxes,
            categories=command.categories,
        )
        order = Order(
            name=command.name,
            source=source,
            to=command.to,
            draw=draw,
            allow_rejected=command.allow_rejected,
            allow_missing_images=command.allow_missing_images,
            copy_images=command.copy_images,
            overwrite=command.overwrite,
        )
        with _bars() as on_progress:
            made = prepare(order, on_progress)
    if command.json:
        sys.stdout.write(json.dumps(made.manifest, ensure_ascii=False, indent=2) + "\n")
    else:
        _print(made)
    return 0


def _refuse(command: PrepareCommand) -> None:
    """Say no to what cannot be meant."""
    if command.name not in (*READERS, MIX):
        known = ", ".join((*READERS, MIX))
        raise ConfigError(f"no reader is called {command.name}; known are {known}")
    if command.num is not None and command.num < 1:
        raise ConfigError(f"--num {command.num} draws nothing; give 1 or more")
    given = [flag for flag in _TAKEN_BY if getattr(command, flag)]
    for flag in given:
        if command.name not in _TAKEN_BY[flag]:
            word, takers = flag.replace("_", "-"), ", ".join(_TAKEN_BY[flag])
            raise ConfigError(f"--{word} means nothing to {command.name}; it is for {takers}")
    if command.name != MIX and len(command.sources) != 1:
        raise ConfigError(
            f"{command.name} is read from one path; --from names {len(command.sources)}"
        )
    for path in command.boxes:
        if not path.is_file():
            raise ConfigError(f"--boxes {path} is no file")
    if command.images is not None and not command.images.is_dir():
        raise ConfigError(f"--images {command.images} is no folder")


@contextmanager
def _bars() -> Iterator[Progress]:
    """A bar for each stage on a terminal, a line now and then elsewhere."""
    if not err().is_terminal:
        yield _Lines().show
        return
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    stages: dict[str, TaskID] = {}
    with Bars(*columns, TimeRemainingColumn(), console=err(), transient=True) as bars:

        def show(stage: str, share: float) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=1.0)
            bars.update(stages[stage], completed=share)

        yield show


class _Lines:
    """Progress as plain lines, at most one in ten seconds."""

    def __init__(self) -> None:
        self._stage = ""
        self._begun = self._written = time.monotonic()

    def show(self, stage: str, share: float) -> None:
        """Write a line where one is due."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._begun = stage, now
        elapsed = now - self._begun
        if now - self._written > _SECONDS_BETWEEN_LINES and 0.01 < share < 1:
            self._written = now
            left = elapsed / share * (1 - share)
            print(f"{stage} {share:.0%}, left {left:.0f} s", file=sys.stderr, flush=True)


def _print(made: Prepared) -> None:
    from rich.text import Text

    manifest = made.manifest
    records: dict[str, int] = manifest["records"]
    out().print(Text(f"{made.file}: {len(made.samples)} samples"))
    out().print(Text(_sentence(records)))
    for title in ("rejected", "left_out", "notes"):
        reasons: dict[str, int] = manifest.get(title, {})
        for reason, number in reasons.items():
            out().print(Text(f"  {title.replace('_', ' ')}: {reason}: {number}"))
    if manifest.get("true_counts"):
        counts: dict[str, Any] = manifest["true_counts"]
        listed = ", ".join(f"{count}: {number}" for count, number in counts.items())
        out().print(Text(f"  true counts: {listed}"))
    if records.get("missing_images"):
        line = f"{records['missing_images']} rows name a picture that is not there yet"
        out().print(Text(line, style="yellow"))
    out().print(Text(f"next: grit data check {made.file}", style="dim"))


def _sentence(records: dict[str, int]) -> str:
    words = {
        "written": "written",
        "rejected": "rejected",
        "left_out": "left out",
        "not_drawn": "not drawn",
    }
    parts = [f"{records.get(key, 0)} {word}" for key, word in words.items()]
    return f"{records['read']} records read: {', '.join(parts)}"


PrepareCommand.__doc__ = "\n\n".join(
    (
        "Write a benchmark, in its publisher's own files, as JSONL with a manifest.",
        "\n".join(
            (
                *(f"- {reader.name}: {reader.about}" for reader in READERS.values()),
                f"- {MIX}: the paper's training mix, of prepared vsr and tallyqa sets",
            )
        ),
        "docs/data.md has each layout. Exit status: 0 when the set was written, 2 when not.",
    )
)
