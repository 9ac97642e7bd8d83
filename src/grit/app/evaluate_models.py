"""`grit eval`: models from anywhere, asked a data set in one mode or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grit.app.evaluate import Asked, Evaluation, EvaluationProgress, evaluate_rows
from grit.app.models import is_taught, load_source
from grit.app.samples import icl_example, read_source, refuse_unknown_tasks, source_file
from grit.config.evaluation import EvaluationConfig
from grit.config.judge import RulesJudgeConfig
from grit.config.model import ModelConfig
from grit.data.sample import Sample
from grit.errors import ConfigError, RunFolderError
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Judge
from grit.processes.processes import ALONE, Processes, by_writer
from grit.prompts.question import Mode
from grit.records.folder import RunFolder

__all__ = ["evaluate_model", "label_of", "labels_of", "place_for"]

_RULES = RulesJudge()


def evaluate_model(
    source: str,
    model_config: ModelConfig,
    config: EvaluationConfig,
    *,
    bar: EvaluationProgress,
    data: str,
    images: Path | None = None,
    modes: Sequence[str | None] = (None,),
    example: Path | None = None,
    output: Path | None = None,
    label: str | None = None,
    judge: Judge | None = _RULES,
    threshold: float = RulesJudgeConfig().threshold,
    resume: bool = False,
    overwrite: bool = False,
    processes: Processes = ALONE,
) -> list[Evaluation]:
    """Load a model from anywhere and evaluate it into a run folder, in one mode or several.

    Args:
        source: Hub name, model folder, export, run folder or ``builtin``.
        model_config: Everything but the path.
        config: Tasks, limit, length, temperature, batch size and seed.
        bar: Draws the progress.
        data: A JSONL file or a word for the built-in world.
        images: Folder of the file's pictures.
        modes: How questions are put; None is grounded for a model that grit trained, else direct.
        example: A JSONL file whose first row is shown in the mode ``icl``; None takes a built-in
            triplet.
        output: Run folder; None is the model's own.
        label: Name in rows and tables; None is ``grit`` for a model that grit trained, ``sft``
            for a run of SFT, else ``base``.
        judge: Who says what is right; None keeps predictions alone.
        threshold: Raw score from which an answer counts as right.
        resume: Keep the rows that stand there.
        overwrite: Remove the rows that stand there.
        processes: Who ask together; each calls this with the same arguments.

    Returns:
        One evaluation a mode, in order.

    Raises:
        ConfigError: If there is no folder for the rows.
        RunFolderError: If rows stand there, and neither flag is given.
    """
    taught, default_label = by_writer(processes, lambda: (is_taught(source), label_of(source)))
    folder = by_writer(processes, lambda: place_for(source, output))

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
    if example is not None:
        by_writer(processes, lambda: icl_example(example, ()))
    # A file is read before a model that takes minutes to load; scenes are drawn into the folder.
    known = None if source_file(data) is None else by_writer(processes, read)
    loaded = load_source(source, model_config)
    asked = [
        Asked(
            loaded.model,
            label or default_label,
            Mode(mode) if mode else (Mode.GROUNDED if taught else Mode.DIRECT),
            loaded.step,
            loaded.stop,
            example,
        )
        for mode in modes
    ]
    paths = [folder.evaluation(each.label, each.mode.value, each.step) for each in asked]

    def take() -> list[Sample]:
        for path in paths:
            _refuse_taken_rows(path, resume=resume, overwrite=overwrite)
        if not folder.holds_run:
            RunFolder.create(folder.path)
        samples = read() if known is None else known
        # Only now is everything known to be right that can be.
        if overwrite:
            for path in paths:
                path.unlink(missing_ok=True)
        return samples

    samples = by_writer(processes, take)
    found: list[Evaluation] = []
    for each in asked:
        with bar(f"{each.label}, {each.mode}", len(samples)) as on_rows:
            found.append(
                evaluate_rows(
                    folder,
                    each,
                    samples,
                    config,
                    threshold=threshold,
                    judge=judge,
                    on_rows=on_rows,
                    processes=processes,
                )
            )
    return found


def labels_of(sources: Sequence[str], labels: Sequence[str] = ()) -> list[str | None]:
    """A label for each of several models: those given, else what tells them apart.

    Raises:
        ConfigError: If there are not as many labels as models, or two models share one.
    """
    if labels and len(labels) != len(sources):
        raise ConfigError(
            f"{len(labels)} labels for {len(sources)} models; give one --label a model, or none"
        )
    found: list[str | None] = list(labels) or [None] * len(sources)
    default = [label_of(source) for source in sources]
    if not labels and len(set(default)) < len(sources):
        found = [Path(source).name or source for source in sources]
    if len(sources) > 1 and len(set(found)) < len(sources) and any(found):
        raise ConfigError(
            f"two models would be called {', '.join(map(str, found))}; tell them apart with "
            "--label, one a model"
        )
    return found


def label_of(source: str) -> str:
    """``sft`` for a run of SFT, ``grit`` for another model that grit trained, else ``base``."""
    run = RunFolder(Path(source))
    if run.holds_run and run.recipe.is_file() and run.read_recipe().get("sft"):
        return "sft"
    return "grit" if is_taught(source) else "base"


def place_for(source: str, output: Path | None) -> RunFolder:
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
