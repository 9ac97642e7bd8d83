"""The page of `grit paper`: one offline HTML file, and the same as Markdown."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from grit.errors import PictureError
from grit.records.atomic import atomic_write_text
from grit.records.paper import PaperExample, PaperRecord
from grit.viewer.bars import BarChart, draw_bars
from grit.viewer.charts import Chart, draw_chart
from grit.viewer.embedding import embed_picture
from grit.viewer.figures import PlainTable, markdown
from grit.viewer.paper_charts import paper_charts
from grit.viewer.paper_tables import paper_tables

__all__ = ["write_paper"]


@dataclass(frozen=True, slots=True)
class _Section:
    """A table, or the charts of a figure with their numbers folded below."""

    title: str
    charts: list[Markup]
    table: PlainTable | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """An example with its picture and boxes drawn."""

    task: str
    question: str
    answer: str | None
    reference: str
    text: str
    drawing: Markup


def write_paper(record: PaperRecord, folder: Path) -> tuple[Path, Path]:
    """Write ``paper.html`` and ``paper.md`` into a folder, each whole or not at all.

    Args:
        record: What was found so far.
        folder: Where to; pictures of examples are looked for below it.

    Returns:
        Both files.
    """
    page, text = folder / "paper.html", folder / "paper.md"
    atomic_write_text(page, _html(record, folder))
    atomic_write_text(text, _markdown(record))
    return page, text


def _lead(record: PaperRecord) -> str:
    seeds = "one seed" if record.num_seeds == 1 else f"{record.num_seeds} seeds"
    words = f"GRIT (arXiv 2505.15879) on the {record.world} world: {seeds}, {record.steps} steps."
    if record.quick:
        words += " A quick run, to see that all parts work: its figures are too small to conclude."
    return words


def _footer(record: PaperRecord) -> str:
    minutes = sum(record.seconds.values()) / 60
    return f"Made by grit paper in {minutes:.1f} minutes of wall time."


def _markdown(record: PaperRecord) -> str:
    parts = [f"# The paper's experiments\n\n{_lead(record)}\n"]
    if record.missing:
        lines = "\n".join(f"- {line}" for line in record.missing)
        parts.append(f"Not all is here:\n\n{lines}\n")
    parts.append(markdown(paper_tables(record)))
    lines = "\n".join(f"- {line}" for line in record.differences)
    parts.append(f"## Where this differs from the paper\n\n{lines}\n\n{_footer(record)}\n")
    return "\n".join(parts)


def _html(record: PaperRecord, folder: Path) -> str:
    texts = resources.files("grit.viewer") / "templates"
    script = (texts / "report.js").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((texts / "paper.html.j2").read_text("utf-8"))
    return template.render(
        lead=_lead(record),
        missing=record.missing,
        sections=_sections(record),
        examples=[_shown(example, folder) for example in record.examples],
        differences=record.differences,
        footer=_footer(record),
        style=Markup((texts / "report.css").read_text("utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def _sections(record: PaperRecord) -> list[_Section]:
    """Each table with the charts of the figure that it is the numbers of."""
    figures = {name: [_drawn(c) for c in charts] for name, charts in paper_charts(record).items()}
    made: list[_Section] = []
    for table in paper_tables(record):
        name = table.title.partition(":")[0]
        made.append(_Section(table.title, figures.pop(name, []), table))
    return made + [_Section(name, charts, None) for name, charts in figures.items()]


def _drawn(chart: Chart | BarChart) -> Markup:
    return draw_bars(chart) if isinstance(chart, BarChart) else draw_chart(chart)


def _shown(example: PaperExample, folder: Path) -> _Shown:
    width, height = example.size
    try:
        uri = embed_picture(folder / example.image).uri
        ground = Markup('<image href="{}" width="{}" height="{}"/>').format(uri, width, height)
    except PictureError:
        ground = Markup('<rect class="nothing" width="{}" height="{}"/>').format(width, height)
    rect = Markup('<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>')
    boxes = [
        Markup('<g class="box b{}">{}{}</g>').format(
            number % 8,
            rect.format("under", x1, y1, x2 - x1, y2 - y1),
            rect.format("over", x1, y1, x2 - x1, y2 - y1),
        )
        for number, (x1, y1, x2, y2) in enumerate(example.boxes, start=1)
    ]
    drawing = Markup(
        '<svg class="picture" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>'
    ).format(
        width,
        height,
        f"Picture of the question “{example.question}” with {len(boxes)} boxes",
        ground,
        Markup("").join(boxes),
    )
    return _Shown(
        example.task,
        example.question,
        example.answer,
        example.reference,
        example.text,
        drawing,
    )
