"""Ask a model every sample once, and mark what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from grit.evaluation.marking import mark
from grit.judges.verdict import Judge
from grit.models.family import LoadedModel
from grit.prompts.question import Mode
from grit.records.rows import EvaluationRow
from grit.rollout.group import Prompt, RolloutEngine

__all__ = ["evaluate"]


def evaluate(
    engine: RolloutEngine,
    model: LoadedModel,
    judge: Judge,
    prompts: Sequence[Prompt],
    *,
    label: str,
    mode: Mode,
    batch_size: int,
    threshold: float,
    step: int | None = None,
    weights: str | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Iterator[EvaluationRow]:
    """Answer and mark samples, batch by batch, so that rows can be kept as they come.

    Args:
        engine: Samples completions; greedy for published figures.
        model: Whose pixel limits go into the rows.
        judge: Who says what is right.
        prompts: Each sample once.
        label: Name of the model in the rows.
        mode: How the questions are put.
        batch_size: Samples decoded side by side.
        threshold: Raw score from which an answer counts as right.
        step: Training step of the weights.
        weights: Their fingerprint.
        on_rows: Told how many rows are done, batch by batch.
    """
    for first in range(0, len(prompts), batch_size):
        groups = engine.roll_out(prompts[first : first + batch_size], size=1, step=0)
        yield from mark(
            groups,
            judge,
            model=label,
            mode=mode,
            threshold=threshold,
            limits=(model.limits.min_pixels, model.limits.max_pixels),
            step=step,
            weights=weights,
        )
        if on_rows is not None:
            on_rows(len(groups))
