from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from grit.viewer.bars import Bar, BarChart, BarRow, draw_bars

ROWS = (
    BarRow("GRIT", (Bar(100.0), Bar(50.0, 10.0))),
    BarRow("others' boxes", (Bar(25.0), Bar(None)), faint=True),
)
CHART = BarChart("Fit", ("as drawn", "uniform"), ROWS, high=100, x_label="%", mark=50)


def drawn(chart):
    return ElementTree.fromstring(str(draw_bars(chart)))


def groups(root):
    return list(root.find("div/svg").iter("g"))


def ends_of(path):
    """Both x of ``M x y H x``."""
    start, _, far = path.get("d").partition("H")
    return float(start.removeprefix("M").split()[0]), float(far)


def test_a_bar_is_as_long_as_its_value():
    whole, half, quarter = (
        float(group.find("rect").get("width")) for group in groups(drawn(CHART))
    )
    assert half * 2 == whole
    assert quarter * 4 == whole


def test_a_whisker_reaches_as_far_on_either_side_of_the_end():
    whole, half = groups(drawn(CHART))[:2]
    rect = half.find("rect")
    end = float(rect.get("x")) + float(rect.get("width"))
    low, far = ends_of(half.find("path"))
    reach = float(whole.find("rect").get("width")) / 10
    assert (round(end - low, 1), round(far - end, 1)) == (round(reach, 1), round(reach, 1))


def test_the_line_of_chance_stands_where_a_bar_of_its_value_ends():
    root = drawn(CHART)
    rect = groups(root)[1].find("rect")
    line = next(p for p in root.iter("path") if p.get("class") == "chance")
    x = float(line.get("d").removeprefix("M").split()[0])
    assert x == float(rect.get("x")) + float(rect.get("width"))


def test_what_was_not_measured_has_no_bar_and_controls_are_faint():
    assert [group.get("class") for group in groups(drawn(CHART))] == ["s0", "s1", "s0 faint"]


def test_the_label_says_the_chart_in_words():
    label = drawn(CHART).find("div/svg").get("aria-label")
    assert label == "Fit. GRIT: 100 as drawn, 50 uniform; others' boxes: 25 as drawn."


def test_a_chart_without_a_bar_is_empty_and_names_are_escaped():
    assert draw_bars(BarChart("t", ("a",), (BarRow("x", (Bar(None),)),), high=1)) == ""
    wild = BarChart("<b>", ("</svg>",), (BarRow("<i>", (Bar(1.0),)),), high=1)
    assert "<i>" not in str(draw_bars(wild))
    drawn(wild)
