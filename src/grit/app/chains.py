"""A model's chains on some data, for analyses: asked where they are not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grit.analysis.interventions import Case
from grit.analysis.reasoner import PolicyReasoner
from grit.app.evaluate import Asked, EvaluationProgress, evaluate_rows
from grit.app.evaluate_models import label_of, place_for
from grit.app.models import is_taught, load_source
from grit.app.samples import read_source, refuse_unknown_tasks
from grit.config.evaluation import EvaluationConfig
from grit.config.model import ModelConfig
from grit.data.pictures import open_sample_picture
from grit.data.sample import Sample
from grit.models.family import LoadedModel
from grit.policy.policy import Policy
from grit.prompts.question import Mode, question_turn
from grit.records.folder import RunFolder
from grit.records.rows import EvaluationRow
from grit.rollout.local import Sampling

__all__ = ["Chains", "case_of", "chains_of", "reasoner_of"]


@dataclass(frozen=True, slots=True)
class Chains:
    """What a model said.

    Args:
        folder: Where rows stand.
        name: Of their file, without its ending.
        model: Who said it.
        stop: Text that ends its chains.
        mode: How it was asked.
        samples: By id.
        rows: One a sample, in order of the samples.
    """

    folder: RunFolder
    name: str
    model: LoadedModel
    stop: str
    mode: Mode
    samples: dict[str, Sample]
    rows: list[EvaluationRow]


def chains_of(
    source: str,
    model_config: ModelConfig,
    config: EvaluationConfig,
    bar: EvaluationProgress,
    *,
    data: str,
    images: Path | None = None,
    mode: Mode | None = None,
    output: Path | None = None,
    label: str | None = None,
) -> Chains:
    """Load a model and take its rows on some data; samples without a row are asked first.

    Args:
        source: Hub name, model folder, export, run folder or ``builtin``.
        model_config: Everything but the path.
        config: Tasks, limit, length, batch size and seed.
        bar: Draws the progress.
        data: A JSONL file or a word for the built-in world.
        images: Folder of the file's pictures.
        mode: How questions are put; None is grounded for a model that grit trained, else cot.
        output: Run folder; None is the model's own.
        label: Name in rows; None is what ``grit eval`` calls it.

    Raises:
        ConfigError: If there is no folder for the rows.
        RunFolderError: If the rows that stand there are another model's.
    """
    folder = place_for(source, output)
    refuse_unknown_tasks(data, config.tasks)
    loaded = load_source(source, model_config)
    asked = Asked(
        loaded.model,
        label or label_of(source),
        mode or (Mode.GROUNDED if is_taught(source) else Mode.COT),
        loaded.step,
        loaded.stop,
    )
    if not folder.holds_run:
        RunFolder.create(folder.path)
    samples = read_source(
        data,
        images=images,
        pictures=folder.pictures,
        tasks=config.tasks,
        limit=config.limit,
        seed=config.seed,
    )
    with bar(f"{asked.label}, {asked.mode}", len(samples)) as on_rows:
        found = evaluate_rows(folder, asked, samples, config, on_rows=on_rows)
    return Chains(
        folder,
        found.path.stem,
        loaded.model,
        loaded.stop,
        asked.mode,
        {sample.id: sample for sample in samples},
        list(found.rows),
    )


def case_of(chains: Chains, row: EvaluationRow) -> Case:
    """One chain with its picture open."""
    sample = chains.samples[row.sample_id]
    picture = open_sample_picture(sample)
    frame = chains.model.prepare(picture, question_turn(sample.question, chains.mode)).frame
    return Case(sample, picture, frame, row.text)


def reasoner_of(chains: Chains, config: EvaluationConfig) -> PolicyReasoner:
    """The model that wrote the chains, going on greedily."""
    sampling = Sampling(
        max_new_tokens=config.max_new_tokens,
        temperature=0.0,
        stop=chains.stop,
        sequences_at_once=config.batch_size,
    )
    return PolicyReasoner(Policy(chains.model), sampling, chains.mode)
