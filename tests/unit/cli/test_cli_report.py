from __future__ import annotations

import subprocess
import sys
import webbrowser

import pytest

from grit.cli.report import run
from grit.errors import ConfigError, RunFolderError
from grit.records.folder import RunFolder


def test_the_page_is_written_and_its_place_printed(tmp_path, capsys):
    RunFolder.create(tmp_path / "demo")
    assert run([str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "demo" / "report.html")
    assert (tmp_path / "demo" / "report.html").is_file()


def test_the_page_is_shown_when_asked(tmp_path, monkeypatch):
    RunFolder.create(tmp_path)
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    run([str(tmp_path), "--open"])
    assert shown == [(tmp_path / "report.html").resolve().as_uri()]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        run([str(tmp_path)])


def test_a_negative_number_of_samples_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not -1"):
        run([str(tmp_path), "--samples-per-task", "-1"])


def test_the_command_needs_no_torch():
    code = "import sys, grit.cli.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
