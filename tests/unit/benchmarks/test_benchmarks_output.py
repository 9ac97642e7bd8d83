"""Where figures go: JSON and Markdown, with date, machine and commit; and who takes turns."""

from __future__ import annotations

import argparse
import json

import timing
from output import as_table, write


def test_figures_go_to_screen_json_and_markdown_with_their_machine(tmp_path, capsys):
    chosen = argparse.Namespace(json=tmp_path / "out.json", results=tmp_path / "results")
    text = as_table(("what", "ratio"), [("decoding", 1.2345)])
    write("part", [{"ratio": 1.2345}], text, chosen)
    assert json.loads(chosen.json.read_text()) == {"rows": [{"ratio": 1.2345}]}
    (path,) = chosen.results.iterdir()
    head, _, table = path.read_text().partition("\n\n")
    assert path.name.startswith("part-20")
    assert "cores" in head
    assert "commit" in head
    assert table.strip() == text == capsys.readouterr().out.strip()
    assert text.splitlines()[-1] == "| decoding | 1.23 |"


def test_ways_take_turns_and_the_first_turn_is_thrown_away():
    said = []

    def way(name):
        def turn():
            said.append(name)
            return float(len(said))

        return turn

    found = timing.take_turns({"ours": way("a"), "theirs": way("b")}, rounds=3)
    assert said == ["a", "b"] * 4
    assert found == {"ours": [3.0, 5.0, 7.0], "theirs": [4.0, 6.0, 8.0]}


def test_the_median_is_taken_of_each_clock_by_itself():
    turns = [timing.Spent(3.0, 1.0), timing.Spent(1.0, 5.0), timing.Spent(2.0, 2.0)]
    assert timing.median_spent(turns) == timing.Spent(2.0, 2.0)


def test_memory_of_this_process_and_its_peak_since_the_last_reset():
    before = timing.reset_peak()
    held = bytearray(64 * 2**20)
    assert timing.resident_bytes() - before > 60 * 2**20
    del held
    assert timing.peak_bytes() - before > 60 * 2**20
    after = timing.reset_peak()
    assert timing.peak_bytes() - after < 10 * 2**20
