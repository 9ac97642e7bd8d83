from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from fabricated_run import broken_row, evaluation_row, fill_run, step_rows, summary

from grit.errors import RunFolderError
from grit.records.jsonl_log import JsonlLog
from grit.records.rows import EvaluationRow, StepRow
from grit.viewer.report import build_report
from grit.viewer.tables import headline, make_blocks

VOID = {"meta", "br", "input", "img", "link", "hr"}


class Page(HTMLParser):
    """A page read by the standard library: its elements, its text, and whether they nest."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def having(self, name):
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def page_of(run, **options):
    return Page(build_report(run, **options).read_text(encoding="utf-8"))


def both(**changes):
    return [
        broken_row(**changes),
        evaluation_row(**changes),
        evaluation_row(model="base", mode="direct", step=None, text="yes", boxes=(), **changes),
    ]


def test_a_full_run_shows_every_part(run):
    fill_run(run, both())
    page = page_of(run)
    for words in (
        "Before and after", "Learning", "Alarms", "Gallery", "Recipe and manifest",
        "On the training tasks, accuracy went from 0.74 (asked directly) and 0.33",
        "Reward by component", "Validation", "more than half of the groups agree",
        "150 steps in 3 min 30 s", "AMD EPYC 9654", "training 1, evaluation 7",
        "builtin", "commit 0123456789", "3,136 to 200,704", "group:", '"recipe_sha256"',
    ):  # fmt: skip
        assert words in page.text
    assert "Not all is here" not in page.text
    assert len(page.all("article")) == 1
    assert [a["href"] for a in page.all("a") if a["href"].startswith("#")]


def test_the_page_loads_nothing_from_outside(run):
    fill_run(run, both())
    page = page_of(run)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            if name in attributes:
                assert attributes[name].startswith(("#", "data:image/")), (tag, attributes)
    assert "url(" not in build_report(run).read_text(encoding="utf-8")
    assert not page.all("link")


def test_links_within_the_page_lead_somewhere(run):
    fill_run(run, both())
    page = page_of(run)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for t, a in page.elements if t in ("a", "use") and "href" in a]
    assert set(targets) <= set(ids)


def test_the_policy_of_the_page_allows_its_own_script_alone(run):
    fill_run(run, both())
    text = build_report(run).read_text(encoding="utf-8")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for a in Page(text).all("meta") if "content" in a)
    assert f"script-src 'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy


EVIL = "</script></pre><script>alert('1')</script>\"'><img src=x onerror=alert(2)>&lt;"


def test_model_and_data_text_never_becomes_markup(run):
    text = f"{EVIL} [1, 2, 30, 40] {EVIL}"
    box = broken_row().boxes[0].model_copy(
        update={"label": EVIL, "raw": (1.0, 2.0, 30.0, 40.0), "pixels": (1.0, 2.0, 30.0, 40.0),
                "start": text.index("["), "end": text.index("]") + 1}
    )  # fmt: skip
    fault = broken_row().faults[0].model_copy(update={"detail": EVIL, "kind": EVIL})
    changes = {
        "question": EVIL, "reference": EVIL, "answer": EVIL, "reason": EVIL, "prompt": EVIL,
        "task": EVIL, "sample_id": EVIL,
    }  # fmt: skip
    rows = [
        broken_row(**changes, text=text, boxes=(box,), faults=(fault,)),
        evaluation_row(**changes, text=text, boxes=(box,), faults=(fault,)),
        evaluation_row(**changes, text=text, boxes=(box,), model="base", mode="direct", step=None),
    ]
    fill_run(run, rows)
    run.write_recipe({"prompt": EVIL, "name": "</pre><script>"})
    page = page_of(run)
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert page.text.count("alert('1')") >= 8
    assert len(page.all("mark")) == 2


def test_a_lost_picture_with_an_evil_name_is_escaped(run):
    fill_run(run, [evaluation_row(image=f"{EVIL}.png".replace("/", "∕"))])
    page = page_of(run)
    assert not page.all("img")
    assert "1 picture of the gallery cannot be read" in page.text


def test_a_picture_that_two_panels_share_is_embedded_once(run):
    fill_run(run, [row for sample in ("a", "b") for row in both(sample_id=sample)])
    text = build_report(run).read_text(encoding="utf-8")
    assert text.count("data:image/png;base64") == 1
    assert len(Page(text).all("use")) == 4


def test_right_and_wrong_are_said_in_words_beside_their_colour(run):
    fill_run(run, both())
    page = page_of(run)
    assert [a["class"] for a in page.having("verdict")] == [
        "verdict right", "verdict wrong", "verdict right",
    ]  # fmt: skip
    assert "✓ right" in page.text
    assert "✗ wrong" in page.text
    assert "no answer" in page.text
    assert "cut off" in page.text


def test_pictures_and_charts_have_words_for_those_who_cannot_see_them(run):
    fill_run(run, both())
    page = page_of(run)
    images = [a for a in page.all("svg") if a.get("role") == "img"]
    assert len(images) >= 10
    assert all(a.get("aria-label") for a in images)
    assert all(a.get("scope") for a in page.all("th"))
    assert ("html", {"lang": "en"}) in page.elements


def test_a_run_that_has_just_begun_says_what_is_missing(run):
    page = page_of(run)
    for words in ("no manifest", "no recipe", "No training step", "Nothing was evaluated yet"):
        assert words in page.text
    assert not page.all("article")


def test_a_run_without_evaluations_shows_its_curves(run):
    with JsonlLog(run.steps, StepRow) as log:
        log.extend(step_rows(7))
    page = page_of(run)
    assert "Reward by component" in page.text
    assert "Nothing was evaluated yet" in page.text
    assert "The held-out set was not met" in page.text


def test_one_step_is_enough_for_a_page(run):
    with JsonlLog(run.steps, StepRow) as log:
        log.extend(step_rows(1))
    assert "Reward" in page_of(run).text


def test_a_torn_last_line_is_told_and_a_broken_one_is_an_error(run):
    with JsonlLog(run.steps, StepRow) as log:
        log.extend(step_rows(3))
    whole = run.steps.read_bytes()
    run.steps.write_bytes(whole[:-30])
    assert "The last line of steps.jsonl was cut short" in page_of(run).text
    run.steps.write_bytes(b"{}\n" + whole)
    with pytest.raises(RunFolderError, match=r"steps\.jsonl, line 1"):
        build_report(run)


def test_an_evaluation_without_its_summary_is_told(run):
    with JsonlLog(run.evaluation("base", "cot"), EvaluationRow) as log:
        log.append(broken_row())
    page = page_of(run)
    assert "stopped before its summary" in page.text
    assert len(page.all("article")) == 1


def test_the_same_records_make_the_same_page(run):
    fill_run(run, both())
    first = build_report(run).read_bytes()
    assert build_report(run).read_bytes() == first


def test_the_table_leads_with_the_training_tasks_and_ends_with_all():
    rows = [
        summary("base", "direct", task, 0.5, None, 0.0)
        for task in ("all", "attribute", "relation", "training", "counting")
    ]
    blocks = make_blocks(rows, ("counting", "relation"))
    assert [block.task for block in blocks] == [
        "training", "relation", "counting", "attribute", "all",
    ]  # fmt: skip
    assert [block.trained for block in blocks] == [True, True, True, False, False]


def test_the_highest_figure_of_a_block_is_marked():
    rows = [
        summary("grit", "grounded", "relation", 0.9, 0.9, 1.0, step=10),
        summary("base", "cot", "relation", 0.4, 0.95, 0.3),
        summary("base", "direct", "relation", 0.8, None, 0.0),
    ]
    (block,) = make_blocks(rows, ())
    assert [row.mode for row in block.rows] == ["direct", "cot", "grounded"]
    best = [[cell.best for cell in row.cells] for row in block.rows]
    assert best == [[False, False, False], [False, True, False], [True, False, True]]


def test_without_a_trained_model_there_is_no_finding():
    assert headline([]) == ""
    assert headline(make_blocks([summary("base", "direct", "relation", 0.5, None, 0.0)], ())) == ""
