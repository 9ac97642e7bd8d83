"""Whether one short answer names the same thing as another. Words only, no meaning.

An answer may carry more words than the reference, as long as they say nothing else: function words,
words of the question, or plain describing words. "The red circle on the left" is a circle; "hot
dog" is no dog, and "circle or square" commits to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from grit.judges.normalise import same_word, same_words, words_of
from grit.judges.numbers import with_digits
from grit.judges.polarity import is_hedged

__all__ = ["Match", "match_short_answer"]


class Match(StrEnum):
    """How a predicted short answer stands to the reference."""

    SAME = "same"
    CONTAINED = "contained"
    """The reference's words, and others that say nothing else."""
    HEDGED = "hedged"
    """It names the reference, and takes it back or names another thing beside it."""
    OTHER = "other"
    """Words alone cannot tell."""


_LONGEST = 40
_FUNCTION_WORDS = (
    "it its it's is are was were be being there this that these those they he she here i see "
    "answer so called of in on at to by has have one thing object shape color colour side"
)
_DESCRIBING_WORDS = (
    "red green blue yellow orange purple pink brown black white gray grey golden silver dark light "
    "small large big little tiny huge tall short long wooden metal plastic old new young"
)
_TAKING_BACK_WORDS = (
    "or not no never neither nor without except unless than cannot isn't aren't wasn't weren't "
    "doesn't don't"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_DESCRIBING = frozenset(_DESCRIBING_WORDS.split())
_TAKES_BACK = frozenset(_TAKING_BACK_WORDS.split())
_LIST_IN_QUESTION = re.compile(r"\bor\b|[:;/]|,[^,]*,", re.IGNORECASE)


def match_short_answer(prediction: str, reference: str, question: str) -> Match:
    """Hold a predicted short answer against the true one; never raises."""
    ours, theirs = words_of(prediction), words_of(reference)
    if same_words(ours, theirs):
        return Match.SAME
    if same_words(words_of(with_digits(prediction)), words_of(with_digits(reference))):
        return Match.SAME
    if not theirs or len(ours) > _LONGEST:
        return Match.OTHER
    extra = _words_beside(ours, theirs)
    if extra is None:
        return Match.OTHER
    takes_back = _TAKES_BACK.intersection(extra) or ("/" in prediction and "/" not in reference)
    if takes_back or is_hedged(prediction):
        return Match.HEDGED
    return Match.CONTAINED if _says_nothing_else(extra, theirs, question) else Match.OTHER


def _words_beside(ours: Sequence[str], theirs: Sequence[str]) -> list[str] | None:
    """What is left of ``ours`` without each run of ``theirs``; None when no such run is there."""
    left: list[str] = []
    at, found = 0, False
    while at < len(ours):
        if same_words(ours[at : at + len(theirs)], theirs):
            at, found = at + len(theirs), True
        else:
            left.append(ours[at])
            at += 1
    return left if found else None


def _says_nothing_else(extra: Sequence[str], theirs: Sequence[str], question: str) -> bool:
    """Whether the words beside the reference could be no other answer to the question."""
    harmless = set(_FUNCTION)
    if not _DESCRIBING.intersection(theirs):
        harmless |= _DESCRIBING
    # A question that lists choices makes answers of its own words.
    asked = [] if _LIST_IN_QUESTION.search(question) else words_of(question[:2000])
    return all(word in harmless or any(same_word(word, known) for known in asked) for word in extra)
