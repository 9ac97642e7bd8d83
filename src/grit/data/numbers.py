"""Whole numbers, in digits or in English words. Never raises on text."""

from __future__ import annotations

import re

__all__ = ["ONES", "TENS", "whole_number"]

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
ONES = {word: value for value, word in enumerate(_SMALL.split())}
"""Values of the words below twenty."""

_ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: 10 * value for value, word in enumerate(_ROUND.split(), start=2)}
"""Values of the words for whole tens."""

_WORDS = {
    **ONES,
    **TENS,
    **{
        f"{tens}{joint}{unit}": ten + one
        for tens, ten in TENS.items()
        for unit, one in ONES.items()
        for joint in ("-", " ")
        if 0 < one < 10
    },
    **{"none": 0, "a dozen": 12, "one dozen": 12, "a hundred": 100, "one hundred": 100},
}

# At most twelve digits: a longer run counts nothing, and int() of a very long one raises.
_DIGITS = re.compile(r"\+?([0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.0*)?")


def whole_number(text: str) -> int | None:
    """The whole number, zero or more, that a short answer states; None when it states none.

    Reads ``4``, ``4.0``, ``1,200``, ``four``, ``Twenty-one.`` and ``none`` (0). Everything else,
    ``-1``, ``many`` or ``4 dogs`` included, is no whole number.
    """
    cleaned = text.strip().casefold()
    digits = _DIGITS.fullmatch(cleaned)
    if digits:
        return int(digits[1].replace(",", ""))
    return _WORDS.get(" ".join(cleaned.rstrip(".!").split()))
