import json

import pytest
from PIL import Image

from grit.cli.data import run
from grit.errors import DataError

ROW = {"question": "Is there a dog?", "answer": "yes", "image": "a.png", "dataset": "vsr"}


@pytest.fixture
def rows(tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")

    def write(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        return str(path)

    return write


def test_a_sound_file_leaves_with_zero(rows, capsys):
    assert run(["check", rows(ROW)]) == 0
    printed = capsys.readouterr().out
    assert "1 rows, 1 pictures opened, 0 errors, 0 warnings: the file can be used" in printed
    assert "answers in vsr: yes (1)" in printed


def test_warnings_leave_with_zero_and_errors_with_one(rows, capsys):
    assert run(["check", rows(ROW, ROW)]) == 0
    assert "line 2: warning" in capsys.readouterr().out
    assert run(["check", rows(ROW, {**ROW, "image": "none.png"})]) == 1
    assert "line 2: error the picture is not there" in capsys.readouterr().out


def test_text_of_the_file_is_not_taken_for_markup(rows, capsys):
    assert run(["check", rows({**ROW, "answer": "[/bold] [red]", "dataset": "[/]"})]) == 0
    printed = capsys.readouterr().out
    assert "answers in [/]: [/bold] [red] (1)" in printed


def test_many_findings_of_a_kind_are_cut_short(rows, capsys):
    missing = [{**ROW, "question": f"Q{n}", "image": f"{n}.png"} for n in range(9)]
    assert run(["check", rows(*missing)]) == 1
    assert "4 more of picture_missing; --json lists all" in capsys.readouterr().out


def test_json_prints_the_whole_report(rows, capsys, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    assert run(["check", rows(ROW, "no row"), "--images", str(pictures), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["num_errors"] == 2
    assert {finding["line"] for finding in report["findings"]} == {1, 2}


def test_an_unreadable_file_raises_for_the_command_line_to_print(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl"):
        run(["check", str(tmp_path / "none.jsonl")])


def test_an_unknown_word_leaves_with_two(capsys):
    with pytest.raises(SystemExit) as left:
        run(["chekc"])
    assert left.value.code == 2
