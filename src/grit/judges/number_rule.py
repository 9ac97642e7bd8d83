"""Whether an answer states the true number: units, precision, sums and alternatives included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from grit.judges.formulas import plain
from grit.judges.normalise import words_of
from grit.judges.numbers import Quantity, find_quantities
from grit.judges.polarity import is_hedged
from grit.judges.ruling import right, shown, unsure, wrong
from grit.judges.units import UNITS, canonical_unit, in_unit, same_kind
from grit.judges.verdict import JudgeRequest, Verdict

__all__ = ["judge_number", "judge_numbers", "numbers_of_list"]

_RULE = "number"
_FEW_WORDS = 12
_BOUND = re.compile(
    r"\b(?:more|less|fewer|greater|over|under|least|most|not|never|except|without|or|\w+n't)\b|[<>≤≥]"
)
_PLAIN_BOUND = re.compile(
    r"(?:more|less|fewer|greater|over|under|at least|at most|not|[<>≤≥])"
    r"(?: than)? ?[\w.,]+(?: \w+)?|[\w.,]+ (?:or|and) (?:more|less|fewer)"
)
_ALTERNATIVES = re.compile(
    r"(?:(?:about|from|either|around|roughly) )*[\w.]+(?:[-–/]| or | to |, )(?!not )[\w.]+(?: \w+)?"
    r"|between \S+ and \S+(?: \w+)?"
)
_FINAL = re.compile(
    r"(?:\banswer(?: is|:)|=|≈"
    r"|\b(?:so|thus|therefore|total of|in total):?(?: it is| there are)?)"
    r"\s*(?=[-−$(\\]?[\w.$])",
    re.IGNORECASE,
)
_OPERATION = re.compile(
    r"[+*×÷^√:]|\d\s*[-−/]\s*\d|\d,\d{1,2}(?!\d)|\b(?:plus|minus|times|divided|x)\b"
)
_SCALED = re.compile(
    r"\d\s?(?:hundreds?|thousands?|millions?|billions?|trillions?|dozens?|k|mn|bn|pairs?|couples?)\b"
    r"|\b(?:half|halves|quarters?|thirds?|pairs|couples)\b",
    re.IGNORECASE,
)
_PARENTHESIS = re.compile(r"\([^()]{0,200}\)")
_NO_NUMBER_WORDS = (
    "a an the i it its it's is are was were there this that of in on at to them these those all "
    "any many much several few some lot lots plenty numerous countless various more less enough "
    "dozens infinite infinity undefined nonexistent does do not exist number amount count unlimited"
)
_NO_NUMBER = frozenset(_NO_NUMBER_WORDS.split())
"""Words that surely state no number of their own."""
_ORDINAL_WORDS = "first second third fourth fifth last one single pair both half"
_ORDINALS = frozenset(_ORDINAL_WORDS.split())
_LIST = re.compile(r"[\[({]?\s*(-?\d+(?:\.\d+)?(?:\s*[,;]\s*-?\d+(?:\.\d+)?)+)\s*[\])}]?")
_UNIT_IN_QUESTION = re.compile(
    r"\(unit:?\s*([^()\s]+)\)|\bin ([a-z°%$]+)[\s.?!)]*$|\b(?:nearest|how many) ([a-z]+)\b",
    re.IGNORECASE,
)
_PARTED_SIGN = re.compile(r"^-\s+(?=\d)")
_QUOTED_INCH = re.compile(r"(?<=\d)\s?(?:\"|″|''|in)\.?$")


def judge_number(request: JudgeRequest, prediction: str, true: Quantity) -> Verdict:
    """Hold an answer against one true number.

    Args:
        request: The question, for its unit, and MathVista's precision.
        prediction: A readable answer.
        true: The number that the reference consists of.
    """
    wanted = shown(_written(true.value))
    text = _QUOTED_INCH.sub(" inch", plain(prediction).strip())
    text = _PARTED_SIGN.sub("-", text)
    if is_hedged(text):
        if len(words_of(text)) <= _FEW_WORDS:
            return wrong(_RULE, f"{shown(prediction)} does not commit itself; true: {wanted}")
        return unsure(_RULE, f"{shown(prediction)} may not commit itself; true: {wanted}")
    found = find_quantities(text)
    if not found:
        return _no_number(prediction, request.question, wanted)
    folded = text.casefold().replace("’", "'").strip(" .!")
    if _PLAIN_BOUND.fullmatch(folded):
        return wrong(_RULE, f"{shown(prediction)} is a bound or a denial; true: {wanted}")
    if scaled := _SCALED.search(folded):
        return unsure(_RULE, f"'{scaled[0]}' may change the number; true: {wanted}")
    values = list(dict.fromkeys(quantity.value for quantity in found))
    if len(values) > 1:
        found, verdict = _of_several(request, text, found, true)
        if verdict is not None:
            return verdict
    said = shown(_written(found[0].value))
    if len(found) > 1 and sum(each.value for each in found) == true.value:
        return unsure(_RULE, f"{said} several times, which may add up; true: {wanted}")
    if bound := _BOUND.search(folded):
        return unsure(_RULE, f"'{bound[0]}' beside {said} is no plain number; true: {wanted}")
    return _compare(request, found, true)


def judge_numbers(prediction: str, true: Sequence[Decimal]) -> Verdict:
    """Hold an answer against a true list of numbers, in its order."""
    rule, text = "list", plain(prediction)
    if is_hedged(text) or _BOUND.search(text.casefold()):
        return unsure(rule, f"{shown(prediction)} may not commit itself to one list")
    found = [Decimal(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text[:4000])]
    listed = ", ".join(map(_written, true[:6]))
    if found == list(true):
        return right(rule, f"the same {len(found)} numbers in order")
    if sorted(found) == sorted(true):
        return unsure(rule, f"the same numbers in another order; true: {listed}")
    if not found:
        return unsure(rule, f"no number in {shown(prediction)}; true: {listed}")
    return wrong(rule, f"other numbers than the {len(true)} true ones: {listed}")


def numbers_of_list(reference: str) -> list[Decimal] | None:
    """The numbers of a reference that is a list of at least two; None for anything else."""
    match = _LIST.fullmatch(reference.strip())
    return [Decimal(each) for each in re.split(r"\s*[,;]\s*", match[1])] if match else None


def _no_number(prediction: str, question: str, wanted: str) -> Verdict:
    """A number was asked for, and none is stated in a way that rules read."""
    words = words_of(plain(prediction), articles=True)
    # A number in another tongue, or as a pair, an ordinal or a Roman figure, is for a judge.
    said = set(words) - _NO_NUMBER - set(words_of(question[:2000], articles=True))
    reason = f"no number in {shown(prediction)}; true: {wanted}"
    if not said and len(words) <= _FEW_WORDS and not _ORDINALS.intersection(words):
        return wrong(_RULE, reason)
    return unsure(_RULE, reason)


def _of_several(
    request: JudgeRequest, text: str, found: list[Quantity], true: Quantity
) -> tuple[list[Quantity], Verdict | None]:
    """Which of several numbers is the answer, or a verdict where that is plain without it."""
    wanted = shown(_written(true.value))
    listed = ", ".join(shown(_written(each.value)) for each in found[:5])
    folded = text.casefold().strip(" .!")
    for final in list(_FINAL.finditer(text))[-1:]:
        last = [each for each in found if each.start >= final.end() - 1]
        if last and len({each.value for each in last}) == 1 and _one_result(text, final):
            return last, None
    outside = find_quantities(_PARENTHESIS.sub(" ", text))
    if outside and len({each.value for each in outside}) == 1:
        return outside, None
    if _ALTERNATIVES.fullmatch(folded) and len(found) == 2 and not _OPERATION.search(folded[:1]):
        return found, wrong(_RULE, f"several numbers ({listed}) and no choice; true: {wanted}")
    is_near = any(_compare(request, [each], true).score == 1.0 for each in found)
    adds_up = sum(each.value for each in found) == true.value
    if is_near or adds_up or _OPERATION.search(text):
        return found, unsure(_RULE, f"several numbers ({listed}); true: {wanted}")
    return found, wrong(_RULE, f"none of the numbers ({listed}) is the true one: {wanted}")


def _one_result(text: str, final: re.Match[str]) -> bool:
    """Whether the text comes to one result: "2 + 2 = 4", and not "x = 1, x = 3"."""
    if final[0].strip() not in {"=", "≈"}:
        return True
    return re.search(r"[=≈][^=≈]*,[^=≈]*[=≈]", text) is None


def _compare(request: JudgeRequest, found: Sequence[Quantity], true: Quantity) -> Verdict:
    """One number, perhaps written several times, against the true one."""
    value, unit = found[0].value, next((each.unit for each in found if each.unit), None)
    said, wanted = _with_unit(value, unit), _with_unit(true.value, true.unit)
    if len({each.unit for each in found if each.unit}) > 1:
        return unsure(_RULE, f"several units in one answer; true: {wanted}")
    meant = true.unit or canonical_unit(request.unit) or _unit_asked(request.question, unit)
    if unit == "%" and meant is None and _equal(request, value / 100, true.value):
        return right(_RULE, f"says {said}, as is true")
    if unit is None and true.unit == "%" and value * 100 == true.value:
        return unsure(_RULE, f"{said} may be the share {wanted}")
    if unit is not None and meant is not None and unit != meant:
        if not same_kind(unit, meant):
            return unsure(_RULE, f"unit {unit}; true unit: {meant}")
        converted = in_unit(value, unit, meant)
        if _equal(request, converted, true.value):
            return right(_RULE, f"{said} is {wanted}")
        return wrong(_RULE, f"{said} is not {_with_unit(true.value, meant)}")
    if _equal(request, value, true.value):
        return right(_RULE, f"says {said}, as is true")
    return wrong(_RULE, f"says {said}; true: {wanted}")


def _equal(request: JudgeRequest, value: Decimal, true: Decimal) -> bool:
    """Equal, or so after rounding where the sample states a precision (MathVista's floats)."""
    slack = Decimal(0)
    if request.answer_type == "float" and request.precision is not None:
        slack = Decimal(5).scaleb(-request.precision - 1)
    # Conversions round in the 28th digit.
    return abs(value - true) <= max(slack, abs(true) * Decimal("1e-20"))


def _unit_asked(question: str, unit: str | None) -> str | None:
    """The unit that a question asks for, where it says so in so many words."""
    for match in _UNIT_IN_QUESTION.finditer(question[-400:]):
        asked = UNITS.get((match[1] or match[2] or match[3]).casefold())
        if asked is not None and (unit is None or same_kind(unit, asked)):
            return asked
    return None


def _written(value: Decimal) -> str:
    text = format(value, "f") if abs(value.adjusted()) < 30 else format(value, ".6e")
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _with_unit(value: Decimal, unit: str | None) -> str:
    return shown(_written(value) + ("" if unit is None else f" {unit}"))
