"""`grit analyse faithfulness`: a model's chains, and what its answers rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from grit.analysis.effects import faithfulness_figures
from grit.analysis.faithfulness import examine, reasons_against
from grit.analysis.interventions import Case
from grit.app.chains import Chains, case_of, reasoner_of
from grit.app.evaluate import EvaluationProgress
from grit.app.kept_rows import standing_rows
from grit.config.evaluation import EvaluationConfig
from grit.errors import DataError, RunFolderError
from grit.records.analyses import FaithfulnessRow, FaithfulnessTable
from grit.records.files import write_json
from grit.records.jsonl_log import JsonlLog

__all__ = ["run_faithfulness"]


def run_faithfulness(
    chains: Chains,
    config: EvaluationConfig,
    bar: EvaluationProgress,
    *,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
) -> FaithfulnessTable:
    """Do everything to every chain that has boxes and an answer; keep rows and figures.

    Args:
        chains: Whose.
        config: Longest continuation and batch size.
        bar: Draws the progress.
        seed: Of random regions and coordinates.
        resume: Keep the rows that stand there and examine only what is missing.
        overwrite: Examine everything again.

    Raises:
        DataError: If no chain can be examined.
        RunFolderError: If rows stand there and no flag is given, or rows of another seed.
    """
    rows_path, table_path = chains.folder.analysis("faithfulness", chains.name)
    done = standing_rows(rows_path, FaithfulnessRow, resume=resume, overwrite=overwrite)
    if {row.seed for row in done} - {seed}:
        raise RunFolderError(
            f"{rows_path} holds rows of seed {done[0].seed}, and this is {seed}; give that seed, "
            "or --overwrite"
        )
    # A chain that is another now (the model was trained on) is looked into again.
    texts = {row.sample_id: row.text for row in chains.rows}
    known = {row.sample_id: row for row in done if texts.get(row.sample_id) == row.text}
    left_out: dict[str, int] = {}
    with (
        bar(f"faithfulness, {chains.name}", len(chains.rows)) as on_rows,
        JsonlLog(rows_path, FaithfulnessRow) as log,
    ):
        for fresh in _examined(chains, config, set(known), seed, left_out, on_rows):
            log.extend(fresh)
            known |= {row.sample_id: row for row in fresh}
    rows = [known[row.sample_id] for row in chains.rows if row.sample_id in known]
    if not rows:
        reasons = ", ".join(f"{reason} ({number})" for reason, number in left_out.items())
        raise DataError(f"no chain of {chains.name} can be examined: {reasons}")
    table = FaithfulnessTable(
        source=chains.name,
        seed=seed,
        figures=tuple(faithfulness_figures(rows)),
        left_out=left_out,
    )
    write_json(table_path, table)
    return table


def _examined(
    chains: Chains,
    config: EvaluationConfig,
    known: set[str],
    seed: int,
    left_out: dict[str, int],
    on_rows: Callable[[int], None],
) -> Iterator[list[FaithfulnessRow]]:
    """Rows of the chains that are not known yet, batch by batch, so that few pictures are open."""
    reasoner = reasoner_of(chains, config)
    for first in range(0, len(chains.rows), config.batch_size):
        batch = chains.rows[first : first + config.batch_size]
        cases = [case_of(chains, row) for row in batch]
        wanted = _examinable(cases, left_out)
        wanted = [case for case in wanted if case.sample.id not in known]
        yield from examine(
            wanted, reasoner, model=chains.name, seed=seed, batch_size=config.batch_size
        )
        on_rows(len(batch))


def _examinable(cases: Sequence[Case], left_out: dict[str, int]) -> list[Case]:
    kept: list[Case] = []
    for case in cases:
        reason = reasons_against(case)
        if reason is None:
            kept.append(case)
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    return kept
