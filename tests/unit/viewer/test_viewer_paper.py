"""The page of `grit paper`: ours in the shape of the paper, the published beside, all offline."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from grit.records.analyses import (
    AttentionPoint,
    AttentionTable,
    CorrelationFigure,
    CorrelationTable,
    EffectFigure,
    FaithfulnessFigure,
    FaithfulnessTable,
)
from grit.records.paper import PaperExample, PaperRecord, PaperRun, TestSet
from grit.records.rows import EvaluationSummary
from grit.viewer.paper import write_paper
from grit.viewer.paper_charts import paper_charts
from grit.viewer.paper_tables import paper_tables


def summary(task, accuracy, iou):
    return EvaluationSummary(
        model="m", mode="grounded", task=task, n=10, n_judged=10, accuracy=accuracy,
        grounding_iou=iou,
    )  # fmt: skip


def run_of(name, seed, **figures):
    return PaperRun(
        name=name, seed=seed, summaries=tuple(summary(t, *pair) for t, pair in figures.items())
    )


def points(*shares):
    return tuple(
        AttentionPoint(place=n, n=3, share=share, interval=(share - 0.01, share + 0.01))
        for n, share in enumerate(shares)
    )


@pytest.fixture
def record(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 30), (9, 9, 200)).save(tmp_path / "pictures" / "a.png")
    effect = EffectFigure(
        name="necessity",
        flips=0.5,
        flips_interval=(0.4, 0.6),
        drop=-1.5,
        drop_interval=(-2, -0.001),
    )
    return PaperRecord(
        world="built-in",
        quick=True,
        num_seeds=2,
        steps=60,
        sizes=(20, 500, 7000),
        test_sets=(
            TestSet(task="counting", num_samples=7, question_words=5.25, answer_words=1,
                    closed=0, covered=0.123),
        ),
        runs=(
            run_of("direct", None, relation=(0.5, 0.0), counting=(0.75, 0.0)),
            run_of("grit", 0, relation=(0.90, 0.80), counting=(0.70, 0.60), attribute=(1, 0.9)),
            run_of("grit", 1, relation=(0.80, 0.70), counting=(0.90, 0.80), attribute=(1, 0.9)),
            run_of("no-counting", 0, relation=(0.6, 0.5), counting=(0.4, 0.3), attribute=(0, 0.1)),
            run_of("triplets-500", 0, relation=(1, 1), counting=(1, 1), attribute=(1, 1)),
            run_of("shuffled-answers", 0, relation=(0.5, 0.5)),
        ),
        correlation=(
            CorrelationTable(
                source="grit-seed-0", judge="scene", seed=0,
                figures=(
                    CorrelationFigure(
                        task="all", draw="matched", n=9, mean=0.985, deviation=0.012, repeats=3
                    ),
                ),
            ),
            CorrelationTable(
                source="grit-seed-0.shuffled", judge="scene", seed=0,
                figures=(
                    CorrelationFigure(
                        task="all", draw="matched", n=9, mean=0.5, deviation=0.1, repeats=3
                    ),
                ),
            ),
        ),
        faithfulness=(
            FaithfulnessTable(
                source="grit", seed=0,
                figures=(
                    FaithfulnessFigure(task="all", n=9, repeats_itself=1.0, effects=(effect,)),
                ),
            ),
        ),
        attention=(
            AttentionTable(
                source="grit",
                by_token={"original": points(0.3, 0.2), "box_free": points(0.2, 0.1)},
                by_layer={"original": points(0.25), "box_free": points(0.15)},
                difference=points(0.1)[0],
            ),
        ),
        examples=(
            PaperExample(
                task="counting", question="How many <b>?", answer="2", reference="2",
                image="pictures/a.png", text="<think> x", boxes=((1, 2, 11, 12),), size=(40, 30),
            ),
        ),
        differences=("Model: another.",),
        missing=("controls: not asked for",),
    )  # fmt: skip


def cells_of(record, title):
    table = next(t for t in paper_tables(record) if t.title.startswith(title))
    assert all(len(row) == len(table.columns) for row in table.rows)
    return table.rows


def test_table_1_has_our_means_over_seeds_above_the_published_figures(record):
    rows = cells_of(record, "Table 1")
    assert rows[0][:4] == ("direct query", "this run", "50.0 / 0.000", "75.0 / 0.000")
    # 90 and 80: mean 85, deviation 10 / sqrt(2).
    assert rows[1][2] == "85.0 ± 7.1 / 0.750 ± 0.071"
    assert rows[1][5:] == ("–", "–", "–")
    published = {row[:2]: row[2:] for row in rows[2:]}
    assert published["GRIT", "Qwen2.5-VL-3B"][0] == "72.9 / 0.325"
    assert len(published) == 10


def test_table_2_counts_as_the_paper_does(record):
    rows = {row[:2]: row[2:] for row in cells_of(record, "Table 2")}
    assert rows["samples", "this run"][1] == "7"
    assert rows["mean words, question / answer", "this run"][1] == "5.2 / 1.0"
    assert rows["% of picture under true boxes", "this run"][1] == "12.3"
    assert rows["samples", "paper"] == ("288", "491", "509", "1000", "240", "2164")


def test_table_3_is_in_and_out_of_domain(record):
    rows = cells_of(record, "Table 3")
    # In domain with seed 0: (0.80 + 0.60) / 2 and (0.90 + 0.70) / 2; seed 1: 0.75 and 0.85.
    assert rows[0][2].startswith("0.725")
    assert rows[0][4].startswith("82.5")
    assert rows[1][2:] == ("0.400", "0.100", "50.0", "0.0")
    assert rows[2][2:] == ("0.387", "0.437", "51.8", "64.4")


def test_other_figures_stand_in_tables_too(record):
    assert cells_of(record, "Figure 4")[0][3:] == ("98.5 ± 1.2", "–")
    flips = cells_of(record, "Beyond the paper: faithfulness, share of answers")
    falls = cells_of(record, "Beyond the paper: faithfulness, fall")
    assert flips == (("grit", "all", "9", *["–"] * 5, "0.50 [0.40, 0.60]"),)
    assert falls[0][-1] == "−1.5 [−2.0, 0.0]"
    assert [row[0] for row in cells_of(record, "Figure 6")] == ["20", "500"]
    assert cells_of(record, "Controls")[-1][1] == "50.0 / 0.500"


def test_charts_are_those_of_correlation_attention_and_scaling(record):
    charts = paper_charts(record)
    assert [*charts] == ["Figure 4", "Figure 5", "Figure 6"]
    (correlation,) = charts["Figure 4"]
    assert [row.name for row in correlation.rows] == ["GRIT, seed 0", "GRIT, seed 0: others' boxes"]
    assert [row.faint for row in correlation.rows] == [False, True]
    matched, uniform = correlation.rows[0].bars
    assert (matched.value, matched.spread) == (pytest.approx(98.5), pytest.approx(1.2))
    assert uniform.value is None
    by_token, by_layer = charts["Figure 5"]
    assert by_token.lines[0].points == [(1, 0.3), (2, 0.2)]
    assert by_layer.lines[1].points == [(1, 0.15)]
    (scaling,) = charts["Figure 6"]
    assert scaling.lines[0].points == [(1, pytest.approx(82.5)), (2, 100.0)]


def test_a_chart_stands_with_its_numbers_and_once(record, tmp_path):
    html = write_paper(record, tmp_path)[0].read_text("utf-8")
    assert html.count('<figure class="chart') == 4
    section = html[html.index("<h2>Figure 4") :].partition("</section>")[0]
    assert "<rect" in section
    assert "98.5 ± 1.2" in section


def test_the_page_is_offline_escapes_and_names_what_is_missing(record, tmp_path):
    page, text = write_paper(record, tmp_path)
    html, plain = page.read_text("utf-8"), text.read_text("utf-8")
    assert "How many &lt;b&gt;?" in html
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    assert "data:image/png;base64," in html
    for part in (html, plain):
        assert "controls: not asked for" in part
        assert "Model: another." in part
        assert "quick run" in part
    assert "| GRIT | this run | 85.0 ± 7.1 / 0.750 ± 0.071 |" in plain


def test_an_empty_record_makes_a_page_that_says_so(tmp_path):
    record = PaperRecord(
        world="built-in", quick=False, num_seeds=1, steps=60, sizes=(20, 500, 7000),
        missing=("base, direct",),
    )  # fmt: skip
    page, _ = write_paper(record, tmp_path)
    assert "base, direct" in page.read_text("utf-8")
    assert paper_tables(record) == []
    assert paper_charts(record) == {}
