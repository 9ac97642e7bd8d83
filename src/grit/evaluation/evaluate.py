"""Ask a model every sample once, and mark what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from grit.evaluation.marking import mark
from grit.judges.verdict import Judge
from grit.models.family import LoadedModel
from grit.processes.processes import ALONE, Processes, share_of
from grit.prompts.question import Mode
from grit.records.rows import EvaluationRow
from grit.rollout.group import Prompt, RolloutEngine

__all__ = ["evaluate"]


def evaluate(
    engine: RolloutEngine,
    model: LoadedModel,
    judge: Judge | None,
    prompts: Sequence[Prompt],
    *,
    label: str,
    mode: Mode,
    batch_size: int,
    threshold: float,
    step: int | None = None,
    weights: str | None = None,
    on_rows: Callable[[int], None] | None = None,
    processes: Processes = ALONE,
) -> Iterator[EvaluationRow]:
    """Answer and mark samples, batch by batch, so that rows can be kept as they come.

    Every process gets every row, in the order of the prompts, and must take them all.

    Args:
        engine: Samples completions; greedy for published figures.
        model: Whose pixel limits go into the rows.
        judge: Who says what is right; None leaves the rows to be judged later.
        prompts: Each sample once.
        label: Name of the model in the rows.
        mode: How the questions are put.
        batch_size: Samples decoded side by side, by each process.
        threshold: Raw score from which an answer counts as right.
        step: Training step of the weights.
        weights: Their fingerprint.
        on_rows: Told how many rows are done, batch by batch.
        processes: Who share each batch.
    """
    together = batch_size * processes.size
    for first in range(0, len(prompts), together):
        batch = prompts[first : first + together]
        own = engine.roll_out(batch[share_of(len(batch), processes)], size=1, step=0)
        marked = mark(
            own,
            judge,
            model=label,
            mode=mode,
            threshold=threshold,
            limits=(model.limits.min_pixels, model.limits.max_pixels),
            step=step,
            weights=weights,
        )
        for rows in processes.gather(marked):
            yield from rows
        if on_rows is not None:
            on_rows(len(batch))
