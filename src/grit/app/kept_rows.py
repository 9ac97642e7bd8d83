"""Rows that stand in a file: whether they are kept, and go together with those to come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from grit.data.sample import Sample
from grit.errors import RunFolderError
from grit.evaluation.marking import NOT_JUDGED
from grit.records.jsonl_log import read_rows
from grit.records.rows import EvaluationRow, Row

__all__ = ["refuse_mixture", "standing_rows"]

RowT = TypeVar("RowT", bound=Row)


def standing_rows(path: Path, row_type: type[RowT], *, resume: bool, overwrite: bool) -> list[RowT]:
    """Rows of an analysis that are kept; an older file is removed where a flag says so.

    Raises:
        RunFolderError: If rows stand there and no flag is given, or a line cannot be read.
    """
    if overwrite:
        path.unlink(missing_ok=True)
    if not path.exists():
        return []
    if not resume:
        raise RunFolderError(
            f"{path} holds rows already; add --resume to go on, or --overwrite to begin anew"
        )
    return read_rows(path, row_type).rows


def refuse_mixture(
    path: Path,
    rows: Sequence[EvaluationRow],
    samples: Sequence[Sample],
    weights: str,
    limits: tuple[int, int],
    *,
    is_judging: bool,
) -> None:
    """Refuse rows that cannot be summed up together with those to come.

    Args:
        path: The file.
        rows: What stands in it.
        samples: What is asked for now.
        weights: The model's fingerprint.
        limits: Its pixel limits, (min, max).
        is_judging: Whether answers are judged now; predictions alone then give no figures.

    Raises:
        RunFolderError: If rows are of other weights or pixel limits, answer another question under
            the id of one of the samples, or have not been judged.
    """
    _refuse_other_weights(path, rows, weights)
    _refuse_other_limits(path, rows, limits)
    _refuse_other_questions(path, rows, samples)
    if is_judging and any(row.score is None and row.reason == NOT_JUDGED for row in rows):
        raise RunFolderError(
            f"{path} holds predictions that were not judged; ask the rest with --predict-only "
            f"--resume, then judge all with grit eval --rescore {path}"
        )


def _refuse_other_weights(path: Path, rows: Sequence[EvaluationRow], weights: str) -> None:
    others = {row.weights for row in rows} - {weights, None}
    if others:
        raise RunFolderError(
            f"{path} holds rows of other weights ({', '.join(sorted(map(str, others)))}; these are "
            f"{weights}); name this model with --label, or ask everything again with --overwrite"
        )


def _refuse_other_limits(
    path: Path, rows: Sequence[EvaluationRow], limits: tuple[int, int]
) -> None:
    for row in rows:
        theirs = (row.min_pixels, row.max_pixels)
        if theirs not in (limits, (None, None)):
            raise RunFolderError(
                f"{path} holds answers to pictures of {theirs[0]} to {theirs[1]} pixels, and these "
                f"would be of {limits[0]} to {limits[1]}; give the same --min-pixels and "
                "--max-pixels, another --label, or --overwrite"
            )


def _refuse_other_questions(
    path: Path, rows: Sequence[EvaluationRow], samples: Sequence[Sample]
) -> None:
    """An id may be no more than a line number, which another file has too."""
    wanted = {sample.id: sample for sample in samples}
    for row in rows:
        sample = wanted.get(row.sample_id)
        if sample is None or (sample.question, sample.answer) == (row.question, row.reference):
            continue
        raise RunFolderError(
            f"{path} holds an answer to another question of the id {row.sample_id}: "
            f"{row.question!r} ({row.reference}), now {sample.question!r} ({sample.answer}); the "
            "data has changed: name another --label or --output, or ask everything again with "
            "--overwrite"
        )
