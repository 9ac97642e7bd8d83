"""An answer that is missing or cannot be read is wrong with every judge, and no judge is asked."""

from __future__ import annotations

from grit.judges.normalise import is_readable
from grit.judges.verdict import Verdict

__all__ = ["missing_verdict"]


def missing_verdict(prediction: str | None) -> Verdict | None:
    """The verdict, 0.0 and sure, on no answer; None for an answer that a judge must look at."""
    if prediction is None:
        reason = "there is no answer"
    elif not prediction.strip():
        reason = "the answer is empty"
    elif not is_readable(prediction):
        reason = f"the answer {prediction.strip()[:40]!r} has no letter and no digit"
    else:
        return None
    return Verdict(0.0, reason, "missing")
