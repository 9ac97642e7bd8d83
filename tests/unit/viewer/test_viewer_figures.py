"""Figures as Markdown and LaTeX: what a reader of a paper finds in each cell."""

from __future__ import annotations

from grit.records.comparison import ComparisonRow
from grit.records.rows import EvaluationSummary, PairScore, PartSummary
from grit.viewer.figures import comparison_table, evaluation_table, latex, markdown, part_table

SUMMARY = EvaluationSummary(
    model="base", mode="cot", task="gqa_val", n=120, n_judged=120, accuracy=0.5,
    accuracy_interval=(0.41, 0.59), accuracy_bootstrap=(0.4, 0.6), n_unscored=3,
    accuracy_raw=0.45, accuracy_raw_interval=(0.35, 0.55),
    grounding_iou=0.25, grounding_iou_interval=(0.2, 0.3), n_with_boxes=100, format_rate=1.0,
)  # fmt: skip
COMPARISON = ComparisonRow(
    task="all", first="base, cot", second="grit, grounded", n=50, n_left_out=1, n_unpaired=2,
    accuracy=(0.5, 0.48), accuracy_difference=-0.02, accuracy_interval=(-0.1, 0.06), only_first=3,
    only_second=2, mcnemar_p=0.0004,
)  # fmt: skip


def cells(text, start):
    (line,) = (line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|\\ ").split("|" if "|" in line else "&")]


def test_a_line_holds_n_unscored_and_bootstrap_intervals():
    found = cells(markdown([evaluation_table([SUMMARY])]), "| gqa")
    assert found == [
        "gqa_val", "base, cot", "120", "3", "0.500 [0.400, 0.600]", "0.450 [0.350, 0.550]", "100",
        "0.250 [0.200, 0.300]", "1.000", "–",
    ]  # fmt: skip


def test_groups_of_tasks_come_last():
    rows = [SUMMARY.model_copy(update={"task": task}) for task in ("all", "training", "mme")]
    assert [row[0] for row in evaluation_table(rows).rows] == ["mme", "all tasks", "trained on"]


def test_latex_escapes_what_latex_reads():
    text = latex([evaluation_table([SUMMARY]), comparison_table([COMPARISON])])
    assert cells(text, r"gqa\_val")[:2] == [r"gqa\_val", "base, cot"]
    assert r"\begin{tabular}{llrrrrrrrr}" in text
    assert "$<$ 0.001" in text
    assert "$-$0.020 [$-$0.100, +0.060]" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2


def test_a_comparison_says_who_what_and_how_sure():
    found = cells(markdown([comparison_table([COMPARISON])]), "| all tasks")
    assert found == [
        "all tasks", "grit, grounded − base, cot", "50", "1", "2", "−0.020 [−0.100, +0.060]",
        "3 / 2", "< 0.001", "0", "–", "–",
    ]  # fmt: skip


def test_parts_show_mmes_score_and_there_is_no_table_without_parts():
    assert part_table([SUMMARY]) is None
    pairs = PairScore(
        accuracy=75, accuracy_plus=50, score=125, score_interval=(90, 160), n_questions=8,
        n_pictures=4,
    )  # fmt: skip
    part = PartSummary(kind="category", name="count", n=8, accuracy=0.75, pairs=pairs)
    table = part_table([SUMMARY.model_copy(update={"parts": (part,), "pairs": pairs})])
    text = markdown([table])
    assert cells(text, "| gqa_val | base, cot | category count")[3:] == [
        "8", "0", "0.750", "50.0", "125.0 [90.0, 160.0]",
    ]  # fmt: skip
    assert "whole, by pairs" in text
