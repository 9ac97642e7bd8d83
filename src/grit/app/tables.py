"""Figures and comparisons into files: Markdown, LaTeX or JSON, by the file's ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grit.app.evaluate import Evaluation
from grit.data.builtin import TRAINING_TASKS
from grit.errors import ConfigError
from grit.evaluation.comparing import compare_rows
from grit.records.atomic import atomic_write_text
from grit.records.comparison import ComparisonRow, FiguresFile
from grit.records.rows import EvaluationSummary
from grit.viewer.figures import comparison_table, evaluation_table, latex, markdown, part_table

__all__ = ["compare_with_first", "refuse_tables", "write_table"]


def refuse_tables(files: Sequence[Path], *, replace: bool) -> None:
    """Say no before anything is asked.

    Args:
        files: Where tables will go.
        replace: Whether they may take the place of files.

    Raises:
        ConfigError: If an ending is none that we write, or a file stands there.
    """
    for file in files:
        if file.suffix not in (".md", ".tex", ".json"):
            raise ConfigError(f"--tables {file}: the ending must be .md, .tex or .json")
        if file.is_dir() or (file.exists() and not replace):
            raise ConfigError(
                f"--tables {file} stands there already; add --resume or --overwrite to write it "
                "anew, or give another name"
            )


def compare_with_first(evaluations: Sequence[Evaluation]) -> list[ComparisonRow]:
    """Each evaluation against the first one, on the samples that both answered."""
    first, *others = evaluations
    return [
        row
        for other in others
        for row in compare_rows(first.rows, other.rows, training_tasks=TRAINING_TASKS)
    ]


def write_table(
    file: Path, summaries: Sequence[EvaluationSummary], comparisons: Sequence[ComparisonRow]
) -> None:
    """Write figures in the form that the file's ending names."""
    if file.suffix == ".json":
        content = FiguresFile(rows=tuple(summaries), comparisons=tuple(comparisons))
        text = content.model_dump_json(indent=2) + "\n"
    else:
        tables = [evaluation_table(summaries), part_table(summaries)]
        tables += [comparison_table(comparisons)] if comparisons else []
        render = markdown if file.suffix == ".md" else latex
        text = render([table for table in tables if table is not None])
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(file, text)
