"""Mathematical answers in one plain form, LaTeX and marks of emphasis taken off. No meaning."""

from __future__ import annotations

import math
import re
import unicodedata

__all__ = ["approximate", "compact", "plain", "right_hand_side"]

_LONGEST = 2000
_REWRITTEN = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\(?:left|right|displaystyle|,|;|!|quad)(?![a-zA-Z])", ""),
        (r"\\[()\[\]]", " "),
        (r"\${1,2}([^$\s][^$]*?)\${1,2}(?!\d)", r"\1"),
        (r"\*\*|__|`", ""),
        (r"\\(?:text|mathrm|mathbf|boxed|operatorname)\s*\{([^{}]*)\}", r"\1"),
        (r"\\[dt]?frac\s*\{\s*([^{}]*?)\s*\}\s*\{\s*([^{}]*?)\s*\}", r"\1/\2"),
        (r"\\sqrt\s*\{\s*([^{}]*?)\s*\}", r"√\1"),
        (r"\\sqrt\s*|\bsqrt\s*(?=\d)", "√"),
        (r"\bsqrt\s*\(\s*(\d+)\s*\)", r"√\1"),
        (r"\\pi(?![a-zA-Z])|(?<![a-zA-Z])pi(?![a-zA-Z])", "π"),
        (r"\^\s*\{?\s*\\circ\s*\}?|\\degree", "°"),
        (r"\\(?:times|cdot)(?![a-zA-Z])", "×"),
        (r"\\%", "%"),
        (r"\^\{(-?\d+)\}", r"^\1"),
        (r"−", "-"),
        (r"(?<=\d)\s*/\s*(?=\d)", "/"),
    )
]
_SUPERSCRIPTS = str.maketrans({"²": "^2", "³": "^3"})
_BLANKS = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
"""Not those between two digits: "1 2" is no 12."""
_SQUARED = re.compile(r"(?<=m)\^(?=[23])")
_EQUALS = re.compile(r"[=≈]")
_VALUE = re.compile(r"(-?\d*\.?\d*)(?:√(\d+(?:\.\d+)?)|(π))?(?:/(\d+(?:\.\d+)?))?")


def plain(text: str) -> str:
    r"""``text`` with LaTeX written out: ``\frac{20}{3}`` as 20/3, ``\sqrt{2}`` as √2; no error."""
    if len(text) > _LONGEST:
        return text
    for pattern, by in _REWRITTEN:
        text = pattern.sub(by, text)
    return text.strip()


def compact(text: str) -> str:
    """The plain form in one case, without blanks and a final stop."""
    folded = plain(text).translate(_SUPERSCRIPTS).casefold()
    folded = unicodedata.normalize("NFKC", folded)
    folded = _BLANKS.sub("", folded).rstrip(".!").replace("degrees", "°")
    return _SQUARED.sub("", folded)


def right_hand_side(text: str) -> str:
    """What stands behind the only sign of equality ("x = 3"); all of it where there is none."""
    sides = _EQUALS.split(text)
    return sides[1].strip() if len(sides) == 2 else text


def approximate(formula: str) -> float | None:
    """The value of a compact formula of the forms a, a√b, aπ and their quotients; else None."""
    match = _VALUE.fullmatch(formula[:60])
    if match is None or not formula or len(formula) > 60:
        return None
    factor, root, circle, under = match.groups()
    if not factor.strip("-.") and root is None and circle is None:
        return None
    try:
        value = float(factor) if factor.strip("-.") else (-1.0 if factor == "-" else 1.0)
        value *= math.sqrt(float(root)) if root else math.pi if circle else 1.0
        return value / float(under) if under else value
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
