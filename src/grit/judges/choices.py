"""Which of the listed choices an answer names: by letter, by text, by number or by place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from grit.judges.formulas import approximate, compact, plain, right_hand_side
from grit.judges.normalise import same_words, words_of
from grit.judges.numbers import Quantity, find_quantities, whole_quantity
from grit.judges.units import UNITS

__all__ = ["Naming", "named_choice", "place_of_reference"]

_LETTERS = "abcdefghij"
_LEAD = r"(?:(?:the )?(?:correct |right |final )?(?:answer|option|choice)(?: is)?\s*+(?::\s*+)?+)*+"
_BARE_LETTER = re.compile(rf"{_LEAD}\(?([a-j])\)?[.:)]?", re.IGNORECASE)
_LETTER_AND_TEXT = re.compile(rf"{_LEAD}(?:\(([a-j])\)|([a-j])[.:),])\s*(\S.*)", re.IGNORECASE)
_LEAD_AND_TEXT = re.compile(rf"{_LEAD}(.*)", re.IGNORECASE | re.DOTALL)
_FINAL_LETTER = re.compile(r"\b(?:answer|option|choice)(?: is)?:? ?\(?([A-J])\)?(?=[\s.:,)]|$)")
_LONE_LETTER = re.compile(r"\(([A-Ja-j])\)")
_EMPTY_WORDS = (
    "it its is are was were be been being this that these those they would will could should can "
    "may might must do does did has have had not no to of in on at by for with and or as than "
    "if there so which what"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_TAKES_BACK = frozenset({"not", "neither", "nor", "no", "so", "therefore", "but", "than"})
_PLACES = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1}
_PLACE_NOUNS = frozenset({"one", "option", "choice", "answer", "question", "statement"})
_FIGURE = re.compile(r"\d")
_WORDY = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Naming:
    """What an answer does with the choices.

    Args:
        place: The choice that it names; None when it names none that rules could find.
        how: In what way, for the reason.
        is_other: Whether it surely is none of the choices, or more than one of them.
        rest: Words beside those of the choice; to be looked at before the answer is called right.
    """

    place: int | None
    how: str
    is_other: bool = False
    rest: tuple[str, ...] = ()


def place_of_reference(reference: str, choices: Sequence[str]) -> int | None:
    """The choice that the true answer is, by its text or else by its letter; None for none."""
    forms = [compact(choice) for choice in choices]
    wanted = compact(reference)
    if forms.count(wanted) == 1:
        return forms.index(wanted)
    letter = _BARE_LETTER.fullmatch(reference.strip())
    if wanted not in forms and letter and not _are_letters(choices):
        place = _LETTERS.index(letter[1].casefold())
        return place if place < len(choices) else None
    return None


def named_choice(prediction: str, choices: Sequence[str]) -> Naming:
    """Find the choice that an answer names; never raises.

    Text goes before letters: among the choices (c), (a), (b) an answer "b" is the third. A letter
    that could also be the end of a choice's text ("A" beside "Solution A") names none.
    """
    answer = plain(prediction).strip()
    lead = _LEAD_AND_TEXT.fullmatch(answer)
    bare = (lead[1] if lead and lead[1].strip() else answer).strip()
    exact = _by_text(bare, choices)
    if exact is not None:
        return Naming(exact, "by its text")
    if not _are_letters(choices):
        lettered = _by_letter(answer, choices)
        if lettered is not None:
            return lettered
    return _by_number(bare, choices) or _by_words(bare, choices) or Naming(None, "names no choice")


def _are_letters(choices: Sequence[str]) -> bool:
    return all(_BARE_LETTER.fullmatch(choice.strip()) for choice in choices)


def _only(places: Sequence[int]) -> int | None:
    return places[0] if len(places) == 1 else None


def _by_text(answer: str, choices: Sequence[str]) -> int | None:
    ours, side = compact(answer), compact(right_hand_side(answer))
    if not ours:
        return None
    forms = [compact(choice) for choice in choices]
    found = [place for place, form in enumerate(forms) if form in (ours, side)]
    if not found and _are_letters(choices):
        letter = _BARE_LETTER.fullmatch(answer.strip())
        letters = [form.strip("().:") for form in forms]
        found = [at for at, each in enumerate(letters) if letter and each == letter[1].casefold()]
        if not found:
            # "Shape E": a letter by itself, in capitals, at the end of a few words.
            last = re.fullmatch(r"[^\W\d_]+ \(?([A-J])\)?\.?", answer.strip())
            found = [at for at, each in enumerate(letters) if last and each == last[1].casefold()]
    if not found and not _FIGURE.search(answer):
        words = words_of(answer)
        found = [at for at, each in enumerate(choices) if same_words(words, words_of(each))]
    if not found:
        bracketless = re.sub(r"[()\[\]]", "", side)
        found = [
            place
            for place, choice in enumerate(choices)
            if "=" in choice
            and compact(right_hand_side(plain(choice))).strip("()[]") == bracketless
        ] or [at for at, each in enumerate(forms) if re.sub(r"[()\[\]]", "", each) == bracketless]
    return _only(found)


def _by_letter(answer: str, choices: Sequence[str]) -> Naming | None:
    if bare := _BARE_LETTER.fullmatch(answer):
        letter = bare[1].casefold()
        place = _LETTERS.index(letter)
        if any(words_of(choice, articles=True)[-1:] == [letter] for choice in choices):
            return Naming(None, f"the letter {letter.upper()} may stand for two choices")
        if place >= len(choices):
            return Naming(None, f"there is no choice {letter.upper()}", is_other=True)
        return Naming(place, "by its letter")
    if both := _LETTER_AND_TEXT.fullmatch(answer):
        place = _LETTERS.index((both[1] or both[2]).casefold())
        text = _by_text(both[3], choices)
        number = _by_number(both[3], choices)
        said = text if text is not None else number.place if number else None
        if place >= len(choices):
            return None
        if said is None:
            return Naming(place, "by its letter", rest=tuple(words_of(both[3])))
        if said != place:
            return Naming(None, "letter and text name different choices")
        return Naming(place, "by letter and text")
    final = _FINAL_LETTER.findall(answer)
    lone = {letter.casefold() for letter in [*final, *_LONE_LETTER.findall(answer)]}
    if len(lone) > 1:
        return Naming(None, "names several letters")
    if final and _LETTERS.index(final[-1].casefold()) < len(choices):
        return Naming(_LETTERS.index(final[-1].casefold()), "by its letter")
    return None


def _by_number(answer: str, choices: Sequence[str]) -> Naming | None:
    """Choices that are numbers or formulas, and an answer that is one."""
    if not _FIGURE.search(answer) or not all(_FIGURE.search(choice) for choice in choices):
        return None
    side = right_hand_side(answer)
    ours = whole_quantity(side)
    theirs = [whole_quantity(plain(choice)) for choice in choices]
    if ours is not None:
        equal = [at for at, each in enumerate(theirs) if each is not None and _same(ours, each)]
        if (place := _only(equal)) is not None:
            return Naming(place, "by its number")
    stripped, forms = _without_unit(side), [_without_unit(plain(choice)) for choice in choices]
    if (place := _only([at for at, form in enumerate(forms) if form == stripped])) is not None:
        return Naming(place, "by its number") if not _units_clash(side, choices[place]) else None
    mine = float(ours.value) if ours is not None else approximate(stripped)
    if mine is None or _WORDY.search(_without_unit(side)):
        return None
    values = [
        float(each.value) if each else approximate(forms[at]) for at, each in enumerate(theirs)
    ]
    if any(value is None or abs(value - mine) <= 0.01 * abs(value) for value in values):
        return None  # rounded, or in another form: not for rules to say
    return Naming(None, "is none of the choices", is_other=True)


def _same(ours: Quantity, theirs: Quantity) -> bool:
    units = {ours.unit, theirs.unit} - {None}
    return ours.value == theirs.value and len(units) < 2


def _units_clash(ours: str, theirs: str) -> bool:
    one, other = whole_quantity(ours), whole_quantity(plain(theirs))
    return bool(one and other and one.unit and other.unit and one.unit != other.unit)


def _without_unit(text: str) -> str:
    """The compact form, without a unit at its end; a number in its shortest form."""
    form = compact(text)
    for length in range(min(12, len(form) - 1), 0, -1):
        before = form[-length - 1]
        if form[-length:] in UNITS and (before == "π" or not before.isalpha()):
            form = form[:-length]
            break
    try:
        return format(Decimal(form).normalize(), "f") if len(form) < 30 else form
    except ArithmeticError:
        return form


def _by_words(answer: str, choices: Sequence[str]) -> Naming | None:
    """A choice inside of an answer, a part of one choice alone, or its place in the list."""
    ours = words_of(answer)[:60]
    texts = [words_of(choice) for choice in choices]
    if len(ours) <= 3 and ours and ours[0] in _PLACES and _PLACE_NOUNS.issuperset(ours[1:]):
        place = _PLACES[ours[0]]
        if len(ours) > 1 and -1 <= place < len(choices):
            return Naming(place % len(choices), "by its place")
    if all(whole_quantity(plain(choice)) for choice in choices):
        return _by_quantity(answer, choices)
    covered = _covered(ours, texts)
    named = sorted({place for place in covered if place is not None})
    if len(named) > 1:
        is_plain = not (_TAKES_BACK.intersection(ours) or _are_letters(choices) or len(ours) > 12)
        return Naming(None, "names several choices", is_other=is_plain)
    if named:
        rest = tuple(word for word, place in zip(ours, covered, strict=True) if place is None)
        return Naming(named[0], "names it", rest=rest)
    if not _EMPTY.issuperset(ours) and not any(word.isdigit() for word in ours):
        parts = [place for place, text in enumerate(texts) if _is_run(ours, text)]
        if (place := _only(parts)) is not None:
            return Naming(place, "by a part of its text")
    return None


def _by_quantity(answer: str, choices: Sequence[str]) -> Naming | None:
    """A sentence with one number in it, among choices that are numbers."""
    found = find_quantities(answer)
    if len({each.value for each in found}) != 1:
        return None
    theirs = [whole_quantity(plain(choice)) for choice in choices]
    equal = [at for at, each in enumerate(theirs) if each and _same(found[0], each)]
    rest = words_of(answer[: found[0].start] + " " + answer[found[0].unit_span[1] :])
    place = _only(equal)
    return None if place is None else Naming(place, "by its number", rest=tuple(rest))


def _covered(ours: Sequence[str], texts: Sequence[Sequence[str]]) -> list[int | None]:
    """For each word of an answer the choice that it belongs to; longer choices go first."""
    covered: list[int | None] = [None] * len(ours)
    for place in sorted(range(len(texts)), key=lambda place: -len(texts[place])):
        size = len(texts[place])
        for at in range(len(ours) - size + 1 if size else 0):
            free = all(each is None for each in covered[at : at + size])
            if free and same_words(ours[at : at + size], texts[place]):
                covered[at : at + size] = [place] * size
    return covered


def _is_run(part: Sequence[str], whole: Sequence[str]) -> bool:
    size = len(part)
    return any(same_words(part, whole[at : at + size]) for at in range(len(whole) - size + 1))
