"""The rules judge: yes and no, choices, numbers, lists, boxes and short answers, without a model.

Alone, what it cannot match is wrong. ``Verdict.sure`` tells where the rules could tell, so that a
judge behind this one need only be asked about the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from grit.judges.choices import named_choice, place_of_reference
from grit.judges.formulas import plain
from grit.judges.missing import missing_verdict
from grit.judges.normalise import without_tags, words_of
from grit.judges.number_rule import judge_number, judge_numbers, numbers_of_list
from grit.judges.numbers import whole_quantity
from grit.judges.polarity import Polarity, is_hedged, polarity
from grit.judges.ruling import right, shown, unsure, wrong
from grit.judges.short_answers import Match, match_short_answer, says_nothing_else
from grit.judges.statements import said_by_statement
from grit.judges.verdict import JudgeRequest, Verdict

__all__ = ["RulesJudge", "decide"]

_LONGEST = 2000
_FEW_WORDS = 12
_MOST_CHOICES = 26
_POLAR = {"yes": Polarity.YES, "true": Polarity.YES, "no": Polarity.NO, "false": Polarity.NO}
_FOUR_NUMBERS = re.compile(
    r"(?<![\w.])[\[(]{0,2}\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,"
    r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*[\])]{0,2}(?!\w)"
)
_TAKING_BACK = "not no never or neither nor except unless cannot"
_TAKES_BACK = frozenset(_TAKING_BACK.split())


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
        return missing or wrong("missing", "there is no answer")
    if len(prediction) > _LONGEST or len(reference) > _LONGEST:
        longest = max(len(prediction), len(reference))
        return unsure("text", f"{longest} characters are no short answer")
    prediction, request = without_tags(prediction), _shortened(request)
    asked = _POLAR.get(" ".join(words_of(reference)))
    if len(request.choices) > 1:
        chosen = _choice(request, prediction, is_polar=asked is not None)
        if chosen is not None:
            return chosen
    if asked is not None:
        return _yes_or_no(prediction, asked, request.question)
    numbers = numbers_of_list(reference)
    if numbers is not None and request.answer_type == "list":
        return judge_numbers(prediction, numbers)
    if box := _FOUR_NUMBERS.fullmatch(reference.strip()):
        return _box(prediction, _numbers_of(box))
    if quantity := whole_quantity(plain(reference)):
        return judge_number(request, prediction, quantity)
    return _short_answer(prediction, reference, request.question)


def _shortened(request: JudgeRequest) -> JudgeRequest:
    """The request with a question of bounded length, and without choices that are essays."""
    question, choices = request.question, request.choices
    if len(question) > 2 * _LONGEST:
        question = f"{question[:_LONGEST]} {question[-_LONGEST:]}"
    if len(choices) > _MOST_CHOICES or any(len(choice) > _LONGEST for choice in choices):
        choices = ()
    return replace(request, question=question, choices=choices)


def _choice(request: JudgeRequest, prediction: str, *, is_polar: bool) -> Verdict | None:
    """A verdict by the listed choices; None where another rule has to look."""
    true = place_of_reference(request.reference, request.choices)
    if true is None:
        return None
    wanted = shown(request.choices[true])
    named = named_choice(prediction, request.choices)
    is_by_words = named.how in {"names it", "by its number"} or named.is_other
    if is_polar and (named.place is None or is_by_words):
        return None
    if is_hedged(prediction) and not is_hedged(request.choices[true]):
        return wrong("choice", f"{shown(prediction)} does not commit itself; true: {wanted}")
    if named.is_other:
        return wrong("choice", f"{shown(prediction)} {named.how}; true: {wanted}")
    if named.place is None:
        if is_hedged(request.choices[true]):
            return unsure("choice", f"{shown(prediction)} {named.how}; true: {wanted}")
        return _other_words(request, prediction, f"{named.how}; true: {wanted}")
    ours = shown(request.choices[named.place])
    if _TAKES_BACK.intersection(named.rest):
        if named.place == true:
            return wrong("choice", f"{shown(prediction)} takes {wanted} back")
        return unsure("choice", f"{shown(prediction)} takes {ours} back; true: {wanted}")
    texts = words_of(request.choices[named.place])
    is_alone = says_nothing_else(named.rest, texts, request.question)
    if not is_alone and (named.place == true or len(named.rest) > _FEW_WORDS):
        return unsure("choice", f"says {shown(' '.join(named.rest))} beside {ours}; true: {wanted}")
    if named.place != true:
        return wrong("choice", f"names {ours}, {named.how}; true: {wanted}")
    return right("choice", f"names {ours}, {named.how}")


def _other_words(request: JudgeRequest, prediction: str, reason: str) -> Verdict:
    """An answer in other words than those of the choices."""
    true = request.reference
    match match_short_answer(prediction, true, request.question):
        case Match.SAME:
            return right("choice", f"{shown(prediction)} is {shown(true)}")
        case Match.EXCLUDED:
            return wrong("choice", f"{shown(prediction)} cannot be {shown(true)}")
        case _:
            return unsure("choice", f"{shown(prediction)} {reason}")


def _yes_or_no(prediction: str, asked: Polarity, question: str) -> Verdict:
    said = polarity(plain(prediction))
    is_short = len(words_of(prediction)) <= _FEW_WORDS
    if said is Polarity.UNCLEAR and is_hedged(prediction):
        if is_short:
            return wrong("yes_no", f"{shown(prediction)} does not commit itself; true: {asked}")
        return unsure("yes_no", f"{shown(prediction)} may not commit itself; true: {asked}")
    if said is Polarity.UNCLEAR:
        said = said_by_statement(prediction, question) or said
    match said:
        case Polarity.BOTH:
            return wrong("yes_no", f"{shown(prediction)} says both yes and no")
        case Polarity.MIXED:
            return unsure("yes_no", f"{shown(prediction)} says yes beside a negation")
        case Polarity.UNCLEAR:
            return unsure("yes_no", f"{shown(prediction)} says neither yes nor no; true: {asked}")
        case Polarity.YES | Polarity.NO:
            if said is asked:
                return right("yes_no", f"says {said}, as is true")
            return wrong("yes_no", f"says {said}; true: {asked}")


def _box(prediction: str, true: tuple[float, ...]) -> Verdict:
    """Four numbers, exactly; how well a box fits is for the evaluation's overlap to say."""
    found = {_numbers_of(match) for match in _FOUR_NUMBERS.finditer(prediction)}
    if not found:
        return unsure("box", f"no box in {shown(prediction)}")
    if found == {true}:
        return right("box", "the same four numbers")
    return wrong("box", "other numbers than the true box" if len(found) == 1 else "several boxes")


def _short_answer(prediction: str, reference: str, question: str) -> Verdict:
    ours, theirs = shown(prediction), shown(reference)
    if not words_of(reference):
        return unsure("text", "the sample has no true answer to hold this against")
    match match_short_answer(prediction, reference, question):
        case Match.SAME:
            return right("text", f"{ours} is {theirs}")
        case Match.CONTAINED:
            return right("text", f"{ours} names {theirs} and nothing else")
        case Match.HEDGED:
            return wrong("text", f"{ours} does not commit itself to {theirs}")
        case Match.EXCLUDED:
            return wrong("text", f"{ours} cannot be {theirs}")
        case Match.OTHER:
            return unsure("text", f"no rule makes {ours} the same as {theirs}")


def _numbers_of(match: re.Match[str]) -> tuple[float, ...]:
    return tuple(float(number) for number in match.groups())
