from __future__ import annotations

import json

import pytest

from grit.cli.main import main


@pytest.fixture
def labelled(tmp_path):
    rows = [
        {"question": "How many?", "reference": "3", "prediction": "three", "label": 1},
        {"question": "What?", "reference": "couch", "prediction": "sofa\x1b[2J", "label": 1},
    ]
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_calibrate_prints_agreement_confusion_and_differences(labelled, capsys):
    assert main(["judge", "calibrate", str(labelled)]) == 0
    printed = capsys.readouterr().out
    assert "0.500" in printed
    assert "line 2: 'sofa�[2J' for 'couch'" in printed
    assert "not sure" in printed
    assert "\x1b[2J" not in printed


def test_calibrate_shows_no_more_differences_than_asked_for(labelled, capsys):
    assert main(["judge", "calibrate", str(labelled), "--show", "0"]) == 0
    printed = capsys.readouterr().out
    assert "sofa" not in printed
    assert "and 1 more differ" in printed


def test_calibrate_as_json_is_one_object(labelled, capsys):
    assert main(["judge", "calibrate", str(labelled), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["judge"], found["against"], found["overall"]["num_rows"]) == (
        "rules",
        "labels",
        2,
    )
    assert found["overall"]["confusion"] == [[0, 1], [0, 1]]
    assert [each["line"] for each in found["differences"]] == [2]


def test_rules_against_rules_agree_in_everything(labelled, capsys):
    arguments = ["judge", "calibrate", str(labelled), "--against", "rules", "--format", "json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["overall"]["accuracy"] == 1.0


def test_a_missing_file_is_named(tmp_path, capsys):
    assert main(["judge", "calibrate"]) == 2
    assert "give a JSONL file" in capsys.readouterr().err
    assert main(["judge", "calibrate", str(tmp_path / "none.jsonl")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_the_group_names_calibrate(capsys):
    assert main(["judge"]) == 0
    assert "grit judge calibrate FILE" in capsys.readouterr().out
