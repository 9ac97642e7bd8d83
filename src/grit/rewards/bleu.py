"""BLEU-1 of one answer against another. Knows nothing of traces and judges."""

from __future__ import annotations

import math
import re
from collections import Counter

__all__ = ["bleu_1"]

_WORD = re.compile(r"[^\W_]+")


def bleu_1(prediction: str, reference: str) -> float:
    """Sentence BLEU with unigrams alone, one reference, no smoothing.

    Words are runs of letters and digits in lower case. Precision is clipped: a word counts at most
    as often as the reference has it. The brevity penalty is exp(1 - r / c) for a prediction of c
    words against r > c words.

    Returns:
        0.0 to 1.0; 0.0 when either has no word.

    Source: Papineni et al., 2002; GRIT's s_BLEU (arXiv 2505.15879).
    """
    ours, theirs = _words(prediction), _words(reference)
    matched = sum((Counter(ours) & Counter(theirs)).values())
    if matched == 0:
        return 0.0
    brevity = min(1.0, math.exp(1.0 - len(theirs) / len(ours)))
    return brevity * matched / len(ours)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
