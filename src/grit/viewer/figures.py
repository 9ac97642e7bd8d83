"""Figures and comparisons as plain tables: rows of text, then Markdown or LaTeX of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grit.records.comparison import ComparisonRow
from grit.records.rows import ALL_TASKS, TRAINING_TASKS, EvaluationSummary, Interval

__all__ = ["PlainTable", "comparison_table", "evaluation_table", "latex", "markdown", "part_table"]

_GROUPS = {TRAINING_TASKS: "trained on", ALL_TASKS: "all tasks"}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": "$<$", "–": "--", "±": r"$\pm$", "−": "$-$",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table of text.

    Args:
        title: What it shows, in a line.
        columns: Heads.
        rows: Cells, as many a row as there are columns.
        num_words: Columns from the left that hold words; the others hold numbers.
        note: What a reader must know of the figures.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_words: int = 2
    note: str = ""


def evaluation_table(summaries: Sequence[EvaluationSummary]) -> PlainTable:
    """A line a task and model: n, unscored answers, accuracy, raw score, IoU, format, intervals."""
    tasks = list(dict.fromkeys(row.task for row in summaries))
    tasks.sort(key=lambda task: task in _GROUPS)
    rows = [
        (
            _GROUPS.get(task, task),
            _name(row),
            str(row.n_judged),
            str(row.n_unscored),
            with_interval(row.accuracy, row.accuracy_bootstrap),
            with_interval(row.accuracy_raw, row.accuracy_raw_interval),
            str(row.n_with_boxes),
            with_interval(row.grounding_iou, row.grounding_iou_interval),
            with_interval(row.format_rate, row.format_interval),
            figure(row.consistency),
        )
        for task in tasks
        for row in summaries
        if row.task == task
    ]
    return PlainTable(
        "Evaluation",
        (
            "task", "model, asked", "n", "unscored", "accuracy", "raw", "n with boxes", "IoU",
            "format", "consistent",
        ),
        tuple(rows),
        note="Intervals hold 95%: bootstrap for accuracy, raw and IoU, Wilson's for format. Raw is "
        "the mean score, accuracy the share of scores from the threshold. Unscored answers count "
        "as wrong. Consistent: rethinking and answer agree, where rules can tell.",
    )  # fmt: skip


def part_table(summaries: Sequence[EvaluationSummary]) -> PlainTable | None:
    """MME's score, and tasks by answer type and category; None where there is neither."""
    rows: list[tuple[str, ...]] = []
    for row in summaries:
        for part in row.parts:
            pairs = part.pairs
            score = "–" if pairs is None else points(pairs.score, pairs.score_interval)
            plus = "–" if pairs is None else f"{pairs.accuracy_plus:.1f}"
            figures = with_interval(part.accuracy, part.accuracy_interval)
            name = f"{part.kind} {part.name}"
            rows.append(
                (
                    row.task,
                    _name(row),
                    name,
                    str(part.n),
                    str(part.n_unscored),
                    figures,
                    plus,
                    score,
                )
            )
        if row.pairs is not None:
            pairs = row.pairs
            score = points(pairs.score, pairs.score_interval)
            figures = with_interval(row.accuracy, row.accuracy_bootstrap)
            rows.append(
                (row.task, _name(row), "whole, by pairs", str(pairs.n_questions),
                 str(row.n_unscored), figures, f"{pairs.accuracy_plus:.1f}", score)
            )  # fmt: skip
    if not rows:
        return None
    return PlainTable(
        "Parts of tasks",
        ("task", "model, asked", "part", "n", "unscored", "accuracy", "acc+", "MME score"),
        tuple(rows),
        num_words=3,
        note="MME score: 100 times accuracy plus 100 times the share of pictures with every "
        "question right (acc+), added up over categories.",
    )


def comparison_table(comparisons: Sequence[ComparisonRow]) -> PlainTable:
    """What the second of each two evaluations has over the first, on the same samples."""
    rows = [
        (
            _GROUPS.get(row.task, row.task),
            f"{row.second} − {row.first}",
            str(row.n),
            str(row.n_left_out),
            str(row.n_unpaired),
            with_interval(row.accuracy_difference, row.accuracy_interval, signed=True),
            f"{row.only_first} / {row.only_second}",
            p_value(row.mcnemar_p),
            str(row.n_with_boxes),
            with_interval(row.iou_difference, row.iou_interval, signed=True),
            p_value(row.iou_p),
        )
        for row in comparisons
    ]
    return PlainTable(
        "Paired comparison",
        (
            "task", "second − first", "n", "unscored", "unpaired", "accuracy",
            "first / second alone right", "p", "n with boxes", "IoU", "p (IoU)",
        ),
        tuple(rows),
        note="Differences with 95% intervals by paired bootstrap; p of accuracy by McNemar's exact "
        "test, of IoU by paired bootstrap, both two-sided. Pairs with an unscored answer are left "
        "out.",
    )  # fmt: skip


def markdown(tables: Sequence[PlainTable]) -> str:
    """GitHub's tables."""
    parts: list[str] = []
    for table in tables:
        words = ["---" if n < table.num_words else "---:" for n in range(len(table.columns))]
        lines = [table.columns, tuple(words), *table.rows]
        body = "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
        )
        parts.append(f"### {table.title}\n\n{body}\n" + (f"\n{table.note}\n" if table.note else ""))
    return "\n".join(parts)


def latex(tables: Sequence[PlainTable]) -> str:
    """Tables for a paper; they need the package booktabs."""
    parts: list[str] = []
    for table in tables:
        form = "l" * table.num_words + "r" * (len(table.columns) - table.num_words)
        lines = [" & ".join(map(_escape, row)) + r" \\" for row in (table.columns, *table.rows)]
        body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
        parts.append(
            f"\\begin{{table}}\n\\centering\n\\begin{{tabular}}{{{form}}}\n{body}\n"
            f"\\end{{tabular}}\n\\caption{{{_escape(table.title)}. {_escape(table.note)}}}\n"
            "\\end{table}\n"
        )
    return "\n".join(parts)


def figure(value: float | None, *, signed: bool = False) -> str:
    """Three decimals, or a dash."""
    if value is None:
        return "–"
    return f"{value:+.3f}".replace("-", "−") if signed else f"{value:.3f}"


def with_interval(value: float | None, interval: Interval | None, *, signed: bool = False) -> str:
    """A figure and its interval: ``0.875 [0.840, 0.910]``."""
    if value is None or interval is None:
        return figure(value, signed=signed)
    low, high = (figure(end, signed=signed) for end in interval)
    return f"{figure(value, signed=signed)} [{low}, {high}]"


def points(value: float, interval: Interval | None) -> str:
    """MME's points, one decimal."""
    if interval is None:
        return f"{value:.1f}"
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"


def p_value(value: float | None) -> str:
    """A p-value as papers print it."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _name(row: EvaluationSummary) -> str:
    step = "" if row.step is None else f", step {row.step}"
    return f"{row.model}, {row.mode}{step}"


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
