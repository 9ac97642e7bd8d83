"""The command `grit`: finding commands, errors in one paragraph, a quick overview."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

from grit import __version__
from grit.cli import main as cli
from grit.errors import ConfigError, DataError, ModelError, RunFolderError, StoppedBySignalError


@pytest.fixture
def command(monkeypatch):
    """Puts one command of our own in the table, and gives back what it was called with."""
    called = []

    def install(effect):
        def run(arguments):
            called.append(arguments)
            if isinstance(effect, BaseException):
                raise effect
            return effect

        module = types.ModuleType("made_for_a_test")
        module.run = run
        monkeypatch.setitem(sys.modules, "made_for_a_test", module)
        monkeypatch.setitem(cli.COMMANDS, "try", cli.Command("made_for_a_test:run", "", "tries"))
        return called

    return install


def test_a_command_gets_what_follows_its_word_and_gives_the_exit_code(command):
    called = command(7)
    assert cli.main(["try", "a", "--b", "c"]) == 7
    assert called == [["a", "--b", "c"]]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a.yaml, line 3: bad"), 2),
        (DataError("rows.jsonl, line 1: bad"), 2),
        (ModelError("no weights"), 1),
        (RunFolderError("taken"), 1),
        (StoppedBySignalError("stopped after step 3", 15), 143),
    ],
)
def test_an_error_of_ours_is_one_paragraph_without_a_traceback(command, capsys, error, code):
    command(error)
    assert cli.main(["try"]) == code
    assert capsys.readouterr() == ("", f"grit: {error}\n")


@pytest.mark.parametrize("arguments", [["--debug", "try", "x"], ["try", "x", "--debug"]])
def test_debug_anywhere_shows_the_traceback_and_reaches_no_command(command, capsys, arguments):
    called = command(ConfigError("bad"))
    assert cli.main(arguments) == 2
    assert "Traceback" in capsys.readouterr().err
    assert called == [["x"]]


def test_an_error_that_is_not_ours_is_not_hidden(command):
    command(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["try"])


def test_ctrl_c_leaves_with_130(command, capsys):
    command(KeyboardInterrupt())
    assert cli.main(["try"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("leaving", "code"), [(SystemExit(), 0), (SystemExit(2), 2), (SystemExit("why"), 1)]
)
def test_a_command_that_leaves_gives_its_code(command, leaving, code):
    command(leaving)
    assert cli.main(["try"]) == code


@pytest.mark.parametrize(
    ("word", "hint"), [("trian", "did you mean grit train?"), ("xyzzy", "known: demo, train")]
)
def test_an_unknown_command_names_the_nearest_or_all(capsys, word, hint):
    assert cli.main([word]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"]])
def test_the_overview_has_a_line_for_every_command(capsys, arguments):
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    for word, command in cli.COMMANDS.items():
        assert any(
            line.strip().startswith(word) and command.about in line for line in shown.splitlines()
        )
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("arguments", [["--version"], ["version"], ["-V"]])
def test_the_version_is_that_of_the_package(capsys, arguments):
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == f"grit {__version__}\n"


def test_the_overview_imports_nothing_heavy():
    code = (
        "import sys, grit.cli.main as m; m.main(['--help']);"
        "heavy = {'torch', 'transformers', 'pydantic', 'tyro', 'rich', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_hangs_up_makes_no_noise(tmp_path):
    module = tmp_path / "talks.py"
    module.write_text(
        "def run(arguments):\n    for i in range(99999):\n        print('line', i)\n    return 0\n",
        encoding="utf-8",
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import grit.cli.main as m;"
        "m.COMMANDS['talk'] = m.Command('talks:run', '', ''); sys.exit(m.main(['talk']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_a_command_for_one_process_is_refused_under_a_launcher(monkeypatch, capsys):
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert cli.main(["report", "runs/mine"]) == 2
    said = capsys.readouterr().err
    assert "grit report runs in one process" in said
    assert "several processes share train, sft, doctor, eval" in said
