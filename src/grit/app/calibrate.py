"""What `grit judge calibrate` does: how far a judge agrees with labels, or with another judge.

A row of the JSONL file needs ``question``, ``reference`` and ``prediction`` (or ``answer``, as the
rows of ``grit eval`` call it), and, to be held against, ``label`` or ``score``: 0 to 1, or true or
false. ``dataset`` (or ``task``), ``choices``, ``answer_type``, ``precision`` and ``unit`` are read
where they are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grit.data.finding import Finding, FindingKind, error_of, shown
from grit.data.jsonl import scan_objects
from grit.data.sample import Sample
from grit.errors import DataError, RewardError
from grit.judges.verdict import Judge, JudgeRequest, Verdict
from grit.statistics.agreement import Kappa, cohens_kappa, confusion
from grit.statistics.intervals import Interval, wilson_interval

__all__ = [
    "Agreement",
    "Calibration",
    "Difference",
    "LabelledRow",
    "calibrate",
    "read_labelled_rows",
]

LABELS = "labels"
"""What a judge is held against where no second judge is named."""

_AT_ONCE = 64
_SHAPE = ("choices", "answer_type", "precision", "unit")


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One predicted answer, and what somebody said of it.

    Args:
        line: Its line in the file, from 1.
        request: What a judge is asked.
        label: 0 for wrong to 1 for right; None where nobody said.
    """

    line: int
    request: JudgeRequest
    label: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that the two sides see differently.

    Args:
        line: Its line in the file.
        question: The question.
        reference: The true answer.
        prediction: The answer that was judged.
        ours: The judge's score.
        theirs: The other side's.
        judge: Who decided, the rule's name included.
        reason: The judge's reason.
        sure: False where rules alone could not tell.
    """

    line: int
    question: str
    reference: str
    prediction: str | None
    ours: float
    theirs: float
    judge: str
    reason: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement over some rows, right and wrong told apart at the threshold.

    Args:
        num_rows: Rows that both sides scored.
        num_agreed: Rows on which they agree.
        accuracy: Share of these; None without rows.
        interval: Wilson's 95% interval of the share.
        kappa: Cohen's kappa with its 95% interval; None where it is not defined.
        confusion: ((both wrong, wrong but theirs right), (right but theirs wrong, both right)).
    """

    num_rows: int
    num_agreed: int
    accuracy: float | None
    interval: Interval
    kappa: Kappa | None
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a judge stands to what it was held against.

    Args:
        judge: Its name.
        against: The other judge's name, or ``labels``.
        threshold: Score from which an answer counts as right, on both sides.
        overall: Every row that both sides scored.
        sure: Those of them of which the judge was sure; for a chat judge all.
        by_dataset: ``overall`` for each data set, in order of appearance.
        num_unscored: Rows that one side or the other failed to score.
        differences: Rows on which the sides differ, in order.
    """

    judge: str
    against: str
    threshold: float
    overall: Agreement
    sure: Agreement
    by_dataset: dict[str, Agreement]
    num_unscored: int
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for machines, keys as the fields are called."""
        return asdict(self)


def read_labelled_rows(path: Path, *, needs_label: bool = True) -> list[LabelledRow]:
    """Read a file of predicted answers.

    Args:
        path: The JSONL file.
        needs_label: Whether a row without a label is an error.

    Raises:
        DataError: If the file cannot be read or holds no row, or a row is wrong: names file, line,
            value and fix.
    """
    rows: list[LabelledRow] = []
    faults: list[Finding] = []
    num_faults = 0
    for line, values, findings in scan_objects(path):
        found = list(findings)
        if values is not None:
            rows.append(_read_row(values, path, line, found, needs_label=needs_label))
        num_faults += len(found)
        faults += found[: max(0, 10 - len(faults))]
    if faults:
        raise error_of(faults, num_faults)
    if not rows:
        raise DataError(f"{path} holds no rows; write one object a line, with a label each")
    return rows


