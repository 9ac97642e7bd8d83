"""Reads a score out of whatever a judge replies; rather none than one that was not meant."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, cast

__all__ = ["Reading", "read_score"]

_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says.

    Args:
        score: In [0, 1]; None where none can be read.
        form: How it was written: ``object``, ``fenced``, ``embedded``, ``phrase`` or ``bare``.
        fault: Why there is no score; empty where there is one.
    """

    score: float | None
    form: str = ""
    fault: str = ""


_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)"
# What may not follow a number that is meant as a score: more digits, a percent sign, a range.
_END = r"(?![\w%]|[.,]\d|\s*(?:-|–|to\b|or\b)\s*\d|\s*%)"
_OUT_OF = rf"(?:\s*(?:/|out\s+of)\s*(?P<most>{_NUMBER}))?"
_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
_OBJECT = re.compile(
    rf"\{{\s*[\"'“”]?score[\"'“”]?\s*[:=]\s*[\"'“”]?\s*(?P<score>{_NUMBER}){_OUT_OF}\s*[\"'“”]?\s*"
    r"(?:,[^{}]*)?\}",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    rf"\bscore\b[\"'*_“”]*\s*(?:(?::|=|\bis\b|\bof\b)\s*)[\"'*_“”]*\s*"
    rf"(?P<score>{_NUMBER}){_END}{_OUT_OF}{_END}",
    re.IGNORECASE,
)
_UNCLOSED = re.compile(r"\{[^{}]*$")
_BARE = re.compile(
    rf"[\"'*_`\s]*(?P<score>{_NUMBER}){_OUT_OF}\s*(?:points?)?[\"'*_`\s.]*", re.IGNORECASE
)


def read_score(text: str) -> Reading:
    """Read a judge's reply.

    Strict JSON comes first, then JSON in a fence, then ``{score: 0.8}`` anywhere, then ``Score: 1``
    and ``0.5/1``. A reasoning preamble in ``<think>`` tags is passed over. Where one form gives
    two scores, or the number is not in [0, 1], there is no score.

    Args:
        text: The reply.
    """
    if len(text) > _LONGEST:
        return Reading(None, fault=f"{len(text)} characters are no score")
    spoken = _THINKING.sub(" ", text).strip()
    if "</think" in spoken.lower():
        spoken = re.split(r"</think(?:ing)?>", spoken, flags=re.IGNORECASE)[-1].strip()
    if re.search(r"<think(?:ing)?>", spoken, re.IGNORECASE):
        return Reading(None, fault="the reply ends within its reasoning")
    if not spoken:
        return Reading(None, fault="the reply is empty")
    for form, found in (
        ("object", _of_json(spoken)),
        ("fenced", _of_fences(spoken)),
        ("embedded", [_value(match) for match in _OBJECT.finditer(spoken)]),
    ):
        if found:
            return _one(found, form)
    if _UNCLOSED.search(spoken):  # {"score": 0 may be the beginning of 0.9
        return Reading(None, fault=f"the reply ends within its JSON: {_shown(spoken[-60:])}")
    for form, found in (
        ("phrase", [_value(match) for match in _PHRASE.finditer(spoken)]),
        ("bare", [_value(match) for match in [_BARE.fullmatch(spoken)] if match]),
    ):
        if found:
            return _one(found, form)
    return Reading(None, fault=f"no score in {_shown(spoken)}")


def _one(found: list[float | str], form: str) -> Reading:
    """The score, where the readings of a form agree on one that can be."""
    words = [each for each in found if isinstance(each, str)]
    if words:
        return Reading(None, fault=words[0])
    scores = sorted({each for each in found if not isinstance(each, str)})
    if len(scores) > 1:
        return Reading(None, fault=f"several scores: {', '.join(f'{s:g}' for s in scores[:4])}")
    if not 0.0 <= scores[0] <= 1.0:
        return Reading(None, fault=f"the score {scores[0]:g} is not within 0 and 1")
    return Reading(scores[0], form)


def _value(match: re.Match[str]) -> float | str:
    """A match's number; words where it is counted out of something else than 1."""
    most = match["most"]
    if most is not None and float(most) != 1.0:
        return f"the score is out of {most}, not out of 1"
    return float(match["score"])


def _of_fences(text: str) -> list[float | str]:
    found: list[float | str] = []
    for inside in _FENCE.findall(text):
        found += _of_json(inside.strip()) or [_value(m) for m in _OBJECT.finditer(inside)]
    return found


def _of_json(text: str) -> list[float | str]:
    """The score of a JSON object; empty where the text is no JSON object."""
    if not text.startswith("{"):
        return []
    try:
        pairs: Any = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return []
    given = cast("list[tuple[str, Any]]", pairs)
    values = [value for name, value in given if name.strip().lower() == "score"]
    if not values:
        return ["the JSON object has no score"]
    return [_of_value(value) for value in values]


def _of_value(value: Any) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return f"the score {_shown(str(value))} is no number"
    if isinstance(value, str):
        match = _BARE.fullmatch(value)
        return f"the score {_shown(value)} is no number" if match is None else _value(match)
    # JSON as Python reads it knows NaN and numbers beyond a float; neither is within 0 and 1.
    return float(value) if 0 <= value <= 1 else f"the score {value} is not within 0 and 1"


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return f"'{flat}'" if len(flat) <= 60 else f"'{flat[:59]}…'"
