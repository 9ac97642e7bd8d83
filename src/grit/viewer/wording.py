"""Names of records turned into words for readers."""

from __future__ import annotations

from grit.records.rows import ALL_TASKS, TRAINING_TASKS

__all__ = ["duration", "fault_words", "mode_words", "short_hash", "task_words"]

_MODES = {
    "direct": "asked directly",
    "cot": "the paper’s prompt",
    "icl": "after one example",
    "grounded": "grounded, after training",
}


def mode_words(model: str, mode: str, step: int | None = None) -> str:
    """Model and mode for a heading: ``base, asked directly``."""
    words = f"{model}, {_MODES.get(mode, mode)}"
    return words if step is None else f"{words} (step {step})"


def task_words(task: str) -> str:
    """A task, or a group of tasks, for a heading."""
    return {TRAINING_TASKS: "training tasks", ALL_TASKS: "all tasks"}.get(task, task)


def fault_words(kind: str) -> str:
    """A fault's kind without underscores."""
    return kind.replace("_", " ")


def short_hash(sha256: str | None) -> str:
    """Enough of a hash to compare by eye."""
    return (sha256 or "")[:10]


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``3 min 20 s``, ``11 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