def calibrate(
    rows: Sequence[LabelledRow],
    judge: Judge,
    *,
    other: Judge | None = None,
    threshold: float = 0.5,
    on_rows: Callable[[int], object] = lambda _: None,
) -> Calibration:
    """Ask a judge about every row and hold its verdicts against labels, or another judge's.

    Args:
        rows: Predicted answers; each has a label where ``other`` is None.
        judge: Who is examined.
        other: Who it is held against; None for the labels.
        threshold: Score from which an answer is right.
        on_rows: Told how many rows were judged, now and then.

    Raises:
        RewardError: If a judge breaks its protocol.
    """
    ours: list[Verdict] = []
    theirs: list[float | None] = []
    for first in range(0, len(rows), _AT_ONCE):
        batch = rows[first : first + _AT_ONCE]
        ours += _ask(judge, batch)
        if other is None:
            theirs += [row.label for row in batch]
        else:
            theirs += [verdict.score for verdict in _ask(other, batch)]
        on_rows(len(batch))
    both = [
        (row, verdict, verdict.score, label)
        for row, verdict, label in zip(rows, ours, theirs, strict=True)
        if verdict.score is not None and label is not None
    ]
    marks = [(row, verdict, a >= threshold, b >= threshold) for row, verdict, a, b in both]
    datasets = dict.fromkeys(row.request.dataset for row, *_ in marks)
    return Calibration(
        judge=judge.name,
        against=LABELS if other is None else other.name,
        threshold=threshold,
        overall=_agreement([(a, b) for _, _, a, b in marks]),
        sure=_agreement([(a, b) for _, verdict, a, b in marks if verdict.sure]),
        by_dataset={
            name: _agreement([(a, b) for row, _, a, b in marks if row.request.dataset == name])
            for name in datasets
        },
        num_unscored=len(rows) - len(both),
        differences=tuple(
            Difference(
                row.line,
                row.request.question,
                row.request.reference,
                row.request.prediction,
                score,
                label,
                verdict.judge,
                verdict.reason,
                verdict.sure,
            )
            for row, verdict, score, label in both
            if (score >= threshold) != (label >= threshold)
        ),
    )


def _ask(judge: Judge, rows: Sequence[LabelledRow]) -> list[Verdict]:
    verdicts = asyncio.run(judge.judge([row.request for row in rows]))
    if len(verdicts) != len(rows):
        raise RewardError(
            f"judge {judge.name} gave {len(verdicts)} verdicts for {len(rows)} rows; a judge "
            "returns one per request, unscored where it fails"
        )
    return verdicts


def _agreement(pairs: Sequence[tuple[bool, bool]]) -> Agreement:
    table = confusion([a for a, _ in pairs], [b for _, b in pairs], [False, True])
    agreed = table[0][0] + table[1][1]
    return Agreement(
        num_rows=len(pairs),
        num_agreed=agreed,
        accuracy=agreed / len(pairs) if pairs else None,
        interval=wilson_interval(agreed, len(pairs)),
        kappa=cohens_kappa(table),
        confusion=table,
    )


def _read_row(
    row: dict[str, Any], path: Path, line: int, found: list[Finding], *, needs_label: bool
) -> LabelledRow:
    """One row; what is wrong with it goes into ``found``."""
    key = "prediction" if "prediction" in row or "answer" not in row else "answer"
    for name in ("question", "reference", key):
        value = row.get(name)
        if name not in row:
            fix = "every row needs question, reference, prediction and label"
            kind = FindingKind.MISSING_KEY
            found.append(Finding(path, line, kind, f"key '{name}' is missing", "", fix))
        elif not isinstance(value, str) and not (name == key and value is None):
            kind, problem = FindingKind.WRONG_TYPE, f"{name} is no text"
            found.append(Finding(path, line, kind, problem, shown(value), "write it quoted"))
    label = row.get("label", row.get("score"))
    score = float(label) if isinstance(label, int | float) and 0 <= label <= 1 else None
    if score is None and (needs_label or label is not None):
        kind = FindingKind.MISSING_KEY if label is None else FindingKind.WRONG_TYPE
        problem = "there is no label" if label is None else "the label is no number from 0 to 1"
        value = "" if label is None else shown(label)
        fix = "write label: 1 for right, 0 for wrong"
        found.append(Finding(path, line, kind, problem, value, fix))
    texts = [value if isinstance(value := row.get(name), str) else "" for name in _TEXTS]
    sample = Sample(
        str(line),
        path,
        texts[0],
        texts[1],
        texts[2] or texts[3],
        extra={name: row[name] for name in _SHAPE if name in row},
    )
    prediction = row.get(key)
    request = JudgeRequest.about(sample, prediction if isinstance(prediction, str) else None)
    return LabelledRow(line, request, score)


_TEXTS = ("question", "reference", "dataset", "task")
