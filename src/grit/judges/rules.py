"""The rules judge: yes and no, numbers, boxes and short answers, without a model or a network.

Alone, what it cannot match is wrong. ``Verdict.sure`` tells where the rules could tell, so that a
judge behind this one need only be asked about the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grit.judges.missing import missing_verdict
from grit.judges.normalise import words_of
from grit.judges.numbers import Quantity, find_quantities, whole_quantity
from grit.judges.polarity import Polarity, polarity
from grit.judges.short_answers import Match, match_short_answer
from grit.judges.verdict import JudgeRequest, Verdict

__all__ = ["RulesJudge", "decide"]

_LONGEST = 2000
_POLAR = {"yes": Polarity.YES, "true": Polarity.YES, "no": Polarity.NO, "false": Polarity.NO}
_FOUR_NUMBERS = re.compile(
    r"(?<![\w.])[\[(]{0,2}\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,"
    r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*[\])]{0,2}(?!\w)"
)
_BOUND = re.compile(
    r"\b(?:more|less|fewer|greater|over|under|least|most|not|never|except|without|or|\w+n't)\b"
)


class RulesJudge:
    """Decides by rules; always scored, always with a reason."""

    @property
    def name(self) -> str:
        """Word for records and tables."""
        return "rules"

    async def judge(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """One verdict per request, in order; nothing here waits or fails."""
        return [decide(request) for request in requests]


def decide(request: JudgeRequest) -> Verdict:
    """Hold one prediction against its reference.

    Returns:
        A scored verdict, 0.0 or 1.0; ``judge`` names the rule. 0.0 and not sure where no rule
        could match.
    """
    prediction, reference = request.prediction, request.reference
    missing = missing_verdict(prediction)
    if missing is not None or prediction is None:
        return missing or _wrong("missing", "there is no answer")
    if len(prediction) > _LONGEST:
        return _unsure("text", f"{len(prediction)} characters are no short answer")
    asked = _POLAR.get(" ".join(words_of(reference)))
    if asked is not None:
        return _yes_or_no(prediction, asked)
    if box := _FOUR_NUMBERS.fullmatch(reference.strip()):
        return _box(prediction, _numbers_of(box))
    if quantity := whole_quantity(reference):
        return _number(prediction, quantity)
    return _short_answer(prediction, reference, request.question)


def _yes_or_no(prediction: str, asked: Polarity) -> Verdict:
    said = polarity(prediction)
    match said:
        case Polarity.BOTH:
            return _wrong("yes_no", f"{_shown(prediction)} says both yes and no")
        case Polarity.MIXED:
            return _unsure("yes_no", f"{_shown(prediction)} says yes beside a negation")
        case Polarity.UNCLEAR:
            return _unsure("yes_no", f"{_shown(prediction)} says neither yes nor no; true: {asked}")
        case Polarity.YES | Polarity.NO:
            if said is asked:
                return _right("yes_no", f"says {said}, as is true")
            return _wrong("yes_no", f"says {said}; true: {asked}")


def _number(prediction: str, true: Quantity) -> Verdict:
    found = find_quantities(prediction)
    values = list(dict.fromkeys(quantity.value for quantity in found))
    wanted = _shown(format(true.value, "f"))
    if not values:
        return _unsure("number", f"no number in {_shown(prediction)}; true: {wanted}")
    if len(values) > 1:
        listed = ", ".join(_shown(format(value, "f")) for value in values[:5])
        return _unsure("number", f"several numbers ({listed}); true: {wanted}")
    said = _shown(format(values[0], "f"))
    if bound := _BOUND.search(prediction.casefold().replace("’", "'")):
        return _unsure("number", f"'{bound[0]}' beside {said} is no plain number; true: {wanted}")
    units = {quantity.unit for quantity in found if quantity.unit is not None}
    if true.unit is not None and units - {true.unit}:
        return _unsure("number", f"unit {', '.join(sorted(units))}; true unit: {true.unit}")
    if values[0] == true.value:
        return _right("number", f"says {said}, as is true")
    return _wrong("number", f"says {said}; true: {wanted}")


def _box(prediction: str, true: tuple[float, ...]) -> Verdict:
    """Four numbers, exactly; how well a box fits is for the evaluation's overlap to say."""
    found = {_numbers_of(match) for match in _FOUR_NUMBERS.finditer(prediction)}
    if not found:
        return _unsure("box", f"no box in {_shown(prediction)}")
    if found == {true}:
        return _right("box", "the same four numbers")
    return _wrong("box", "other numbers than the true box" if len(found) == 1 else "several boxes")


def _short_answer(prediction: str, reference: str, question: str) -> Verdict:
    ours, theirs = _shown(prediction), _shown(reference)
    if not words_of(reference):
        return _unsure("text", "the sample has no true answer to hold this against")
    match match_short_answer(prediction, reference, question):
        case Match.SAME:
            return _right("text", f"{ours} is {theirs}")
        case Match.CONTAINED:
            return _right("text", f"{ours} names {theirs} and nothing else")
        case Match.HEDGED:
            return _wrong("text", f"{ours} does not commit itself to {theirs}")
        case Match.OTHER:
            return _unsure("text", f"no rule makes {ours} the same as {theirs}")


def _numbers_of(match: re.Match[str]) -> tuple[float, ...]:
    return tuple(float(number) for number in match.groups())


def _shown(text: str) -> str:
    """A text as reasons quote it: on one line, shortened."""
    flat = " ".join(text.split())
    return f"'{flat}'" if len(flat) <= 40 else f"'{flat[:39]}…'"


def _right(rule: str, reason: str) -> Verdict:
    return Verdict(1.0, reason, f"rules:{rule}")


def _wrong(rule: str, reason: str) -> Verdict:
    return Verdict(0.0, reason, f"rules:{rule}")


def _unsure(rule: str, reason: str) -> Verdict:
    return Verdict(0.0, reason, f"rules:{rule}", sure=False)
