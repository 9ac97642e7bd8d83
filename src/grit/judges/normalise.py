"""Answers brought to a common form: words without case, articles, punctuation and plural."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["is_readable", "same_word", "same_words", "without_tags", "words_of"]

_TAG = re.compile(r"</?[A-Za-z_]{1,20}>")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_ARTICLES = frozenset({"a", "an", "the"})
_IRREGULAR = {
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "man": "men",
    "mouse": "mice",
    "person": "people",
    "tooth": "teeth",
    "woman": "women",
}

_NO_PLURALS = frozenset({"news", "goods", "customs", "means"})


def is_readable(answer: str | None) -> bool:
    """Whether there is an answer at all: a letter or a digit outside of tags.

    What is not readable is wrong with every judge, and no judge need be asked.
    """
    return answer is not None and any(letter.isalnum() for letter in without_tags(answer))


def without_tags(text: str) -> str:
    """The text with a blank for each tag, ``</answer>`` for one, that a completion left behind."""
    return _TAG.sub(" ", text)


def words_of(text: str, *, articles: bool = False) -> list[str]:
    """Words in order, in one case, without tags and punctuation.

    Args:
        text: Any text.
        articles: Whether to keep articles; a text of articles alone ("A") keeps them anyway.
    """
    plain = unicodedata.normalize("NFKC", without_tags(text)).casefold().replace("’", "'")
    words = [word.removesuffix("'s") for word in _WORD.findall(plain)]
    kept = [word for word in words if articles or word not in _ARTICLES]
    return kept or words


def same_word(one: str, other: str) -> bool:
    """Whether two words of ``words_of`` are equal, or one is the plural of the other."""
    return one == other or _is_plural(one, other) or _is_plural(other, one)


def same_words(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """The same for two answers, word by word."""
    if len(ours) == len(theirs) == 1 and {ours[0], theirs[0]} == {"glass", "glasses"}:
        return False  # a wine glass has a plural; what is worn on the nose is another thing
    return len(ours) == len(theirs) and all(map(same_word, ours, theirs))


def _is_plural(singular: str, plural: str) -> bool:
    if len(singular) < 2 or not singular.isalpha() or plural in _NO_PLURALS:
        return False
    if plural == _IRREGULAR.get(singular) or plural == singular + "s":
        return True
    if singular.endswith(("s", "x", "z", "ch", "sh", "o")) and plural == singular + "es":
        return True
    if singular.endswith("y") and plural == singular[:-1] + "ies":
        return True
    stem = singular.removesuffix("e").removesuffix("f")
    return singular.endswith(("f", "fe")) and plural == stem + "ves"
