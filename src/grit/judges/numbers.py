"""Numbers in English text, in digits and in words, with their units. Knows nothing of answers.

Values are exact decimals, so "3", "3.0" and "three" are one value, and a number of any length costs
linear time. Ordinals ("3rd"), codes ("p53") and "one" as a pronoun ("the left one") are no numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from grit.data.numbers import NOTHING, cardinal
from grit.judges.units import MONEY, UNITS

__all__ = ["Quantity", "find_quantities", "whole_quantity", "with_digits"]

_BEFORE_A_PRONOUN = (
    "the this that which each every another other any some first last left right next "
    "big small large red green blue yellow black white"
)
_PRONOUN_BEFORE_ONE = frozenset(_BEFORE_A_PRONOUN.split())
_MINUS = frozenset({"minus", "negative"})

_MOST_DIGITS = 400
"""A longer run of digits is no answer, and sums with it would overflow."""

_SQUARED = r"(?:mm|cm|km|m)(?:\^?[23]|[²³])(?![^\W_])"
_TOKEN = re.compile(
    r"(?P<fraction>(?<![\w/.])[-−]?\d{1,15}/\d{1,15}(?![\w/]))"
    r"|(?P<number>(?<![\w.])[-−+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\w.])[-−]?\.\d+)"
    r"(?P<power>e[-−+]?\d{1,3}(?!\w)|\s?[×*·]\s?10\s?\^\s?[-−]?\d{1,3}(?!\w))?"
    rf"(?P<suffix>{_SQUARED}|[^\W\d_]*)"
    rf"|(?P<word>{_SQUARED}|[^\W\d_]+)"
    r"|(?P<mark>\S)",
    re.IGNORECASE,
)
_POWER = re.compile(r"[-−+]?\d+$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that a text states.

    Args:
        value: Its exact value.
        unit: Canonical unit (``cm``, ``%``, ``$``); None when none that we know is written.
        start: First character of the number.
        end: Past the last character of the number, its unit not included.
        unit_span: Characters of the unit; empty at ``end`` when there is none.
    """

    value: Decimal
    unit: str | None
    start: int
    end: int
    unit_span: tuple[int, int]


def find_quantities(text: str) -> list[Quantity]:
    """Every number in ``text``, in order; never raises, linear in the length of the text."""
    tokens = list(_TOKEN.finditer(text))
    found: list[Quantity] = []
    at = 0
    while at < len(tokens):
        read = _read_digits(tokens[at]) or _read_words(text, tokens, at)
        if read is None:
            at += 1
            continue
        value, end, taken, suffix_unit = read
        start = tokens[at].start()
        at += taken
        unit, unit_span = suffix_unit, (end, tokens[at - 1].end())
        if unit is None:
            unit, unit_span = _unit_around(tokens, at - taken, at, end)
        found.append(Quantity(value, unit, start, end, unit_span))
    return found


def whole_quantity(text: str) -> Quantity | None:
    """The number that ``text`` consists of, unit and punctuation aside; None for anything else."""
    found = find_quantities(text)
    if len(found) != 1:
        return None
    only = found[0]
    spans = sorted([(only.start, only.end), only.unit_span])
    rest = text[: spans[0][0]] + " " + text[spans[0][1] : spans[1][0]] + " " + text[spans[1][1] :]
    return None if re.search(r"\w", rest) else only


def with_digits(text: str) -> str:
    """``text`` with every number written in digits, so that "two cats" is "2 cats"."""
    pieces: list[str] = []
    done = 0
    for quantity in find_quantities(text):
        written = format(quantity.value, "f")
        if "." in written:
            written = written.rstrip("0").rstrip(".")
        pieces += [text[done : quantity.start], written]
        done = quantity.end
    return "".join([*pieces, text[done:]])


def _read_digits(token: re.Match[str]) -> tuple[Decimal, int, int, str | None] | None:
    """(value, end, tokens taken, unit stuck to it) of a number in digits; None for no number."""
    if fraction := token["fraction"]:
        over, under = fraction.replace("−", "-").split("/")
        if Decimal(under) == 0:
            return None
        return Decimal(over) / Decimal(under), token.end(), 1, None
    if token["number"] is None or len(token["number"]) > _MOST_DIGITS:
        return None
    suffix = token["suffix"].casefold()
    unit = UNITS.get(suffix)
    if suffix and unit is None:
        return None  # "3rd" and "2d" name things, they count nothing
    value = Decimal(token["number"].replace(",", "").replace("−", "-"))
    if power := _POWER.search(token["power"] or ""):
        value = value.scaleb(int(power[0].replace("−", "-")))
    return value, token.start("suffix"), 1, unit


def _read_words(
    text: str, tokens: Sequence[re.Match[str]], at: int
) -> tuple[Decimal, int, int, str | None] | None:
    """The same for a number in words that starts at token ``at``."""
    positions = _word_run(text, tokens, at)
    words = [tokens[position].group().casefold() for position in positions]
    if not words:
        return None
    if words[0] in _MINUS and at + 1 < len(tokens):
        digits = _read_digits(tokens[at + 1])
        if digits is not None and digits[0] > 0:
            return -digits[0], digits[1], 2, digits[3]
    if words[0] in NOTHING:
        return Decimal(0), tokens[at].end(), 1, None
    if words[0] == "no":
        # "no cats" counts none; a bare "no" answers another kind of question.
        if len(words) < 2:
            return None
        taken = 2 if words[1] == "one" else 1
        return Decimal(0), tokens[positions[taken - 1]].end(), positions[taken - 1] - at + 1, None
    sign = -1 if words[0] in _MINUS else 1
    skip = 1 if sign < 0 else 0
    before = tokens[at - 1].group().casefold() if at else ""
    value, used = cardinal(words[skip:])
    if used == 0 or (words[:used] == ["one"] and before in _PRONOUN_BEFORE_ONE):
        return None
    last = positions[skip + used - 1]
    return Decimal(sign * value), tokens[last].end(), last - at + 1, None


def _word_run(text: str, tokens: Sequence[re.Match[str]], at: int) -> list[int]:
    """Positions of the words from ``at`` on that only blanks or single hyphens part, at most 16."""
    if tokens[at]["word"] is None:
        return []
    run = [at]
    for position in range(at + 1, min(at + 32, len(tokens))):
        if tokens[position]["word"] is None:
            continue
        if text[tokens[run[-1]].end() : tokens[position].start()].strip() not in {"", "-"}:
            break
        run.append(position)
    return run[:16]


def _unit_around(
    tokens: Sequence[re.Match[str]], at: int, after: int, end: int
) -> tuple[str | None, tuple[int, int]]:
    """The unit before (money) or behind a number, and its characters."""
    if after < len(tokens):
        unit = UNITS.get(tokens[after].group().casefold())
        if unit is not None:
            return unit, tokens[after].span()
    if at and tokens[at - 1].group() in MONEY and tokens[at - 1].end() == tokens[at].start():
        return tokens[at - 1].group(), tokens[at - 1].span()
    return None, (end, end)
