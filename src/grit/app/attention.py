"""`grit analyse attention`: how much a model looks at the picture after grounding."""

from __future__ import annotations

from collections.abc import Sequence

from grit.analysis.attention import Watcher, reasons_against_splitting, watch
from grit.analysis.attention_figures import by_layer, by_token, mean_difference
from grit.app.chains import Chains, case_of, reasoner_of
from grit.app.evaluate import EvaluationProgress
from grit.app.kept_rows import standing_rows
from grit.config.evaluation import EvaluationConfig
from grit.errors import DataError
from grit.policy.policy import Policy
from grit.records.analyses import AttentionRow, AttentionTable
from grit.records.files import write_json
from grit.records.jsonl_log import JsonlLog

__all__ = ["run_attention"]


def run_attention(
    chains: Chains,
    config: EvaluationConfig,
    bar: EvaluationProgress,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> AttentionTable:
    """Watch every chain that has boxes before ``<rethink>``; keep rows and figures.

    Args:
        chains: Whose.
        config: Longest continuation.
        bar: Draws the progress.
        resume: Keep the rows that stand there and watch only what is missing.
        overwrite: Watch everything again.

    Raises:
        DataError: If no chain can be watched.
        RunFolderError: If rows stand there and no flag is given.
    """
    rows_path, table_path = chains.folder.analysis("attention", chains.name)
    done = standing_rows(rows_path, AttentionRow, resume=resume, overwrite=overwrite)
    texts = {row.sample_id: row.text for row in chains.rows}
    known = {row.sample_id: row for row in done if texts.get(row.sample_id) == row.text}
    left_out: dict[str, int] = {}
    watcher = Watcher(Policy(chains.model), chains.mode)
    reasoner = reasoner_of(chains, config)
    with (
        bar(f"attention, {chains.name}", len(chains.rows)) as on_rows,
        JsonlLog(rows_path, AttentionRow) as log,
    ):
        for row in chains.rows:
            case = case_of(chains, row)
            reason = reasons_against_splitting(case)
            if reason is not None:
                left_out[reason] = left_out.get(reason, 0) + 1
            elif row.sample_id not in known:
                for fresh in watch([case], watcher, reasoner, model=chains.name):
                    log.append(fresh)
                    known[row.sample_id] = fresh
            on_rows(1)
    rows = [known[row.sample_id] for row in chains.rows if row.sample_id in known]
    if not rows:
        reasons = ", ".join(f"{reason} ({number})" for reason, number in left_out.items())
        raise DataError(f"no chain of {chains.name} can be watched: {reasons}")
    table = _table(chains.name, rows, left_out)
    write_json(table_path, table)
    return table


def _table(name: str, rows: Sequence[AttentionRow], left_out: dict[str, int]) -> AttentionTable:
    return AttentionTable(
        source=name,
        by_token={
            "original": tuple(by_token(rows, "original")),
            "box_free": tuple(by_token(rows, "box_free")),
        },
        by_layer={
            "original": tuple(by_layer(rows, "original")),
            "box_free": tuple(by_layer(rows, "box_free")),
        },
        difference=mean_difference(rows),
        left_out=left_out,
    )
