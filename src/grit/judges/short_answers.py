"""Whether one short answer names the same thing as another. Words only, no meaning.

An answer may carry more words than the reference, as long as they say nothing else: function words,
words of the question, or plain describing words. "The red circle on the left" is a circle; "hot
dog" is no dog, and "circle or square" commits to nothing. A name that excludes the reference ("cat"
for "dog") is another thing for sure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from grit.judges.formulas import compact
from grit.judges.names import exclude_each_other
from grit.judges.normalise import same_word, same_words, words_of
from grit.judges.numbers import with_digits
from grit.judges.polarity import is_hedged

__all__ = ["Match", "match_short_answer", "says_nothing_else"]


class Match(StrEnum):
    """How a predicted short answer stands to the reference."""

    SAME = "same"
    CONTAINED = "contained"
    """The reference's words, and others that say nothing else."""
    HEDGED = "hedged"
    """It names the reference, and takes it back or names another thing beside it."""
    EXCLUDED = "excluded"
    """It names a thing that the reference is not, or refuses to name one."""
    OTHER = "other"
    """Words alone cannot tell."""


_LONGEST = 40
_FUNCTION_WORDS = (
    "it its it's is are was were be being there this that these those they he she here i see "
    "answer so called of in on at to by has have one thing object shape color colour side "
    "final correct option choice sits sitting stands standing lies lying located placed visible "
    "seen image picture photo would will"
)
_DESCRIBING_WORDS = (
    "red green blue yellow orange purple pink brown black white gray grey golden silver dark light "
    "small large big little tiny huge tall short long wooden metal plastic old new young "
    "open closed empty full single real"
)
_TAKING_BACK_WORDS = (
    "or not no never neither nor without except unless than cannot isn't aren't wasn't weren't "
    "doesn't don't"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_DESCRIBING = frozenset(_DESCRIBING_WORDS.split())
_SHADES = frozenset({"dark", "light", "bright", "pale", "deep"})
_TAKES_BACK = frozenset(_TAKING_BACK_WORDS.split())
_FEW = 8
_SEPARATOR = re.compile(r"\s*(?:,\s*and\b|[,;&]|\band\b)\s*", re.IGNORECASE)
_LIST_IN_QUESTION = re.compile(r"\bor\b|[:;/]|,[^,]*,", re.IGNORECASE)


def match_short_answer(prediction: str, reference: str, question: str) -> Match:
    """Hold a predicted short answer against the true one; never raises."""
    ours, theirs = words_of(prediction), words_of(reference)
    if same_words(ours, theirs) and (len(theirs) > 0 or not prediction.strip()):
        return Match.SAME
    if same_words(words_of(with_digits(prediction)), words_of(with_digits(reference))):
        return Match.SAME
    if not theirs or len(ours) > _LONGEST:
        return Match.OTHER
    if _same_signs(prediction, reference) or _same_items(prediction, reference):
        return Match.SAME
    extra = _words_beside(ours, theirs)
    if extra is None:
        return _without_reference(prediction, reference, question)
    takes_back = _TAKES_BACK.intersection(extra) or ("/" in prediction and "/" not in reference)
    if takes_back or is_hedged(prediction):
        return Match.HEDGED
    return Match.CONTAINED if says_nothing_else(extra, theirs, question) else Match.OTHER


def says_nothing_else(extra: Sequence[str], theirs: Sequence[str], question: str) -> bool:
    """Whether the words beside the reference could be no other answer to the question.

    Args:
        extra: Words of the answer that are not the reference's.
        theirs: Words of the reference.
        question: The question; one that lists choices makes answers of its own words.
    """
    harmless = set(_FUNCTION)
    if not _DESCRIBING.intersection(theirs):
        harmless |= _DESCRIBING
    asked = [] if _LIST_IN_QUESTION.search(question) else words_of(question[:2000])
    return all(word in harmless or any(same_word(word, known) for known in asked) for word in extra)


def _same_signs(prediction: str, reference: str) -> bool:
    """Formulas in one plain form, and words written together ("teddybear")."""
    ours, theirs = compact(prediction), compact(reference)
    if ours == theirs:
        return any(letter.isalnum() for letter in ours)
    joined = "".join(words_of(reference))
    return joined.isalpha() and len(joined) > 4 and "".join(words_of(prediction)) == joined


def _same_items(prediction: str, reference: str) -> bool:
    """Lists of the same things in another order: "pepper and salt"."""
    ours, theirs = (
        [tuple(words_of(item)) for item in _SEPARATOR.split(text[:2000])]
        for text in (prediction, reference)
    )
    if not 1 < len(theirs) == len(ours) <= 20 or any(not item for item in ours + theirs):
        return False
    if any(character.isdigit() for character in reference):
        return False  # numbers in another order are another answer
    left = list(theirs)
    for item in ours:
        found = next((each for each in left if same_words(item, each)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _without_reference(prediction: str, reference: str, question: str) -> Match:
    """An answer that does not hold the reference's words: another thing for sure, or who knows."""
    if is_hedged(reference):
        return Match.OTHER
    ours = [word for word in words_of(prediction) if word not in _FUNCTION]
    theirs = words_of(reference)
    if is_hedged(prediction):
        return Match.EXCLUDED if len(ours) <= _FEW else Match.OTHER
    if exclude_each_other(words_of(prediction), theirs):
        return Match.EXCLUDED
    lists = _LIST_IN_QUESTION.search(question)
    asked = frozenset[str]() if lists else frozenset(words_of(question[:2000]))
    # "A dark red": what describes may be left out, and so may what the question says already.
    for left_out in (frozenset[str](), _SHADES, _DESCRIBING, asked, _DESCRIBING | asked):
        kept = [word for word in ours if word not in left_out]
        if exclude_each_other(kept, theirs):
            return Match.EXCLUDED
    return Match.OTHER


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
