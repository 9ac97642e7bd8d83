"""Figures 4, 5 and 6 of `grit paper`, from its record alone."""

from __future__ import annotations

from collections.abc import Sequence

from grit.records.analyses import AttentionPoint, Continuation, CorrelationTable, Draw
from grit.records.paper import PaperRecord
from grit.viewer.bars import Bar, BarChart, BarRow
from grit.viewer.charts import Chart, Line
from grit.viewer.paper_tables import (
    IN_DOMAIN,
    OUT_OF_DOMAIN,
    is_control,
    scaling_points,
    source_words,
    whole_rates,
)

__all__ = ["paper_charts"]

_CONTINUATIONS: tuple[tuple[str, Continuation], ...] = (
    ("original", "original"),
    ("boxes deleted", "box_free"),
)
_DRAWS: tuple[tuple[str, Draw], ...] = (
    ("random boxes with the sizes of chains", "matched"),
    ("random boxes drawn uniformly", "uniform"),
)


def paper_charts(record: PaperRecord) -> dict[str, list[Chart | BarChart]]:
    """Charts that have figures, by the figure of the paper that they belong to."""
    made = {
        "Figure 4": _correlation(record.correlation),
        "Figure 5": _attention(record),
        "Figure 6": _scaling(record),
    }
    return {name: charts for name, charts in made.items() if charts}


def _correlation(tables: Sequence[CorrelationTable]) -> list[Chart | BarChart]:
    rows: list[BarRow] = []
    for table in tables:
        rates = whole_rates(table)
        bars = [
            Bar(None)
            if (each := rates.get(draw)) is None or each.mean is None
            else Bar(100 * each.mean, 100 * (each.deviation or 0))
            for _, draw in _DRAWS
        ]
        rows.append(BarRow(source_words(table.source), tuple(bars), faint=is_control(table.source)))
    if not rows:
        return []
    names = tuple(name for name, _ in _DRAWS)
    return [
        BarChart(
            "Do the words belong to the boxes?",
            names,
            tuple(rows),
            high=100,
            x_label="texts for which the chain's own boxes were chosen, %",
            note="dashed: chance; whiskers: standard deviation of repeats; pale: controls",
            mark=50,
        )
    ]


def _attention(record: PaperRecord) -> list[Chart | BarChart]:
    charts: list[Chart | BarChart] = []
    for table in record.attention[:1]:
        charts += [
            Chart(
                "Attention on the picture after grounding",
                tuple(_line(name, table.by_token[key]) for name, key in _CONTINUATIONS),
                x_label="token after <rethink>",
                y_label="share of attention",
                note="mean over layers",
            ),
            Chart(
                "The same by layer",
                tuple(_line(name, table.by_layer[key]) for name, key in _CONTINUATIONS),
                x_label="layer",
                y_label="share of attention",
                note="mean over tokens",
            ),
        ]
    return charts


def _line(name: str, points: Sequence[AttentionPoint]) -> Line:
    return Line(name, [(point.place + 1, point.share) for point in points])


def _scaling(record: PaperRecord) -> list[Chart | BarChart]:
    lines = [
        Line(name, points, dots=True)
        for name, tasks in (("in domain", IN_DOMAIN), ("out of domain", OUT_OF_DOMAIN))
        if len(points := scaling_points(record, tasks)) > 1
    ]
    if not lines:
        return []
    labels = ", ".join(f"{place + 1}: {size:,}" for place, size in enumerate(record.sizes))
    return [
        Chart(
            "Accuracy by number of triplets",
            tuple(lines),
            x_label=f"triplets ({labels})",
            y_label="accuracy, %",
            y_range=(0.0, 100.0),
        )
    ]
