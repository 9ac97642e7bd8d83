"""What "The cat is behind the laptop" says to a yes/no question, without a yes or a no.

A sentence that repeats the question's words in their order affirms it; with one negation it denies
it; with one word turned into its opposite ("left" for "right", "two" for "three") it denies it too.
Anything else says nothing that words alone could tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grit.judges.names import are_opposites
from grit.judges.normalise import same_word, words_of
from grit.judges.numbers import with_digits
from grit.judges.polarity import Polarity

__all__ = ["said_by_statement"]

_LONGEST = 30
_ASKING = "is are was were does do did has have can could will there's"
_ASKS = frozenset(_ASKING.split())
_VERBS = (
    _ASKS
    | {"isn't", "aren't", "wasn't", "weren't", "doesn't", "don't", "didn't"}
    | {
        "see",
        "contains",
        "shows",
    }
)
_SCENE = (
    "image picture photo photograph scene i we see seen visible shown present contain contains "
    "show shows here there total exactly please answer yes no or any in of this it's"
)
_SILENT = frozenset(_SCENE.split()) | _ASKS
_PRONOUNS = frozenset({"it", "they", "he", "she"})
_NEGATIONS = frozenset({"no", "not", "never", "cannot"})
_OTHER_TURNS = frozenset({"but", "or", "except", "although", "however", "if", "neither", "nor"})
_COMPARING = "more fewer less than least most over under"
_COMPARED = frozenset(_COMPARING.split())
_INSTRUCTION = re.compile(r"(?:please )?answer (?:with )?yes or no\b", re.IGNORECASE)
_CHOICE_IN_QUESTION = re.compile(r"\bor\b", re.IGNORECASE)


def said_by_statement(prediction: str, question: str) -> Polarity | None:
    """Yes, no, or None where words alone cannot tell; never raises.

    Args:
        prediction: A short answer that does not say yes or no.
        question: The question; "Please answer yes or no" in it is passed over.
    """
    question = _INSTRUCTION.sub(" ", question[-600:])
    asked = words_of(with_digits(question))
    said = words_of(with_digits(prediction[:600]))
    if not asked or asked[0] not in _ASKS or _CHOICE_IN_QUESTION.search(question):
        return None
    if _NEGATIONS.intersection(asked):
        return None  # "Is it not …?" has no plain yes
    if len(said) > _LONGEST or _OTHER_TURNS.intersection(said) or "?" in prediction:
        return None
    negations = [word for word in said if word in _NEGATIONS or word.endswith("n't")]
    has_verb = bool(_VERBS.intersection(said))
    if len(negations) > 1 or not (has_verb or said[:1] == ["not"] or _repeats_verb(said, asked)):
        return None
    affirms, denies = Polarity.YES, Polarity.NO
    if negations:
        affirms, denies = denies, affirms
    core, about = _content(said), _content(asked)
    if _is_reply(said) or _covers(core, about, by_pronoun=bool(_PRONOUNS.intersection(said[:1]))):
        return affirms
    if negations and said[0] == "not" and _is_run(core, about):
        return Polarity.NO
    return denies if not negations and _has_one_opposite(core, about) else None


def _content(words: Sequence[str]) -> list[str]:
    return [
        word
        for word in words
        if word not in _SILENT | _PRONOUNS | _NEGATIONS and not word.endswith("n't")
    ]


def _is_reply(said: Sequence[str]) -> bool:
    """A pronoun, a verb, and no word more: "It is", "She doesn't"."""
    return (
        len(said) in (2, 3)
        and said[0] in _PRONOUNS
        and said[1] in _VERBS
        and (len(said) == 2 or said[2] == "not")
    )


def _covers(core: Sequence[str], about: Sequence[str], *, by_pronoun: bool) -> bool:
    """The same words in the same order; behind a pronoun a run of them is enough."""
    if not core:
        return False
    if len(core) == len(about) and all(map(same_word, core, about)):
        return True
    if not by_pronoun or len(core) >= len(about):
        return False
    # What follows the subject, a word or two; else, like "a cup", it may name a thing only.
    starts = [1, 2] + ([len(about) - len(core)] if len(core) > 1 else [])
    return any(_is_run(core, about[at : at + len(core)]) for at in starts)


def _is_run(part: Sequence[str], whole: Sequence[str]) -> bool:
    size = len(part)
    return size > 0 and any(
        all(map(same_word, part, whole[at : at + size])) for at in range(len(whole) - size + 1)
    )


def _has_one_opposite(core: Sequence[str], about: Sequence[str]) -> bool:
    if len(core) != len(about):
        return False
    odd = [(one, two) for one, two in zip(core, about, strict=True) if not same_word(one, two)]
    if len(odd) != 1:
        return False
    (one, two) = odd[0]
    if one.isdecimal() and two.isdecimal():
        return not _COMPARED.intersection(about)
    return are_opposites(one, two)


def _repeats_verb(said: Sequence[str], asked: Sequence[str]) -> bool:
    """The question's own verb ("Does the truck contain …": "The truck contains …")."""
    return asked[0] in {"does", "do", "did"} and len(said) >= 3
