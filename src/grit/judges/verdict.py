"""What a judge says, and the seam behind which every judge stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from grit.data.sample import Sample

__all__ = ["Judge", "JudgeRequest", "Verdict"]


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One predicted answer to be held against the true one.

    Args:
        question: The question alone, without our prompt suffix.
        reference: The true answer.
        prediction: The predicted answer; None when the completion has none.
        dataset: Name of the set the sample comes from, for rules that differ by set.
        choices: What a multiple-choice question lists, in order; empty for any other question.
        answer_type: ``text``, ``integer``, ``float`` or ``list``, as MathVista has it; empty where
            nobody says.
        precision: Decimal places to which a ``float`` is held against the reference.
        unit: What a number without a unit is meant in.
        pictures: Files that a chat judge is shown beside the text.
    """

    question: str
    reference: str
    prediction: str | None
    dataset: str = ""
    choices: tuple[str, ...] = ()
    answer_type: str = ""
    precision: int | None = None
    unit: str = ""
    pictures: tuple[Path, ...] = ()

    @classmethod
    def about(cls, sample: Sample, prediction: str | None) -> JudgeRequest:
        """The request for one answer to a sample.

        ``choices``, ``answer_type``, ``precision`` and ``unit`` are read from ``Sample.extra``
        where they have the form that they should; anything else there says nothing.
        """
        extra = sample.extra
        listed = extra.get("choices")
        choices = cast("list[object]", listed) if isinstance(listed, list) else []
        answer_type, unit = extra.get("answer_type"), extra.get("unit")
        return cls(
            sample.question,
            sample.answer,
            prediction,
            sample.dataset,
            choices=tuple(str(choice) for choice in choices),
            answer_type=answer_type if isinstance(answer_type, str) else "",
            precision=_places(extra.get("precision")),
            unit=unit if isinstance(unit, str) else "",
        )


def _places(stated: object) -> int | None:
    """Decimal places; JSON may hold them as 1 or as 1.0."""
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    return int(stated) if stated in range(16) else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's word on one answer.

    Args:
        score: Raw score in [0, 1]; None when the judge itself failed (unscored).
        reason: Why, in a few words; for an unscored verdict what failed.
        judge: Name of the judge, or of the rule, that decided.
        sure: False where rules alone could not tell; a judge behind them may be asked.
        way: How a chat judge's score was got: what was asked of the server, and the form that was
            read (``schema/object``, ``text/phrase``); empty for others.
    """

    score: float | None
    reason: str
    judge: str
    sure: bool = True
    way: str = ""

    @property
    def is_scored(self) -> bool:
        """Whether the judge did its work; a wrong answer is scored, an outage is not."""
        return self.score is not None

    @classmethod
    def unscored(cls, reason: str, *, judge: str) -> Verdict:
        """The judge failed; the completion must not count as wrong."""
        return cls(None, reason, judge)


class Judge(Protocol):
    """Anything that can hold predictions against references."""

    @property
    def name(self) -> str:
        """Word for records and tables."""
        ...

    async def judge(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """One verdict per request, in order; unscored where the judge failed.

        Raises:
            JudgeError: Only where the run must not go on: a key that the server refuses, a budget
                that is spent, an outage in a recipe that asks to stop then.
        """
        ...
