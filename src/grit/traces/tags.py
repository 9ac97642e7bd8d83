"""The six tags of a completion: where they stand, and whether they stand right.

The checks here are the protocol's and so exact: a tag in another case is no tag. Reading is
kinder: ``parse`` takes any case and says so with a fault.
"""

from __future__ import annotations

from dataclasses import dataclass

from grit.traces.trace import Span

__all__ = [
    "ANSWER_OPEN",
    "PAIR_TAGS",
    "PairCheck",
    "check_pairs",
    "num_answer_tags",
    "num_think_words",
    "ordered_tags",
    "text_after_answer",
]

PAIR_TAGS = ("<think>", "</think>", "<rethink>", "</rethink>")
"""The tags of the two pairs, in the order of the protocol."""

ANSWER_OPEN = "<answer>"


@dataclass(frozen=True, slots=True)
class PairCheck:
    """Whether a completion has its two tag pairs.

    Args:
        think: Exactly one ``<think>`` and one ``</think>``, in this order.
        rethink: Exactly one ``<rethink>`` and one ``</rethink>``, in this order, both after a
            correct think pair.
        reason: What is wrong, or "both pairs correct".
    """

    think: bool
    rethink: bool
    reason: str


def check_pairs(text: str) -> PairCheck:
    """Judge the two pairs behind the paper's structure score s_st.

    A pair is correct when each of its tags occurs exactly once in the whole completion, the
    opening one first. The rethink pair must also start after ``</think>``; without a correct
    think pair there is nothing for it to come after, so it is not correct either. What stands
    between the tags does not matter, as in the paper.

    Source: GRIT, format reward (arXiv 2505.15879).
    """
    think_fault = _pair_fault(text, "<think>", "</think>")
    rethink_fault = _pair_fault(text, "<rethink>", "</rethink>")
    if rethink_fault is None:
        if think_fault is not None:
            rethink_fault = "the rethink pair has no correct think pair before it"
        elif text.find("<rethink>") < text.find("</think>"):
            rethink_fault = "<rethink> stands before </think>"
    faults = [fault for fault in (think_fault, rethink_fault) if fault is not None]
    return PairCheck(
        think=think_fault is None,
        rethink=rethink_fault is None,
        reason="; ".join(faults) or "both pairs correct",
    )


def ordered_tags(text: str) -> tuple[Span | None, Span | None, Span | None, Span | None]:
    """Find the four pair tags, each after the one found before it.

    A tag that is not found leaves its place None and the search goes on from the same spot, so
    every tag that stands in order counts (the ``released`` preset pays each by itself).

    Returns:
        Spans of ``<think>``, ``</think>``, ``<rethink>``, ``</rethink>``.
    """
    found: list[Span | None] = []
    place = 0
    for tag in PAIR_TAGS:
        start = text.find(tag, place)
        if start < 0:
            found.append(None)
        else:
            place = start + len(tag)
            found.append(Span(start, place))
    return (found[0], found[1], found[2], found[3])


def num_think_words(text: str) -> int:
    """Whitespace-separated words between ``<think>`` and the next ``</think>``; 0 without both."""
    think_open, think_close, _, _ = ordered_tags(text)
    if think_open is None or think_close is None:
        return 0
    return len(text[think_open.end : think_close.start].split())


def num_answer_tags(text: str) -> int:
    """How often ``<answer>`` occurs."""
    return text.count(ANSWER_OPEN)


def text_after_answer(text: str) -> str | None:
    """Everything after the first ``<answer>``, tag remnants included; None where there is none.

    The ``released`` preset scores this; every other part reads ``Trace.answer``.
    """
    _, tag, rest = text.partition(ANSWER_OPEN)
    return rest if tag else None


def _pair_fault(text: str, opening: str, closing: str) -> str | None:
    """What is wrong with one pair, or None."""
    for tag in (opening, closing):
        num_found = text.count(tag)
        if num_found == 0:
            return f"no {tag}"
        if num_found > 1:
            return f"{num_found} times {tag}"
    if text.find(closing) < text.find(opening):
        return f"{closing} stands before {opening}"
    return None
