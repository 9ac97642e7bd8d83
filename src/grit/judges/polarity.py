"""Whether a short answer says yes or no. Knows nothing of references and scores."""

from __future__ import annotations

import re
from enum import StrEnum

from grit.judges.normalise import words_of

__all__ = ["Polarity", "is_hedged", "polarity"]


class Polarity(StrEnum):
    """What an answer to a yes/no question says."""

    YES = "yes"
    NO = "no"
    BOTH = "both"
    """It contradicts itself."""
    MIXED = "mixed"
    """It says yes or no, and something of the other sense that may or may not take it back."""
    UNCLEAR = "unclear"


_YES = frozenset({"yes", "yeah", "yep", "true", "correct", "indeed"})
_NO = frozenset({"no", "nope", "false", "incorrect"})
_NEGATION = frozenset({"not", "never", "cannot", "without", "neither", "nor", "none", "untrue"})
_HEDGES = (
    "maybe perhaps possibly might could unsure unclear unknown uncertain depends depending either"
)
_HEDGE = frozenset(_HEDGES.split())
_REFUSAL = re.compile(
    r"\b(?:yes or no|not sure|not know|don't know|cannot (?:tell|say|know|determine)"
    r"|can't (?:tell|say|know|determine)|not (?:certain|clear|possible to)|no idea"
    r"|(?:can't|cannot|unable to) (?:help|see|answer|assist))\b"
)
_NEGATED = re.compile(r"\b(?:not|isn't|aren't|wasn't) (true|correct|false|incorrect)\b")
_PLAIN_DENIAL = re.compile(
    r"^(?:there (?:is|are|was|were) (?:no|not)\b"
    r"|there (?:isn't|aren't|wasn't|weren't)\b"
    r"|(?:it|this|that|they|he|she) (?:is|are|was|were|does|do|did|has|have|can) not\b"
    r"|(?:it|this|that|they|he|she) (?:is|are|was|were|does|do|did|has|have|ca)n't\b"
    r"|not$)"
)


_LONGEST = 2000
_POLAR_WORDS = (_YES | _NO) - {"no"}
_LEAD = re.compile(
    r"\W*(yes|yeah|yep|indeed|correct|true|right|no|nope|wrong|false)\s*[,.;:!—–]\s*", re.I
)
_IDIOM = re.compile(r"\bno (?:doubt|problem|question|wonder)\b", re.IGNORECASE)
_DOUBLE = re.compile(
    r"\b(?:not|\w+n't)\b.*\b(?:not|without|impossible|unlikely|untrue|false|wrong|absent|missing)\b"
)
_TURN = re.compile(r"\b(?:but|however|although|actually|wait|rather)\b", re.IGNORECASE)


def is_hedged(text: str) -> bool:
    """Whether an answer refuses or will not commit itself ("maybe", "I do not know")."""
    words = words_of(text, articles=True)
    return bool(_HEDGE.intersection(words) or _REFUSAL.search(" ".join(words)))


def polarity(text: str) -> Polarity:
    """What an answer says; never raises.

    "No" counts as an answer where it stands first, last or by itself between marks; elsewhere, as
    in "there is no dog", it is a negation, which agrees with a no and casts doubt on a yes.
    """
    text = _IDIOM.sub(" ", text)
    words = words_of(text, articles=True)
    led = _led_by(text)
    if led is not None:
        return led
    if is_hedged(text):
        return Polarity.UNCLEAR
    flat = " ".join(words)
    # "not true" is one no; "not false" is no plain answer.
    negated = {match[1] for match in _NEGATED.finditer(flat)}
    if negated & {"false", "incorrect"}:
        return Polarity.UNCLEAR
    flat = _NEGATED.sub("not", flat)
    rest = set(flat.split())
    says_yes = bool(rest & _YES)
    says_no = bool(rest & (_NO - {"no"})) or _answers_no(text, words) or bool(negated)
    denies = bool(rest & (_NEGATION | {"no"})) or any(word.endswith("n't") for word in rest)
    if says_yes and says_no:
        return Polarity.BOTH
    if says_yes:
        return Polarity.MIXED if denies else Polarity.YES
    if says_no:
        return Polarity.NO
    if _PLAIN_DENIAL.search(flat):
        # "It is not impossible", "There is no dog here, but …": more than a plain denial.
        is_plain = not (_TURN.search(text) or _DOUBLE.search(flat))
        return Polarity.NO if is_plain else Polarity.UNCLEAR
    return Polarity.UNCLEAR


def _led_by(text: str) -> Polarity | None:
    """What the first word says where it stands by itself and nothing later takes it back.

    "Yes, two people are cooking. Neither looks up." is a yes, whatever its second sentence denies.
    """
    led = _LEAD.match(text[:_LONGEST])
    if led is None or len(text) > _LONGEST:
        return None
    word, rest = led[1].casefold(), text[led.end() :]
    words = words_of(rest, articles=True)
    if not words or _PLAIN_DENIAL.search(" ".join(words)) or is_hedged(rest):
        return None
    if _POLAR_WORDS.intersection(words) or _answers_no(rest, words) or _TURN.search(rest):
        return None
    return Polarity.YES if word in _YES | {"right"} else Polarity.NO


def _answers_no(text: str, words: list[str]) -> bool:
    """Whether "no" stands as an answer, not as the determiner of a noun."""
    if "no" not in words:
        return False
    if words[0] == "no" or words[-1] == "no":
        return True
    return re.search(r"(?:^|[.,;:!?(\"'])\s*no\s*(?:[.,;:!?)\"']|$)", text.casefold()) is not None
