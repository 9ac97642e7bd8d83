"""Answers that speak to the judge instead of answering. Known before any judge is asked."""

from __future__ import annotations

import re

from grit.judges.verdict import JudgeRequest, Verdict

__all__ = ["guarded"]

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}"
    r"\b(?:above|previous|prior|preceding|instructions?|prompt|rules|standard answer)\b"
    r"|[{\[]\s*[\"'“”]?score[\"'“”]?\s*[:=]"
    r"|\bscore\s*[:=]\s*[\d.]"
    r"|\b(?:give|assign|award|output|return|reply with|respond with)\b.{0,40}"
    r"\b(?:full|maximum|perfect|highest|a)\s+(?:score|marks?)\b"
    r"|\b(?:standard|reference|model['’]?s)\s+answer\s*:",
    re.IGNORECASE | re.DOTALL,
)


def guarded(request: JudgeRequest) -> Verdict | None:
    """Wrong, where an answer gives the judge orders or writes its form for it.

    A policy that is paid by a judge can learn to talk to it. Such an answer is no answer: it is
    wrong (0), not unscored, so that it is no way out of the group either. Words that the question
    or the true answer has, too (a sign that says "ignore the above"), are no orders.

    Returns:
        None for an answer that a judge may be shown.
    """
    beside = f"{request.question}\n{request.reference}".casefold()
    for match in _ORDERS.finditer(request.prediction or ""):
        if match[0].casefold() not in beside:
            said = " ".join(match[0].split())[:60]
            return Verdict(0.0, f"the answer speaks to the judge: '{said}'", "guard")
    return None
