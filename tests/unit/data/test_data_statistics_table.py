import json

import pytest

from grit.data.statistics_table import markdown, statistics_of

ROWS = [
    # 4 words, a choice; half of the picture is boxed.
    {
        "question": "What is it here?",
        "answer": "a dog",
        "image": "a.png",
        "dataset": "mathvista",
        "choices": ["a dog", "a cat"],
        "width": 10,
        "height": 10,
        "bboxs": [[0, 0, 5, 10]],
    },
    {"question": "How many are there now?", "answer": 3, "image": "a.png", "dataset": "mathvista"},
    {"question": "Is it?", "answer": "No.", "image": "a.png", "dataset": "a|b"},
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_the_table_is_that_of_the_paper_by_hand(file):
    table = statistics_of([file])
    assert table.headings == ("mathvista", "a|b")
    assert table.rows == (
        ("samples", ("2", "1")),
        ("words question / answer", ("4.5 / 1.5", "2.0 / 1.0")),
        ("% multiple choice or yes/no", ("50.0", "100.0")),
        ("% boxed", ("50.0", "–")),
    )
    assert table.as_json()["mathvista"]["share_covered"] == 0.5


def test_the_published_column_stands_beside_the_set_of_its_name(file):
    table = statistics_of([file], published=True)
    assert table.headings == ("mathvista", "mathvista (paper)", "a|b")
    assert table.rows[1][1][1] == "38.2 / 1.2"


def test_the_markdown_has_one_column_a_set_and_no_stray_bars(file):
    lines = markdown(statistics_of([file])).splitlines()
    assert lines[:3] == [
        "|  | mathvista | a\\|b |",
        "| --- | ---: | ---: |",
        "| samples | 2 | 1 |",
    ]
