"""A model and samples become rows and figures in a run folder; ``evaluate_rows`` is the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grit.app.kept_rows import refuse_mixture
from grit.app.processes import refuse_different_weights
from grit.app.samples import icl_example, make_prompts
from grit.config.data import DataConfig
from grit.config.evaluation import EvaluationConfig
from grit.config.judge import RulesJudgeConfig
from grit.config.rollout import ANSWER_END
from grit.data.builtin import TRAINING_TASKS
from grit.data.sample import Sample
from grit.evaluation.evaluate import evaluate
from grit.evaluation.summary import summarise_rows
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Judge
from grit.models.family import LoadedModel
from grit.models.fingerprint import fingerprint
from grit.policy.policy import Policy
from grit.processes.processes import ALONE, Processes, by_writer
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.jsonl_log import JsonlLog, read_rows
from grit.records.rows import EvaluationRow, EvaluationSummary, EvaluationTable
from grit.rollout.local import LocalEngine, Sampling

__all__ = [
    "Asked",
    "Evaluation",
    "EvaluationProgress",
    "evaluate_rows",
    "keep_figures",
]


_RULES = RulesJudge()


class EvaluationProgress(Protocol):
    """Draws the progress of one evaluation."""

    def __call__(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Open a bar; the function that it gives counts samples."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked what, and how.

    Args:
        model: The model.
        label: Its name in rows and tables.
        mode: How the questions are put.
        step: Training step of its weights; None for weights from outside a run.
        stop: Text that ends a chain; direct answers end where the model ends them.
        example: Shown before each question in the mode ``icl``; None takes a built-in triplet.
    """

    model: LoadedModel
    label: str
    mode: Mode
    step: int | None = None
    stop: str = ANSWER_END
    example: Path | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model's answers in one mode.

    Args:
        path: The file of rows.
        rows: One a sample that was asked for, in the order of the samples.
        summaries: Their figures, see ``evaluation.summary.summarise_rows``.
    """

    path: Path
    rows: tuple[EvaluationRow, ...]
    summaries: tuple[EvaluationSummary, ...]


def evaluate_rows(
    folder: RunFolder,
    asked: Asked,
    samples: Sequence[Sample],
    config: EvaluationConfig,
    *,
    threshold: float = RulesJudgeConfig().threshold,
    max_pixels: int = DataConfig().picture_pixel_limit,
    judge: Judge | None = _RULES,
    training_tasks: Sequence[str] = TRAINING_TASKS,
    on_rows: Callable[[int], None] | None = None,
    processes: Processes = ALONE,
) -> Evaluation:
    """Evaluate (model, samples, mode) into rows and figures: what analyses build on.

    Rows go into the run folder one batch after the other. Those that stand there already are not
    asked again, so a call that was killed goes on where it stopped.

    Args:
        folder: Its ``evaluations`` take rows and figures.
        asked: Who and how.
        samples: Each is asked once.
        config: Length, temperature and batch size.
        threshold: Raw score from which an answer counts as right.
        max_pixels: Larger pictures are refused.
        judge: Who says what is right; None keeps predictions alone, and no figures, for
            ``app.rescore.rescore_file`` to judge later.
        training_tasks: Tasks summed up together.
        on_rows: Told how many rows are done.
        processes: Who ask together; one of them writes.

    Raises:
        RunFolderError: If the rows that stand there are another model's, answer other questions,
            were asked under other pixel limits, or wait for a judge.
    """
    path = folder.evaluation(asked.label, asked.mode.value, asked.step)
    wanted = {sample.id for sample in samples}
    done = by_writer(
        processes, lambda: read_rows(path, EvaluationRow).rows if path.exists() else []
    )
    refuse_different_weights(asked.model, processes)
    weights = fingerprint(asked.model.network)
    limits = (asked.model.limits.min_pixels, asked.model.limits.max_pixels)
    refuse_mixture(path, done, samples, weights, limits, is_judging=judge is not None)
    known = {row.sample_id for row in done}
    missing = [sample for sample in samples if sample.id not in known]
    if on_rows is not None:
        on_rows(len(wanted & known))
    with ExitStack() as stack:
        log = stack.enter_context(JsonlLog(path, EvaluationRow)) if processes.is_writer else None
        for row in _fresh_rows(
            asked, missing, config, judge, threshold, max_pixels, weights, on_rows, processes
        ):
            if log is not None:
                log.append(row)
            done.append(row)
    order = {sample.id: place for place, sample in enumerate(samples)}
    rows = sorted(
        (row for row in done if row.sample_id in wanted), key=lambda r: order[r.sample_id]
    )
    summaries = tuple(summarise_rows(rows, training_tasks=training_tasks))
    if processes.is_writer and judge is not None:
        keep_figures(folder, summaries)
    return Evaluation(path, tuple(rows), summaries)


def _fresh_rows(
    asked: Asked,
    missing: Sequence[Sample],
    config: EvaluationConfig,
    judge: Judge | None,
    threshold: float,
    max_pixels: int,
    weights: str,
    on_rows: Callable[[int], None] | None,
    processes: Processes,
) -> Iterator[EvaluationRow]:
    """Ask what is missing."""
    if not missing:
        return
    example = icl_example(asked.example, missing) if asked.mode is Mode.ICL else None
    prompts = make_prompts(missing, asked.model, asked.mode, max_pixels=max_pixels, example=example)
    sampling = Sampling(
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        stop=None if asked.mode is Mode.DIRECT else asked.stop,
        sequences_at_once=config.batch_size,
        seed=config.seed,
    )
    yield from evaluate(
        LocalEngine(Policy(asked.model), sampling),
        asked.model,
        judge,
        prompts,
        label=asked.label,
        mode=asked.mode,
        batch_size=config.batch_size,
        threshold=threshold,
        step=asked.step,
        weights=weights,
        on_rows=on_rows,
        processes=processes,
    )


def keep_figures(folder: RunFolder, fresh: Sequence[EvaluationSummary]) -> None:
    """Put figures into the run's table, in place of older ones of the same model and mode."""

    def key(row: EvaluationSummary) -> tuple[str, str, int | None]:
        return (row.model, row.mode, row.step)

    replaced = {key(row) for row in fresh}
    kept = [row for row in folder.read_evaluation_table().rows if key(row) not in replaced]
    folder.write_evaluation_table(EvaluationTable(rows=(*kept, *fresh)))
