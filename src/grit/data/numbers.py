"""Whole numbers, in digits or in English words. Never raises on text."""

from __future__ import annotations

import re

__all__ = ["whole_number"]

_UNITS = {
    **{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7},
    **{"eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13},
    **{"fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18},
    **{"nineteen": 19},
}
_TENS = {
    **{"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50},
    **{"sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90},
}
_WORDS = {
    **_UNITS,
    **_TENS,
    **{
        f"{tens}{joint}{unit}": ten + one
        for tens, ten in _TENS.items()
        for unit, one in _UNITS.items()
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
