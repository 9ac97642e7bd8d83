"""The paper's Table 2 for any files of samples: how many, how long, how closed, how much boxed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.jsonl import read_samples
from grit.data.pictures import picture_size
from grit.data.sample import Sample
from grit.data.summary import DatasetSummary, summarise
from grit.errors import PictureError

__all__ = ["PUBLISHED", "StatisticsTable", "markdown", "statistics_of"]


@dataclass(frozen=True, slots=True)
class Published:
    """A column of the paper's Table 2; shares in percent."""

    num_samples: int
    question_words: float
    answer_words: float
    closed: float
    covered: float | None


PUBLISHED = {
    "vsr": Published(288, 6.7, 1.0, 71.2, 58.8),
    "tallyqa": Published(491, 6.0, 1.0, 0.0, 25.6),
    "gqa": Published(509, 7.1, 1.0, 58.9, 25.3),
    "mathvista": Published(1000, 38.2, 1.2, 70.8, None),
    "mme": Published(240, 13.3, 1.0, 100.0, None),
    "ovd_position": Published(2164, 16.4, 4.0, 0.0, 17.3),
}
"""What the paper prints (arXiv 2505.15879, Table 2), by our name of the set."""


@dataclass(frozen=True, slots=True)
class StatisticsTable:
    """Table 2, its sets as columns.

    Args:
        headings: One a column.
        rows: Label and cells.
        sets: What was counted.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    sets: tuple[DatasetSummary, ...]

    def as_json(self) -> dict[str, Any]:
        """The figures, unrounded, in JSON's types."""
        return {
            summary.dataset: {
                "num_samples": summary.num_samples,
                "mean_question_words": summary.mean_question_words,
                "mean_answer_words": summary.mean_answer_words,
                "share_closed": summary.share_closed,
                "share_covered": summary.box_coverage,
                "num_annotated": summary.num_annotated,
                "num_pictures": summary.num_pictures,
            }
            for summary in self.sets
        }


def statistics_of(
    files: Sequence[Path], images: Path | None = None, *, published: bool = False
) -> StatisticsTable:
    """Count what is in files of samples.

    Args:
        files: JSONL files.
        images: Folder of the pictures; only rows with boxes and without a size need theirs.
        published: Whether the paper's columns stand beside those of its sets.

    Raises:
        DataError: If a file cannot be read.
    """
    samples: list[Sample] = []
    for file in files:
        samples += read_samples(file, images=images)
    summaries = summarise(samples, _sizes(samples))
    headings: list[str] = []
    columns: list[tuple[str, ...]] = []
    for summary in summaries:
        headings.append(summary.dataset)
        columns.append(_column(summary))
        theirs = PUBLISHED.get(summary.dataset.casefold())
        if published and theirs is not None:
            headings.append(f"{summary.dataset} (paper)")
            columns.append(_published_column(theirs))
    labels = ("samples", "words question / answer", "% multiple choice or yes/no", "% boxed")
    rows = tuple(
        (label, tuple(column[place] for column in columns)) for place, label in enumerate(labels)
    )
    return StatisticsTable(tuple(headings), rows, summaries)


def markdown(table: StatisticsTable) -> str:
    """The table as Markdown."""
    lines = [["", *table.headings], ["---", *["---:"] * len(table.headings)]]
    lines += [[label, *cells] for label, cells in table.rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def _column(summary: DatasetSummary) -> tuple[str, ...]:
    covered = summary.box_coverage
    return (
        f"{summary.num_samples:,}",
        f"{summary.mean_question_words:.1f} / {summary.mean_answer_words:.1f}",
        f"{100 * summary.share_closed:.1f}",
        "–" if covered is None else f"{100 * covered:.1f}",
    )


def _published_column(theirs: Published) -> tuple[str, ...]:
    return (
        f"{theirs.num_samples:,}",
        f"{theirs.question_words:.1f} / {theirs.answer_words:.1f}",
        f"{theirs.closed:.1f}",
        "–" if theirs.covered is None else f"{theirs.covered:.1f}",
    )


def _sizes(samples: Sequence[Sample]) -> dict[Path, tuple[int, int]]:
    """Sizes of pictures whose rows state none, where they can be opened."""
    sizes: dict[Path, tuple[int, int]] = {}
    for sample in samples:
        if sample.boxes and sample.image_size is None and sample.image not in sizes:
            try:
                sizes[sample.image] = picture_size(sample.image)
            except PictureError:
                # The coverage is over samples whose size is known; `grit data check` names others.
                continue
    return sizes
