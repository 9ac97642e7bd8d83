"""`grit eval`: a model and samples become rows, figures and a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grit.app.models import is_taught, load_source
from grit.app.processes import refuse_different_weights
from grit.app.samples import make_prompts, read_source, refuse_unknown_tasks, source_file
from grit.config.data import DataConfig
from grit.config.evaluation import EvaluationConfig
from grit.config.judge import RulesJudgeConfig
from grit.config.model import ModelConfig
from grit.config.rollout import ANSWER_END
from grit.data.builtin import TRAINING_TASKS
from grit.data.sample import Sample
from grit.errors import ConfigError, RunFolderError
from grit.evaluation.evaluate import evaluate
from grit.evaluation.summary import summarise_rows
from grit.judges.rules import RulesJudge
from grit.models.family import LoadedModel
from grit.models.fingerprint import fingerprint
from grit.policy.policy import Policy
from grit.processes.processes import ALONE, Processes, by_writer
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.jsonl_log import JsonlLog, read_rows
from grit.records.rows import EvaluationRow, EvaluationSummary, EvaluationTable
from grit.rollout.local import LocalEngine, Sampling

__all__ = ["Asked", "EvaluationProgress", "evaluate_into", "evaluate_source"]


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
    """

    model: LoadedModel
    label: str
    mode: Mode
    step: int | None = None
    stop: str = ANSWER_END


def evaluate_into(
    folder: RunFolder,
    asked: Asked,
    samples: Sequence[Sample],
    config: EvaluationConfig,
    *,
    threshold: float,
    max_pixels: int,
    training_tasks: Sequence[str] = TRAINING_TASKS,
    on_rows: Callable[[int], None] | None = None,
    processes: Processes = ALONE,
) -> list[EvaluationSummary]:
    """Evaluate into a run folder; rows that stand there already are not asked again.

    Args:
        folder: Its ``evaluations`` take rows and figures.
        asked: Who and how.
        samples: Each is asked once.
        config: Length, temperature and batch size.
        threshold: Raw score from which an answer counts as right.
        max_pixels: Larger pictures are refused.
        training_tasks: Tasks summed up together.
        on_rows: Told how many rows are done.
        processes: Who ask together; one of them writes.

    Raises:
        RunFolderError: If the rows that stand there are another model's.
    """
    path = folder.evaluation(asked.label, asked.mode.value, asked.step)
    wanted = {sample.id for sample in samples}
    done = by_writer(
        processes, lambda: read_rows(path, EvaluationRow).rows if path.exists() else []
    )
    refuse_different_weights(asked.model, processes)
    weights = fingerprint(asked.model.network)
    _refuse_mixture(path, done, weights)
    known = {row.sample_id for row in done}
    missing = [sample for sample in samples if sample.id not in known]
    if on_rows is not None:
        on_rows(len(wanted & known))
    if missing:
        prompts = make_prompts(missing, asked.model, asked.mode, max_pixels=max_pixels)
        sampling = Sampling(
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            stop=None if asked.mode is Mode.DIRECT else asked.stop,
            sequences_at_once=config.batch_size,
            seed=config.seed,
        )
        with ExitStack() as stack:
            log = (
                stack.enter_context(JsonlLog(path, EvaluationRow)) if processes.is_writer else None
            )
            for row in evaluate(
                LocalEngine(Policy(asked.model), sampling),
                asked.model,
                RulesJudge(),
                prompts,
                label=asked.label,
                mode=asked.mode,
                batch_size=config.batch_size,
                threshold=threshold,
                step=asked.step,
                weights=weights,
                on_rows=on_rows,
                processes=processes,
            ):
                if log is not None:
                    log.append(row)
                done.append(row)
    order = {sample.id: place for place, sample in enumerate(samples)}
    rows = sorted(
        (row for row in done if row.sample_id in wanted), key=lambda r: order[r.sample_id]
    )
    summaries = summarise_rows(rows, training_tasks=training_tasks)
    if processes.is_writer:
        _keep(folder, summaries)
    return summaries


