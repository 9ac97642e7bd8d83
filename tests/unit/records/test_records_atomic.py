from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from grit.errors import CheckpointError, RunFolderError
from grit.records.atomic import (
    atomic_write_bytes,
    atomic_write_text,
    remove_leftovers,
    write_directory,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_two(folder):
    (folder / "weights.bin").write_bytes(b"new")
    (folder / "deep").mkdir()
    (folder / "deep" / "state.json").write_text("{}", encoding="utf-8")


def run_with_file_limit(num_bytes, body):
    """Run Python code in a process whose files cannot grow past a limit."""
    head = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({num_bytes},) * 2)\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_text_is_written_as_utf8_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new folder" / "page.html"
    atomic_write_text(path, "Grün 図 ✓\n")
    assert path.read_bytes() == "Grün 図 ✓\n".encode()
    assert names(path.parent) == ["page.html"]


def test_a_new_file_can_be_read_by_whoever_may_read_a_plain_one(tmp_path):
    (tmp_path / "plain").touch()
    atomic_write_bytes(tmp_path / "ours", b"x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    done = run_with_file_limit(
        1000,
        f"""
        from pathlib import Path
        from grit.errors import RunFolderError
        from grit.records.atomic import atomic_write_bytes
        try:
            atomic_write_bytes(Path({str(path)!r}), b"n" * 100_000)
        except RunFolderError as error:
            print("refused:", error)
        """,
    )
    assert "refused: cannot write the file" in done.stdout, done.stderr
    assert "MiB free" in done.stdout
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["page.html"]


def test_a_directory_appears_whole(tmp_path):
    path = tmp_path / "checkpoints" / "step-000010"
    seen_while_writing = []

    def writer(folder):
        write_two(folder)
        seen_while_writing.append(path.exists())

    write_directory(path, writer)
    assert seen_while_writing == [False]
    assert (path / "weights.bin").read_bytes() == b"new"
    assert names(path) == ["deep", "weights.bin"]
    assert names(path.parent) == ["step-000010"]


def test_a_directory_in_the_way_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "step").mkdir()
    with pytest.raises(CheckpointError, match="exists already"):
        write_directory(tmp_path / "step", lambda folder: pytest.fail("was called"))


def test_a_directory_in_the_way_gives_way_when_it_may(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "old.bin").write_bytes(b"old")
    write_directory(tmp_path / "best", write_two, replace=True)
    assert names(tmp_path / "best") == ["deep", "weights.bin"]
    assert names(tmp_path) == ["best"]


def test_a_full_disk_leaves_the_old_checkpoint_and_says_what_to_do(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "weights.bin").write_bytes(b"old")

    def writer(folder):
        (folder / "weights.bin").write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CheckpointError) as caught:
        write_directory(tmp_path / "best", writer, replace=True)
    message = str(caught.value)
    assert "No space left on device" in message
    assert "MiB free" in message
    assert "--resume" in message
    assert (tmp_path / "best" / "weights.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["best"]


def test_a_full_disk_met_inside_safetensors_is_told_the_same_way(tmp_path):
    """A true limit of the system, and a library that raises an error class of its own."""
    done = run_with_file_limit(
        50_000,
        f"""
        from pathlib import Path
        import numpy
        from safetensors.numpy import save_file
        from grit.errors import CheckpointError
        from grit.records.atomic import write_directory
        try:
            write_directory(
                Path({str(tmp_path)!r}) / "step",
                lambda folder: save_file({{"w": numpy.zeros(100_000)}}, folder / "w.safetensors"),
            )
        except CheckpointError as error:
            print("refused:", error)
        """,
    )
    assert "refused: cannot write the checkpoint" in done.stdout, done.stderr
    assert names(tmp_path) == []


def test_an_error_of_the_writer_passes_through_and_leaves_nothing(tmp_path):
    def writer(folder):
        write_two(folder)
        raise KeyError("weights")

    with pytest.raises(KeyError):
        write_directory(tmp_path / "step", writer)
    assert names(tmp_path) == []


def test_a_permission_error_is_not_called_a_full_disk(tmp_path):
    def writer(folder):
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        write_directory(tmp_path / "step", writer)


def test_an_error_of_ours_that_speaks_of_space_is_not_rewritten(tmp_path):
    def writer(folder):
        raise RunFolderError("No space left on device, said somebody")

    with pytest.raises(RunFolderError, match="somebody"):
        write_directory(tmp_path / "step", writer)


def test_a_killed_writer_leaves_only_what_remove_leftovers_takes_away(tmp_path):
    """The kill falls into the middle of a replacement: the old checkpoint must come back."""
    best = tmp_path / "best"
    best.mkdir()
    (best / "weights.bin").write_bytes(b"old")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                f"""
                import os
                from pathlib import Path
                from grit.records import atomic
                real, calls = Path.rename, []
                def rename(self, target):
                    calls.append(target)
                    if len(calls) == 2:
                        os._exit(9)
                    return real(self, target)
                Path.rename = rename
                atomic.write_directory(
                    Path({str(best)!r}), lambda folder: (folder / "w").write_bytes(b"new"),
                    replace=True,
                )
                """
            ),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert done.returncode == 9
    assert not best.exists()
    removed = remove_leftovers(tmp_path)
    assert len(removed) == 1
    assert names(tmp_path) == ["best"]
    assert (best / "weights.bin").read_bytes() == b"old"


def test_remove_leftovers_touches_no_finished_file(tmp_path):
    write_directory(tmp_path / "step", write_two)
    (tmp_path / ".hidden").touch()
    assert remove_leftovers(tmp_path) == []
    assert names(tmp_path) == [".hidden", "step"]
