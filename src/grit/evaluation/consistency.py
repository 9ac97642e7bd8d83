"""Whether a chain's answer is the one that its rethinking comes to. No label is needed."""

from __future__ import annotations

import re

from grit.judges.rules import decide
from grit.judges.verdict import JudgeRequest
from grit.traces.trace import SegmentKind, Trace

__all__ = ["is_consistent"]

_CLAUSE_END = re.compile(r"(?<=[.;!?])\s+|\n+")


def is_consistent(trace: Trace, question: str) -> bool | None:
    """Hold the answer against the last clause of the rethinking, then against all of it.

    The rules judge takes the rethinking for a prediction and the answer for the truth.

    Returns:
        None where there is no rethinking or no answer, or where rules cannot tell.
    """
    rethink = (trace.content(SegmentKind.RETHINK) or "").strip()
    if not rethink or trace.answer is None:
        return None
    last = next(part for part in reversed(_CLAUSE_END.split(rethink)) if part.strip())
    for said in dict.fromkeys((last, rethink)):
        verdict = decide(JudgeRequest(question, trace.answer, said))
        if verdict.score == 1.0 or verdict.sure:
            return verdict.score == 1.0
    return None
