"""The cache of replies: shared by processes, kept through kills, and careful with others' files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from grit.errors import JudgeError
from grit.judges.cache import CachedReply, ReplyCache, read_only


def reply(number, score: float | None = 1.0):
    return CachedReply(
        f"key {number}", f"2026-01-{number % 28 + 1:02d}", "s", "m", "grit/1", "q", "r",
        f"p{number}", "{}", "[]", "Score: 1", "text", "stop", score, 10, 2,
    )  # fmt: skip


def test_what_was_put_is_found_by_its_key_alone(tmp_path):
    with ReplyCache(tmp_path / "a" / "cache.sqlite") as cache:
        for number in range(1200):
            cache.put(reply(number))
        found = cache.get([f"key {number}" for number in range(0, 2400, 2)])
    assert found == {f"key {number}": reply(number) for number in range(0, 1200, 2)}


@pytest.mark.parametrize("size", [50, 4096, 9000])
def test_a_torn_file_is_refused_and_left_as_it_was(tmp_path, size):
    path = tmp_path / "cache.sqlite"
    with ReplyCache(path) as cache:
        for number in range(200):
            cache.put(reply(number))
    torn = path.read_bytes()[:size]
    path.write_bytes(torn)
    with pytest.raises(JudgeError, match=r"torn and is left as it is.*judge\.cache"):
        ReplyCache(path)
    assert path.read_bytes() == torn


def test_a_damaged_page_is_refused_and_left_as_it_was(tmp_path):
    path = tmp_path / "cache.sqlite"
    with ReplyCache(path) as cache:
        for number in range(200):
            cache.put(reply(number))
    content = bytearray(path.read_bytes())
    content[8192:8300] = b"\xff" * 108
    path.write_bytes(content)
    with pytest.raises(JudgeError, match="torn"):
        ReplyCache(path)
    assert path.read_bytes() == bytes(content)


def test_another_programs_file_is_refused_and_left_as_it_was(tmp_path):
    database, text = tmp_path / "other.sqlite", tmp_path / "notes.txt"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    text.write_text("shopping: milk\n" * 20, encoding="utf-8")
    for path in (database, text):
        before = path.read_bytes()
        with pytest.raises(JudgeError, match="no cache of grit and is left as it is"):
            ReplyCache(path)
        assert path.read_bytes() == before


def test_several_processes_write_into_one_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    code = (
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from test_judges_cache import reply; from grit.judges.cache import ReplyCache\n"
        "with ReplyCache(Path(sys.argv[1])) as cache:\n"
        "    for n in range(100): cache.put(reply(int(sys.argv[2]) * 50 + n))\n"
    )
    here = str(__file__).rpartition("/")[0]
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n), here]) for n in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    with read_only(path) as rows:
        assert len({row.key for row in rows}) == 200


def test_a_full_disk_is_met_when_the_cache_is_opened(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from grit.judges.cache import ReplyCache; from grit.errors import JudgeError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "try: ReplyCache(Path(sys.argv[1]))\n"
        "except JudgeError as error: print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache.sqlite")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "cannot be used" in said


def test_pruning_takes_what_all_conditions_hold_for(tmp_path):
    with ReplyCache(tmp_path / "cache.sqlite") as cache:
        for number in range(28):
            cache.put(reply(number, None if number % 2 else 1.0))
        assert cache.prune(unreadable=True, before="2026-01-15") == 7
        assert len(list(cache.rows())) == 21
