"""`grit analyse correlation` over a run folder: rows kept, taken up again, and refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from grit.analysis.chains import Chain
from grit.analysis.scene_judge import SceneJudge
from grit.app.correlation import Named, correlate_into
from grit.cli.main import main
from grit.data.builtin import builtin_triplets
from grit.errors import DataError, RunFolderError
from grit.geometry.box import Box
from grit.geometry.spaces import Frame
from grit.records.analyses import CorrelationRow, CorrelationTable
from grit.records.files import read_json
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.traces.write import write_chain


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run")


@pytest.fixture
def named():
    chains = []
    for sample in builtin_triplets()[:6]:
        text = write_chain(
            [(box, None) for box in sample.boxes], Frame((336, 336)), "", sample.answer
        )
        chains.append(
            Chain(sample.id, sample.dataset, sample.image, (336, 336), text, sample.boxes)
        )
    return Named("grit-grounded", chains)


def test_rows_and_figures_are_kept_and_a_second_call_asks_nothing_again(folder, named):
    class Counting(SceneJudge):
        asked = 0

        async def choose(self, puzzles):
            self.asked += len(puzzles)
            return await super().choose(puzzles)

    judge = Counting()
    first = correlate_into(folder, named, judge)
    rows, table = folder.analysis("correlation", named.name)
    assert len(read_rows(rows, CorrelationRow).rows) == 6 * 3 * 2 == judge.asked
    assert read_json(table, CorrelationTable) == first
    # A call that was killed left one repeat half done.
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:21]))
    assert correlate_into(folder, named, judge, resume=True) == first
    assert judge.asked == 36 + 18
    assert correlate_into(folder, named, judge, resume=True) == first
    assert judge.asked == 36 + 18
    with pytest.raises(RunFolderError, match="--resume"):
        correlate_into(folder, named, judge)
    with pytest.raises(RunFolderError, match="seed 0 by scene"):
        correlate_into(folder, named, judge, seed=1, resume=True)


def test_a_chain_that_is_another_now_is_judged_again(folder, named):
    correlate_into(folder, named, SceneJudge())
    first = named.chains[0]
    moved = tuple(Box(b.x1 / 2, b.y1 / 2, b.x2 / 2, b.y2 / 2) for b in first.boxes)
    changed = Named(named.name, [replace(first, boxes=moved), *named.chains[1:]])
    resumed = correlate_into(folder, changed, SceneJudge(), resume=True)
    elsewhere = RunFolder.create(folder.path.with_name("other"))
    assert resumed == correlate_into(elsewhere, changed, SceneJudge())


def test_chains_without_any_box_are_an_error_that_counts_them(folder, named):
    bare = Named("x", [replace(chain, boxes=()) for chain in named.chains])
    with pytest.raises(DataError, match=r"no box in the chain \(6\)"):
        correlate_into(folder, bare, SceneJudge())


def test_the_command_takes_chains_that_people_wrote(folder, tmp_path, capsys):
    file = tmp_path / "human.jsonl"
    rows = [
        {"id": sample.id, "text": f"<think> {[list(map(int, b.as_tuple())) for b in sample.boxes]}"}
        for sample in builtin_triplets()
        if sample.boxes
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    argv = ["analyse", "correlation", str(folder.path), "--chains", str(file), "--data", "builtin"]
    assert main(argv) == 0
    assert "human" in capsys.readouterr().out
    assert main(["analyse", "correlation", str(folder.path)]) == 1
    assert "holds no evaluated chains" in capsys.readouterr().err
