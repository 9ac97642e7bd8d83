"""Rows that were kept, judged again: `grit eval --rescore FILE`. No model is loaded."""

from __future__ import annotations

from pathlib import Path

from grit.app.evaluate import Evaluation, EvaluationProgress, keep_figures
from grit.config.judge import RulesJudgeConfig
from grit.data.builtin import TRAINING_TASKS
from grit.errors import RunFolderError
from grit.evaluation.marking import judge_predictions
from grit.evaluation.summary import summarise_rows
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Judge
from grit.records.atomic import atomic_write_bytes
from grit.records.folder import RunFolder
from grit.records.jsonl_log import append_superseded, read_rows
from grit.records.rows import EvaluationRow

__all__ = ["rescore_file"]

_AT_ONCE = 256
_RULES = RulesJudge()


def rescore_file(
    path: Path,
    *,
    bar: EvaluationProgress,
    judge: Judge = _RULES,
    threshold: float = RulesJudgeConfig().threshold,
) -> Evaluation:
    """Read and judge every row of a file again; the model is not asked.

    The file takes the new marks. The rows as they were go to its ``.superseded.jsonl``, where any
    differ. Where the file lies in a run folder, its figures are renewed, too.

    Args:
        path: Rows that ``grit eval`` wrote, with ``--predict-only`` or without.
        bar: Draws the progress.
        judge: Who says what is right.
        threshold: Raw score from which an answer counts as right.

    Raises:
        RunFolderError: If there are no rows, a line cannot be read, or rows are of two models.
    """
    read = read_rows(path, EvaluationRow)
    if read.torn is not None or not read.rows:
        raise RunFolderError(
            f"{path} {'ends in a torn line' if read.rows else 'holds no whole row'}; finish it "
            "with grit eval --resume first"
        )
    _refuse_several(path, read.rows)
    rows: list[EvaluationRow] = []
    with bar(f"judging {path.stem}", len(read.rows)) as on_rows:
        for first in range(0, len(read.rows), _AT_ONCE):
            batch = read.rows[first : first + _AT_ONCE]
            rows += judge_predictions(batch, judge, threshold=threshold)
            on_rows(len(batch))
    if rows != read.rows:
        append_superseded(path, path.read_bytes())
        atomic_write_bytes(path, "".join(f"{r.model_dump_json()}\n" for r in rows).encode())
    summaries = tuple(summarise_rows(rows, training_tasks=TRAINING_TASKS))
    run = RunFolder(path.absolute().parent.parent)
    if run.holds_run and path.absolute().parent == run.evaluations:
        keep_figures(run, summaries)
    return Evaluation(path, tuple(rows), summaries)


def _refuse_several(path: Path, rows: list[EvaluationRow]) -> None:
    kinds = {(row.model, row.mode, row.step) for row in rows}
    repeated = len(rows) - len({row.sample_id for row in rows})
    if len(kinds) > 1 or repeated:
        what = f"{repeated} samples twice" if repeated else f"rows of {len(kinds)} evaluations"
        raise RunFolderError(f"{path} holds {what}; give files as grit eval wrote them")
    if any(len(row.tokens) != row.num_tokens for row in rows):
        # Such rows do not say in which space the model writes: their boxes would be misread.
        raise RunFolderError(
            f"{path} was written by an older grit, which kept too little to judge by; ask the "
            "model again with grit eval --overwrite"
        )
