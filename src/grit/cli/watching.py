"""A training run on the terminal: one bar with an estimate, and what a person should read."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from grit.cli.console import Advance, err, progress
from grit.records.rows import StepRow

__all__ = ["TrainingProgress"]


class TrainingProgress:
    """Listens to a run; use it in a ``with`` block."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._advance: Advance | None = None

    def __enter__(self) -> TrainingProgress:
        """Nothing is drawn before the run starts."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._stack.close()

    def started(self, first: int, steps: int) -> None:
        """Everything is loaded."""
        self._advance = self._stack.enter_context(progress("training", steps, start=first - 1))

    def stepped(self, row: StepRow) -> None:
        """A step was made."""
        if self._advance is not None:
            if row.reward_mean is None:
                self._advance(note="" if row.loss is None else f"loss {row.loss:.3f}")
                return
            parts = " ".join(
                f"{name} {value:.2f}" for name, value in row.components.items() if value is not None
            )
            note = f"reward {row.reward_mean or 0:.2f} ({parts}) kl {row.kl or 0:.3f}"
            self._advance(note=note + _spent(row.judge_spent))

    def said(self, message: str) -> None:
        """Something that a person should read."""
        err().print(message, style="yellow", markup=False, soft_wrap=True)


def _spent(spent: dict[str, float | None]) -> str:
    """What the judge has cost so far, where there is one that costs."""
    if not spent:
        return ""
    asked, found = (int(spent.get(name) or 0) for name in ("requests", "cached"))
    return f" judge {asked} asked, {found} cached, ${spent.get('usd') or 0:.4f}"
