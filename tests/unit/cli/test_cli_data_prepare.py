import json

import pytest
from PIL import Image

from grit.cli.data import run
from grit.cli.data_prepare import PrepareCommand
from grit.data.readers.catalogue import READERS
from grit.errors import ConfigError, DataError


@pytest.fixture
def vsr(tmp_path):
    folder = tmp_path / "vsr"
    folder.mkdir()
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    row = {"image": "a.png", "caption": "The cat is on the mat.", "relation": "on"}
    lines = [json.dumps(row | {"label": label}) + "\n" for label in (0, 1, 1, 0)]
    (folder / "dev.jsonl").write_text("".join(lines))
    return str(folder)


def test_a_set_is_prepared_checked_and_counted_from_the_command_line(vsr, tmp_path, capsys):
    to = str(tmp_path / "to")
    assert run(["prepare", "vsr", "--from", vsr, "--to", to, "--num", "3", "--seed", "5"]) == 0
    printed = capsys.readouterr().out
    assert "4 records read: 3 written, 0 rejected, 0 left out, 1 not drawn" in printed
    file = f"{to}/vsr.jsonl"
    sheet = tmp_path / "sheet.png"
    assert run(["check", file, "--sheet", str(sheet)]) == 0
    assert sheet.is_file()
    capsys.readouterr()
    assert run(["stats", file, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["vsr"]["num_samples"] == 3
    assert run(["stats", file, "--published"]) == 0
    assert "vsr (paper)" in capsys.readouterr().out
    assert run(["stats", file, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("|  | vsr |")


def test_the_manifest_is_printed_as_json(vsr, tmp_path, capsys):
    assert run(["prepare", "vsr", "--from", vsr, "--to", str(tmp_path / "to"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"]["written"] == 4


def test_what_cannot_be_meant_is_refused_before_anything_is_read(vsr, tmp_path):
    to = ["--to", str(tmp_path / "to")]
    for words, message in [
        (["vrs", "--from", vsr, *to], "no reader is called vrs; known are grit-data, vsr"),
        (["vsr", "--from", vsr, vsr, *to], "read from one path; --from names 2"),
        (["vsr", "--from", vsr, *to, "--num", "0"], "--num 0 draws nothing"),
        (["vsr", "--from", vsr, *to, "--categories", "count"], "--categories means nothing to vsr"),
        (["mix", "--from", vsr, *to, "--copy-images"], "--copy-images means nothing to mix"),
        (["gqa", "--from", vsr, *to, "--boxes", vsr + "x"], "--boxes .*vsrx is no file"),
        (["vsr", "--from", vsr, *to, "--images", vsr + "/dev.jsonl"], "is no folder"),
    ]:
        with pytest.raises(ConfigError, match=message):
            run(["prepare", *words])
    with pytest.raises(DataError, match="5 samples were asked for, and there are 4"):
        run(["prepare", "vsr", "--from", vsr, *to, "--num", "5"])
    assert [path.name for path in tmp_path.iterdir()] == ["vsr"]


def test_the_help_names_every_reader():
    text = PrepareCommand.__doc__ or ""
    assert all(f"- {name}: " in text for name in READERS)
