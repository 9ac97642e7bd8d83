"""How every rule says its word: right, wrong or unsure, each with the rule's name and a reason."""

from __future__ import annotations

from grit.judges.verdict import Verdict

__all__ = ["right", "shown", "unsure", "wrong"]


def right(rule: str, reason: str) -> Verdict:
    """The answer is surely right."""
    return Verdict(1.0, reason, f"rules:{rule}")


def wrong(rule: str, reason: str) -> Verdict:
    """The answer is surely wrong."""
    return Verdict(0.0, reason, f"rules:{rule}")


def unsure(rule: str, reason: str) -> Verdict:
    """Rules cannot tell: wrong where no judge stands behind them."""
    return Verdict(0.0, reason, f"rules:{rule}", sure=False)


def shown(text: str) -> str:
    """A text as reasons quote it: on one line, shortened."""
    flat = " ".join(text[:200].split())
    return f"'{flat}'" if len(flat) <= 40 else f"'{flat[:39]}…'"