def evaluate_source(
    source: str,
    model_config: ModelConfig,
    config: EvaluationConfig,
    *,
    bar: EvaluationProgress,
    data: str,
    images: Path | None = None,
    mode: str | None = None,
    output: Path | None = None,
    label: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    processes: Processes = ALONE,
) -> tuple[Path, list[EvaluationSummary]]:
    """Load a model from anywhere and evaluate it into a run folder.

    Args:
        source: Hub name, model folder, export, run folder or ``builtin``.
        model_config: Everything but the path.
        config: Tasks, limit, length, temperature, batch size and seed.
        bar: Draws the progress.
        data: A JSONL file or a word for the built-in world.
        images: Folder of the file's pictures.
        mode: How questions are put; None is grounded for a model that grit trained, else direct.
        output: Run folder; None is the model's own.
        label: Name in rows and tables; None is ``grit`` for a model that grit trained, else
            ``base``.
        resume: Keep the rows that stand there.
        overwrite: Remove the rows that stand there.
        processes: Who ask together; each calls this with the same arguments.

    Returns:
        The file of rows, and the figures.

    Raises:
        ConfigError: If there is no folder for the rows.
        RunFolderError: If rows stand there, and neither flag is given.
    """
    taught = by_writer(processes, lambda: is_taught(source))
    folder = by_writer(processes, lambda: _place_for(source, output))

    def read() -> list[Sample]:
        return read_source(
            data,
            images=images,
            pictures=folder.pictures,
            tasks=config.tasks,
            limit=config.limit,
            seed=config.seed,
        )

    refuse_unknown_tasks(data, config.tasks)
    # A file is read before a model that takes minutes to load; scenes are drawn into the folder.
    known = None if source_file(data) is None else by_writer(processes, read)
    loaded = load_source(source, model_config)
    asked = Asked(
        loaded.model,
        label or ("grit" if taught else "base"),
        Mode(mode) if mode else (Mode.GROUNDED if taught else Mode.DIRECT),
        loaded.step,
        loaded.stop,
    )
    path = folder.evaluation(asked.label, asked.mode.value, asked.step)

    def take() -> list[Sample]:
        _refuse_taken_rows(path, resume=resume, overwrite=overwrite)
        if not folder.holds_run:
            RunFolder.create(folder.path)
        samples = read() if known is None else known
        # Only now is everything known to be right that can be.
        if overwrite:
            path.unlink(missing_ok=True)
        return samples

    samples = by_writer(processes, take)
    with bar(f"{asked.label}, {asked.mode}", len(samples)) as on_rows:
        summaries = evaluate_into(
            folder,
            asked,
            samples,
            config,
            threshold=RulesJudgeConfig().threshold,
            max_pixels=DataConfig().picture_pixel_limit,
            on_rows=on_rows,
            processes=processes,
        )
    return path, summaries


def _place_for(source: str, output: Path | None) -> RunFolder:
    """The folder that rows go into; made later, when nothing else can be wrong.

    Raises:
        ConfigError: If there is none.
        RunFolderError: If it holds something else.
    """
    run = RunFolder(Path(source))
    if output is None and not run.holds_run:
        raise ConfigError(
            f"{source} is no run folder, so the rows need a place: add --output FOLDER"
        )
    folder = run if output is None else RunFolder(output)
    if not folder.holds_run:
        RunFolder.refuse_taken(folder.path)
    return folder


def _refuse_taken_rows(path: Path, *, resume: bool, overwrite: bool) -> None:
    if path.exists() and not (resume or overwrite):
        raise RunFolderError(
            f"{path} holds rows already; add --resume to ask only what is missing, --overwrite to "
            "ask everything again, or another --label"
        )


def _refuse_mixture(path: Path, rows: Sequence[EvaluationRow], weights: str) -> None:
    """Two models' answers in one file would be summed up as one model's."""
    others = {row.weights for row in rows} - {weights, None}
    if others:
        raise RunFolderError(
            f"{path} holds rows of other weights ({', '.join(sorted(map(str, others)))}; these are "
            f"{weights}); name this model with --label, or ask everything again with --overwrite"
        )


def _keep(folder: RunFolder, fresh: Sequence[EvaluationSummary]) -> None:
    """Put figures into the run's table, in place of older ones of the same model and mode."""

    def key(row: EvaluationSummary) -> tuple[str, str, int | None]:
        return (row.model, row.mode, row.step)

    replaced = {key(row) for row in fresh}
    kept = [row for row in folder.read_evaluation_table().rows if key(row) not in replaced]
    folder.write_evaluation_table(EvaluationTable(rows=(*kept, *fresh)))
