"""Whole numbers, in digits or in English words: the one table of number words. Never raises."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["NOTHING", "cardinal", "whole_number"]

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: value for value, word in enumerate(_SMALL.split())}
_TENS = {word: 10 * value for value, word in enumerate(_ROUND.split(), start=2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}

NOTHING = frozenset({"none", "nothing", "nobody"})
"""Words that by themselves count nothing at all."""

_MOST_WORDS = 16

# At most twelve digits: a longer run counts nothing, and int() of a very long one raises.
_DIGITS = re.compile(r"\+?([0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.0*)?")
_SPELLED = re.compile(r"[a-z]+(?:[ -][a-z]+){0,15}")


def whole_number(text: str) -> int | None:
    """The whole number, zero or more, that a short answer states; None when it states none.

    Reads ``4``, ``4.0``, ``1,200``, ``four``, ``Twenty-one.``, ``a dozen`` and ``none`` (0).
    Everything else, ``-1``, ``many`` or ``4 dogs`` included, is no whole number.
    """
    cleaned = text.strip().casefold()
    digits = _DIGITS.fullmatch(cleaned)
    if digits:
        return int(digits[1].replace(",", ""))
    spelled = " ".join(cleaned.rstrip(".!").split())
    if spelled in NOTHING:
        return 0
    if len(spelled) > 200 or not _SPELLED.fullmatch(spelled):
        return None
    words = re.split("[ -]", spelled)
    if words[0] == "a" and len(words) > 1 and words[1] in {"dozen", "hundred", *_SCALES}:
        words[0] = "one"
    value, used = cardinal(words)
    return value if used == len(words) else None


def cardinal(words: Sequence[str]) -> tuple[int, int]:
    """The number that words begin with, "twelve hundred" and "two dozen" among them.

    Args:
        words: In lower case, hyphens taken apart; at most the first 16 are looked at.

    Returns:
        (value, words used); (0, 0) when they begin none.
    """
    words = words[:_MOST_WORDS]
    total, used, ceiling = 0, 0, 10**12
    while True:
        joint = 1 if used and words[used : used + 1] == ["and"] else 0
        value, taken = _below_thousand(words[used + joint :])
        if taken == 0:
            return total, used
        after = used + joint + taken
        scale = _SCALES.get(words[after], 1) if after < len(words) else 1
        if used and (scale >= ceiling or value * scale >= ceiling):
            return total, used  # "two three": a second number, no part of the first
        total, ceiling = total + value * scale, scale
        used = after + (scale > 1)
        if scale == 1:
            return total, used


def _below_thousand(words: Sequence[str]) -> tuple[int, int]:
    """The same for a number without thousands."""
    value, used = _below_hundred(words)
    following = words[used] if used < len(words) else ""
    if following == "dozen":
        return (value or 1) * 12, used + 1
    if following != "hundred":
        return (1, 0) if used == 0 else (value, used)
    value, used = (value or 1) * 100, used + 1
    joint = 1 if words[used : used + 1] == ["and"] else 0
    rest, taken = _below_hundred(words[used + joint :])
    return (value + rest, used + joint + taken) if taken else (value, used)


def _below_hundred(words: Sequence[str]) -> tuple[int, int]:
    """The same for 0 to 99."""
    if not words:
        return 0, 0
    if words[0] in _TENS:
        ones = _ONES.get(words[1], 0) if len(words) > 1 else 0
        return (_TENS[words[0]] + ones, 2) if 0 < ones < 10 else (_TENS[words[0]], 1)
    if words[0] in _ONES:
        return _ONES[words[0]], 1
    return 0, 0
