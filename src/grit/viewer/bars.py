"""Bar charts with whiskers as inline SVG. Knows numbers and names, nothing of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from grit.viewer.scales import nice_ticks, tick_label

__all__ = ["Bar", "BarChart", "BarRow", "draw_bars"]

_WIDTH, _LEFT, _RIGHT = 720.0, 240.0, 48.0
_TOP, _BOTTOM = 6.0, 42.0
_THICK, _GAP = 13.0, 12.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its value, and half the length of its whisker; None where nothing was measured."""

    value: float | None
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class BarRow:
    """Bars that belong together.

    Args:
        name: Beside them.
        bars: One for each series.
        faint: Whether they are drawn pale, as a control is.
    """

    name: str
    bars: tuple[Bar, ...]
    faint: bool = False


@dataclass(frozen=True, slots=True)
class BarChart:
    """Rows of bars on one axis that begins at 0.

    Args:
        title: Says what is shown.
        series: Names of each row's bars, for the legend.
        rows: From the top.
        high: Where the axis ends.
        x_label: Under the axis, with the unit.
        note: One clause under the title.
        mark: A value that a line is drawn at, such as chance.
    """

    title: str
    series: tuple[str, ...]
    rows: tuple[BarRow, ...]
    high: float
    x_label: str = ""
    note: str = ""
    mark: float | None = None


def draw_bars(chart: BarChart) -> Markup:
    """Draw a chart with its title and legend; empty where no bar has a value."""
    rows = [row for row in chart.rows if any(bar.value is not None for bar in row.bars)]
    if not rows:
        return Markup("")
    step = len(chart.series) * _THICK + _GAP
    floor = _TOP + len(rows) * step
    body = [_grid(chart, floor)]
    if chart.mark is not None:
        x = _place(chart.mark, chart.high)
        body.append(Markup('<path class="chance" d="M{} {}V{}"/>').format(x, _TOP, floor))
    body += [_row(row, _TOP + number * step, chart.high) for number, row in enumerate(rows)]
    return Markup(
        '<figure class="chart bars"><figcaption><b>{title}</b>{note}</figcaption>{legend}'
        '<div class="plot"><svg viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{label}">'
        "{body}</svg></div></figure>"
    ).format(
        title=chart.title,
        note=Markup(" <span>{}</span>").format(chart.note) if chart.note else "",
        legend=_legend(chart.series),
        w=_WIDTH,
        h=floor + _BOTTOM,
        label=_in_words(chart, rows),
        body=Markup("").join(body),
    )


def _place(value: float, high: float) -> float:
    """Where a value lies in the chart's own units."""
    share = min(max(value / high, 0.0), 1.0)
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _grid(chart: BarChart, floor: float) -> Markup:
    parts = [
        Markup('<path class="grid" d="M{} {}V{}"/><text x="{}" y="{}" class="mid">{}</text>')
        .format(x := _place(tick, chart.high), _TOP, floor, x, floor + 17, tick_label(tick))
        for tick in nice_ticks(0, chart.high, 6)
    ]  # fmt: skip
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        Markup('<text x="{}" y="{}" class="mid name">{}</text>')
        .format(middle, floor + 36, chart.x_label)
    )  # fmt: skip
    return Markup("").join(parts)


def _row(row: BarRow, top: float, high: float) -> Markup:
    middle = top + (len(row.bars) * _THICK + _GAP) / 2
    parts = [
        Markup('<text x="{}" y="{}" class="end">{}</text>').format(_LEFT - 9, middle + 4, row.name)
    ]
    for number, bar in enumerate(row.bars):
        if bar.value is None:
            continue
        y, x = top + _GAP / 2 + number * _THICK, _place(bar.value, high)
        line = y + (_THICK - 2) / 2
        low, far = (_place(bar.value + side * bar.spread, high) for side in (-1, 1))
        parts.append(
            Markup(
                '<g class="s{}{}"><rect x="{}" y="{}" width="{}" height="{}"/>'
                '<path class="whisker" d="M{} {}H{}"/><text x="{}" y="{}">{}</text></g>'
            ).format(
                number % 6, " faint" if row.faint else "", _LEFT, y, round(x - _LEFT, 1),
                _THICK - 2, low, line, far, max(far, x) + 6, line + 4,
                f"{bar.value:.3g}",
            )
        )  # fmt: skip
    return Markup("").join(parts)


def _legend(series: Sequence[str]) -> Markup:
    items = [
        Markup(
            '<li class="s{}"><svg viewBox="0 0 24 8" aria-hidden="true"><rect width="24" '
            'height="8"/></svg>{}</li>'
        ).format(number % 6, name)
        for number, name in enumerate(series)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


def _in_words(chart: BarChart, rows: Sequence[BarRow]) -> str:
    """The chart for those who cannot see it."""
    said = [
        f"{row.name}: "
        + ", ".join(
            f"{bar.value:.3g} {name}"
            for name, bar in zip(chart.series, row.bars, strict=True)
            if bar.value is not None
        )
        for row in rows
    ]
    return f"{chart.title}. {'; '.join(said)}."
