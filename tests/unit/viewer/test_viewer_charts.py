from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grit.viewer.charts import Chart, Line, draw_chart
from grit.viewer.scales import moving_mean, nice_ticks, thin_out, tick_label

LINES = (
    Line("accuracy", [(0, 0.25), (10, 0.5), (20, None), (30, 1.0)], dots=True),
    Line("format", [(0, 0.0), (10, 0.5), (20, 0.75), (30, 1.0)]),
)


def drawn(chart):
    return ElementTree.fromstring(str(draw_chart(chart)))


def by_class(root, name):
    return [part for part in root.iter() if name in part.get("class", "").split()]


def test_a_chart_is_well_formed_with_title_labels_and_legend():
    root = drawn(Chart("Validation", LINES, y_label="share", note="200 samples"))
    words = " ".join(root.itertext())
    for word in ("Validation", "200 samples", "share", "step", "accuracy", "format"):
        assert word in words
    assert len(by_class(root, "legend")[0]) == 2


def test_the_ends_of_a_line_lie_on_the_corners_of_the_plot():
    chart = Chart("t", (Line("a", [(0, 0.0), (100, 1.0)]),), y_range=(0.0, 1.0))
    root = drawn(chart)
    svg = root.find("div/svg")
    left, top, right, bottom = json.loads(svg.get("data-chart"))["box"]
    points = [tuple(map(float, p.split(","))) for p in svg.find("g/polyline").get("points").split()]
    assert points == [(left, bottom), (right, top)]


def test_what_was_not_measured_leaves_no_point():
    root = drawn(Chart("Validation", LINES))
    data = json.loads(root.find("div/svg").get("data-chart"))
    assert data["lines"][0]["points"] == [[0, 0.25], [10, 0.5], [30, 1.0]]


def test_numbers_that_are_not_finite_are_left_out():
    root = drawn(Chart("t", (Line("a", [(0, math.nan), (1, 2.0), (2, math.inf)]),)))
    assert json.loads(root.find("div/svg").get("data-chart"))["lines"][0]["points"] == [[1, 2.0]]


def test_a_chart_without_a_point_is_empty():
    assert draw_chart(Chart("t", (Line("a", [(0, None)]), Line("b", [])))) == ""


def test_names_are_escaped():
    chart = Chart('<b>"t"', (Line('<script>alert("x")</script>', [(0, 1.0)]),), y_label="</svg>")
    text = str(draw_chart(chart))
    assert "<script>" not in text
    ElementTree.fromstring(text)


def test_the_label_says_the_chart_in_words():
    label = drawn(Chart("Validation", LINES)).find("div/svg").get("aria-label")
    assert "accuracy goes from 0.25 at step 0 to 1.0 at step 30" in label


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 150, [0, 50, 100, 150]),
        (-0.013, 0.021, [-0.01, 0, 0.01, 0.02]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round_numbers(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-6, 1e6))
def test_ticks_lie_within_the_range_and_are_few(low, width):
    ticks = nice_ticks(low, low + width, 6)
    slack = 1e-6 * width + 1e-9 * abs(low)
    assert len(ticks) <= 7
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)


def test_a_moving_mean_by_hand():
    points = [(1, 0.0), (2, 3.0), (3, 6.0), (4, 3.0)]
    assert moving_mean(points, 3) == [(1, 1.5), (2, 3.0), (3, 4.0), (4, 4.5)]
    assert moving_mean(points, 1) == points


@given(num=st.integers(0, 700), most=st.integers(2, 90))
def test_thinning_keeps_a_constant_and_the_last_point(num, most):
    points = [(float(x), 7.0) for x in range(num)]
    thinned = thin_out(points, most)
    assert len(thinned) <= max(most, 0)
    assert {y for _, y in thinned} <= {7.0}
    assert thinned[-1:] == points[-1:]


def test_tick_labels_are_short():
    assert [tick_label(v) for v in (0.0, 0.2, 150.0, 2e-6, 1e6)] == [
        "0", "0.2", "150", "2e-6", "1e6",
    ]  # fmt: skip
