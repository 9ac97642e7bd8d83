"""`grit analyse faithfulness` on the built-in model: rows kept, taken up again, and refused."""

from __future__ import annotations

import pytest
from true_rows import true_rows

from grit.app.faithfulness import run_faithfulness
from grit.cli.analyse import faithfulness_table
from grit.cli.demo import no_bar
from grit.cli.main import main
from grit.config.evaluation import EvaluationConfig
from grit.errors import RunFolderError
from grit.records.analyses import FaithfulnessRow, FaithfulnessTable
from grit.records.files import read_json
from grit.records.jsonl_log import read_rows

CONFIG = EvaluationConfig(max_new_tokens=40, batch_size=5)


def test_chains_are_examined_taken_up_again_and_refused(tmp_path):
    chains = true_rows(tmp_path / "run")
    table = run_faithfulness(chains, CONFIG, no_bar)
    rows_path, table_path = chains.folder.analysis("faithfulness", "true-grounded")
    rows = read_rows(rows_path, FaithfulnessRow).rows
    bare = sum(not row.boxes for row in chains.rows)
    assert table.left_out == {"no box in the chain": bare}
    assert len(rows) == len(chains.rows) - bare == table.figures[-1].n
    assert read_json(table_path, FaithfulnessTable) == table
    assert faithfulness_table(table).row_count == 6 * len(table.figures)
    for row in rows:
        blank = row.outcome("blank_cited")
        for ours, cited in zip(blank.regions, row.cited, strict=True):
            assert ours == pytest.approx(cited)
    with pytest.raises(RunFolderError, match="--resume"):
        run_faithfulness(chains, CONFIG, no_bar)
    # A call that was killed left a row out.
    lines = rows_path.read_text().splitlines(keepends=True)
    rows_path.write_text("".join(lines[:-1]))
    again = run_faithfulness(chains, CONFIG, no_bar, resume=True)
    # Batches are others, and so are the last bits of log-probabilities.
    for ours, first in zip(again.figures, table.figures, strict=True):
        assert (ours.task, ours.n) == (first.task, first.n)
        assert [e.flips for e in ours.effects] == [e.flips for e in first.effects]
        assert [e.drop for e in ours.effects] == pytest.approx(
            [e.drop for e in first.effects], abs=1e-4
        )
    with pytest.raises(RunFolderError, match="rows of seed 0"):
        run_faithfulness(chains, CONFIG, no_bar, resume=True, seed=1)


def test_rows_without_a_folder_are_an_error_before_the_model_is_loaded(capsys):
    assert main(["analyse", "faithfulness", "builtin"]) == 2
    assert "--output FOLDER" in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded_leaves_no_folder_behind(tmp_path, capsys):
    model, output = str(tmp_path / "none"), tmp_path / "out"
    assert main(["analyse", "faithfulness", model, "--output", str(output)]) != 0
    assert "none" in capsys.readouterr().err
    assert not output.exists()
