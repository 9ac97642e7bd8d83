"""Line charts as inline SVG. Knows numbers and names, nothing of runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from grit.viewer.scales import Point, moving_mean, nice_ticks, shortened, thin_out, tick_label

__all__ = ["Chart", "Line", "draw_chart"]

WIDTH, HEIGHT = 560.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 14.0, 12.0, 42.0
_MOST_POINTS = 400
"""More than these do not fit the pixels of a chart, and would swell the page."""

# Beside its colour each line has its own dashes, for those who see no difference in colour.
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Args:
        name: For the legend.
        points: (x, y), x ascending; y None where nothing was measured.
        smooth: Width in points of the moving mean that is drawn over the faint raw line; 1 draws
            the raw line alone.
        dots: Whether every point has a dot, for figures that are measured now and then.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    smooth: int = 1
    dots: bool = False

    @property
    def measured(self) -> list[Point]:
        """The points that have a finite value."""
        return [(x, y) for x, y in self.points if y is not None and math.isfinite(y)]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its words.

    Args:
        title: Says what is shown.
        lines: At least one, each with a point or more.
        x_label: Under the axis.
        y_label: Beside the axis, with the unit.
        note: One clause under the title.
        y_range: Fixed ends of the axis; None takes them from the data.
    """

    title: str
    lines: tuple[Line, ...]
    x_label: str = "step"
    y_label: str = ""
    note: str = ""
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Axes:
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def place(self, point: Point) -> Point:
        """A point of the data in the chart's own units."""
        x_share = (point[0] - self.x_low) / (self.x_high - self.x_low)
        y_share = (point[1] - self.y_low) / (self.y_high - self.y_low)
        x = _LEFT + x_share * (WIDTH - _LEFT - _RIGHT)
        y = HEIGHT - _BOTTOM - y_share * (HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(min(max(y, _TOP), HEIGHT - _BOTTOM), 1)


def draw_chart(chart: Chart) -> Markup:
    """Draw a chart with its title and legend; empty where no line has a point.

    The values lie beside the drawing as JSON, for the script that shows them under the pointer.
    """
    lines = [line for line in chart.lines if line.measured]
    if not lines:
        return Markup("")
    axes = _axes_for(chart, lines)
    drawn = [thin_out(line.measured, _MOST_POINTS) for line in lines]
    data = {
        "x": chart.x_label,
        "box": [_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM],
        "range": [axes.x_low, axes.x_high, axes.y_low, axes.y_high],
        "lines": [
            {"name": line.name, "points": [[x, shortened(y)] for x, y in points]}
            for line, points in zip(lines, drawn, strict=True)
        ],
    }
    body = Markup("").join(
        [
            _grid(chart, axes),
            *(_path(number, line, axes) for number, line in enumerate(lines)),
            Markup('<g class="cursor" hidden=""></g>'),
        ]
    )
    return Markup(
        '<figure class="chart"><figcaption><b>{title}</b>{note}</figcaption>{legend}'
        '<div class="plot"><svg viewBox="0 0 {w:.0f} {h:.0f}" role="img" tabindex="0" '
        'aria-label="{label}" data-chart="{data}">{body}</svg></div></figure>'
    ).format(
        title=chart.title,
        note=Markup(" <span>{}</span>").format(chart.note) if chart.note else "",
        legend=_legend(lines),
        w=WIDTH,
        h=HEIGHT,
        label=_in_words(chart, lines),
        data=json.dumps(data, allow_nan=False),
        body=body,
    )


def _axes_for(chart: Chart, lines: Sequence[Line]) -> _Axes:
    xs = [x for line in lines for x, _ in line.measured]
    ys = [y for line in lines for _, y in line.measured]
    x_low, x_high = min(xs), max(xs)
    if chart.y_range is not None:
        y_low, y_high = chart.y_range
    else:
        y_low, y_high = min(ys), max(ys)
        # Zero belongs to the picture when the data are near it: a curve then shows its true rise.
        if 0 < y_low < 0.5 * y_high:
            y_low = 0.0
        room = 0.06 * (y_high - y_low)
        y_low, y_high = (y_low - room if y_low < 0 or y_low > 0 else y_low), y_high + room
    if x_high == x_low:
        x_low, x_high = x_low - 0.5, x_high + 0.5
    if not y_high > y_low:
        spread = abs(y_low) * 0.1 or 0.5
        y_low, y_high = y_low - spread, y_high + spread
    return _Axes(x_low, x_high, y_low, y_high)


def _grid(chart: Chart, axes: _Axes) -> Markup:
    parts: list[Markup] = []
    for tick in nice_ticks(axes.y_low, axes.y_high, 6):
        x, y = _LEFT, axes.place((axes.x_low, tick))[1]
        parts.append(
            Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" class="end">{}</text>')
            .format(x, y, WIDTH - _RIGHT, x - 7, y + 4, tick_label(tick))
        )  # fmt: skip
    floor = HEIGHT - _BOTTOM
    for tick in nice_ticks(axes.x_low, axes.x_high, 8):
        if tick != round(tick):
            continue
        x = axes.place((tick, axes.y_low))[0]
        parts.append(
            Markup('<path class="tick" d="M{} {}v4"/><text x="{}" y="{}" class="mid">{}</text>')
            .format(x, floor, x, floor + 17, tick_label(tick))
        )  # fmt: skip
    parts.append(Markup('<path class="axis" d="M{} {}H{}"/>').format(_LEFT, floor, WIDTH - _RIGHT))
    middle_x, middle_y = (_LEFT + WIDTH - _RIGHT) / 2, (_TOP + floor) / 2
    parts.append(
        Markup('<text x="{}" y="{}" class="mid name">{}</text>')
        .format(middle_x, HEIGHT - 6, chart.x_label)
    )  # fmt: skip
    if chart.y_label:
        parts.append(
            Markup('<text transform="translate(11 {}) rotate(-90)" class="mid name">{}</text>')
            .format(middle_y, chart.y_label)
        )  # fmt: skip
    return Markup("").join(parts)


def _path(number: int, line: Line, axes: _Axes) -> Markup:
    measured = line.measured
    smooth = line.smooth > 1 and len(measured) > 2 * line.smooth
    main = moving_mean(measured, line.smooth) if smooth else measured
    parts: list[Markup] = []
    if smooth:
        raw = _points(thin_out(measured, _MOST_POINTS), axes)
        parts.append(Markup('<polyline class="raw" points="{}"/>').format(raw))
    parts.append(
        Markup('<polyline class="line" points="{}" stroke-dasharray="{}"/>')
        .format(_points(thin_out(main, _MOST_POINTS), axes), _DASHES[number % len(_DASHES)])
    )  # fmt: skip
    if line.dots or len(measured) == 1:
        for point in measured:
            x, y = axes.place(point)
            parts.append(Markup('<circle cx="{}" cy="{}" r="3"/>').format(x, y))
    return Markup('<g class="s{}">{}</g>').format(number % 6, Markup("").join(parts))


def _legend(lines: Sequence[Line]) -> Markup:
    items = [
        Markup(
            '<li class="s{n}"><svg viewBox="0 0 24 8" aria-hidden="true"><path class="line" '
            'd="M1 4H23" stroke-dasharray="{dash}"/></svg>{name} <b>{last}</b></li>'
        ).format(
            n=number % 6,
            dash=_DASHES[number % len(_DASHES)],
            name=line.name,
            last=f"{shortened(line.measured[-1][1]):g}",
        )
        for number, line in enumerate(lines)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


def _in_words(chart: Chart, lines: Sequence[Line]) -> str:
    """The chart for those who cannot see it: where each line begins, ends, and its range."""
    said: list[str] = []
    for line in lines:
        (x1, y1), (x2, y2) = line.measured[0], line.measured[-1]
        said.append(
            f"{line.name} goes from {shortened(y1)} at {chart.x_label} {tick_label(x1)} "
            f"to {shortened(y2)} at {chart.x_label} {tick_label(x2)}"
        )
    return f"{chart.title}: {'; '.join(said)}."


def _points(points: Sequence[Point], axes: _Axes) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in map(axes.place, points))
