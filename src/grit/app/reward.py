"""What `grit reward` does: score completions that a user has at hand, and say why. Torch-free.

A row of the JSONL file needs ``completion`` and ``answer``; ``question``, ``count``, ``dataset``,
``id`` and the picture's size (``width`` and ``height``, or ``image_size``) are read where they are
there. No picture is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from grit.config.rewards import RewardsConfig
from grit.data.finding import Finding, FindingKind, error_of, shown
from grit.data.jsonl import scan_objects
from grit.data.rows import RowReader
from grit.data.sample import Sample
from grit.errors import DataError
from grit.geometry.box import Box
from grit.geometry.spaces import Frame
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Judge
from grit.rewards.judging import judge_and_score
from grit.rewards.presets import build_rubric
from grit.rewards.rubric import ScoredRow
from grit.traces.parse import parse_trace
from grit.traces.trace import Fault, Trace

__all__ = [
    "ComponentReport",
    "GivenCompletion",
    "RewardReport",
    "given_completion",
    "read_completions",
    "score_completions",
]

_SIZE_UNKNOWN = (2**31, 2**31)
"""Stands for a picture whose size nobody told: no box can lie outside of it."""

_NO_QUESTION = "(no question)"
_NO_PICTURE = "(no picture)"


@dataclass(frozen=True, slots=True)
class GivenCompletion:
    """A completion from outside, and what it is held against.

    Args:
        place: Where it came from, for people.
        text: The completion.
        sample: The question and what is true.
    """

    place: str
    text: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """What one reward paid.

    Args:
        value: Before its weight; None when unscored or not applicable.
        weight: What the value is multiplied with.
        reason: Why.
        parts: Named pieces of the value.
        applies: False when the reward has nothing to say about the sample.
    """

    value: float | None
    weight: float
    reason: str
    parts: dict[str, float]
    applies: bool = True


@dataclass(frozen=True, slots=True)
class RewardReport:
    """What a completion earned, component by component.

    Args:
        given: The completion.
        total: Weighted sum; None when unscored.
        components: By name, in the rubric's order.
        answer: The answer as it was read; None when there is none.
        boxes: Distinct boxes of the reasoning, in the pixels that the completion speaks of.
        faults: What is wrong with the trace.
    """

    given: GivenCompletion
    total: float | None
    components: dict[str, ComponentReport]
    answer: str | None
    boxes: tuple[Box, ...]
    faults: tuple[Fault, ...]

    def as_json(self) -> dict[str, Any]:
        """The report for machines: total, components, answer, boxes (xyxy) and faults."""
        components = {name: asdict(component) for name, component in self.components.items()}
        for component in components.values():
            del component["applies"]
        return {
            "total": self.total,
            "components": components,
            "answer": self.answer,
            "boxes": [list(box.as_tuple()) for box in self.boxes],
            "faults": [
                {
                    "kind": str(fault.kind),
                    "start": fault.span.start,
                    "end": fault.span.end,
                    "detail": fault.detail,
                }
                for fault in self.faults
            ],
        }


def given_completion(
    text: str,
    *,
    answer: str,
    question: str = "",
    count: int | None = None,
    image_size: tuple[int, int] | None = None,
) -> GivenCompletion:
    """A completion given by hand.

    Args:
        text: The completion.
        answer: The true answer.
        question: The question alone.
        count: True count, for a counting question.
        image_size: (width, height) of the picture in pixels; None leaves it open, and no box lies
            outside.

    Raises:
        DataError: If the answer is empty, the count negative or the size no size.
    """
    if not answer.strip():
        raise DataError(f"the true answer {answer!r} is empty; give the right answer with --answer")
    if count is not None and count < 0:
        raise DataError(f"a true count of {count} cannot be drawn; give 0 or more with --count")
    if image_size is not None and min(image_size) < 1:
        raise DataError(f"{image_size} is no size in pixels; give width and height above 0")
    sample = Sample(
        "given", Path(_NO_PICTURE), question, answer, "given", image_size=image_size, count=count
    )
    return GivenCompletion("the completion", text, sample)


def read_completions(path: Path) -> list[GivenCompletion]:
    """Read a JSONL file of completions with their true answers.

    Raises:
        DataError: If the file cannot be read or holds no row, or a row is wrong: names file, line,
            value and fix.
    """
    given: list[GivenCompletion] = []
    faults: list[Finding] = []
    num_faults = 0
    for line, row, findings in scan_objects(path):
        found = list(findings)
        if row is not None:
            read = _read_row(row, path, line, found)
            if read is not None:
                given.append(read)
        num_faults += len(found)
        faults += found[: max(0, 10 - len(faults))]
    if faults:
        raise error_of(faults, num_faults)
    if not given:
        raise DataError(f"{path} holds no rows; write one object with completion and answer a line")
    return given


def score_completions(
    given: Sequence[GivenCompletion],
    config: RewardsConfig | None = None,
    *,
    judge: Judge | None = None,
    threshold: float = 0.5,
) -> list[RewardReport]:
    """Score completions, one report each, in order.

    Args:
        given: The completions.
        config: Preset, weights and own rewards; None is the paper's preset.
        judge: Who decides on answers; None is the rules judge.
        threshold: Judge's score from which an answer is right.

    Raises:
        ConfigError: If the config names an unknown component.
        RewardError: If a reward cannot be loaded or breaks its protocol.
    """
    rubric = build_rubric(config or RewardsConfig(), threshold=threshold)
    traces = [parse_trace(one.text, Frame(one.sample.image_size or _SIZE_UNKNOWN)) for one in given]
    samples = [one.sample for one in given]
    scored = asyncio.run(judge_and_score(judge or RulesJudge(), rubric, traces, samples))
    return [_report(*parts) for parts in zip(given, traces, scored, strict=True)]


def _report(given: GivenCompletion, trace: Trace, scored: ScoredRow) -> RewardReport:
    components = {
        name: ComponentReport(
            score.value, scored.weights[name], score.reason, dict(score.parts), score.applies
        )
        for name, score in scored.components.items()
    }
    return RewardReport(given, scored.total, components, trace.answer, trace.boxes, trace.faults)


def _read_row(
    row: dict[str, Any], path: Path, line: int, found: list[Finding]
) -> GivenCompletion | None:
    """One row; what is wrong with it goes into ``found``."""
    fix = "every row needs completion, a text, and answer, what is true"
    for key in ("completion", "answer"):
        if row.get(key) is None:
            keys = f"keys {', '.join(row) or 'none'}"[:120]
            kind = FindingKind.MISSING_KEY
            found.append(Finding(path, line, kind, f"key '{key}' is missing", keys, fix))
    text = row.get("completion")
    if text is not None and not isinstance(text, str):
        kind, problem = FindingKind.WRONG_TYPE, "completion is no text"
        found.append(Finding(path, line, kind, problem, shown(text), "write it quoted"))
    filled: dict[str, Any] = {"question": _NO_QUESTION, "image": _NO_PICTURE} | row
    filled["question"] = row.get("question") or _NO_QUESTION
    if "image_size" in row and row["image_size"] is not None:
        filled["width"], filled["height"] = _pair(row["image_size"])
    reader = RowReader(filled, path, line)
    sample = reader.read()
    if row.get("answer") is not None:
        found += reader.findings
    if found or sample is None or not isinstance(text, str):
        return None
    return GivenCompletion(f"{path}:{line}", text, sample)


def _pair(value: object) -> tuple[object, object]:
    """Width and height of ``image_size``; what is no pair is left for the reader to refuse."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return (items[0], items[1]) if len(items) == 2 else (value, value)
