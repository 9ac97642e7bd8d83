"""`grit paper`: every experiment of the paper on a world, part by part, onto one page.

Each part goes on where an earlier call stopped, and the page is written again after each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from grit.analysis.chains import chain_of_row, shuffled_chains
from grit.analysis.correlation import DRAWS, RegionJudge, fitting
from grit.analysis.effects import largest_effects
from grit.app.attention import run_attention
from grit.app.chains import Chains
from grit.app.correlation import Named, correlate_into
from grit.app.evaluate import Asked, Evaluation, EvaluationProgress, evaluate_rows
from grit.app.faithfulness import run_faithfulness
from grit.app.models import load_source
from grit.app.paper_world import (
    DIFFERENCES,
    Scale,
    Training,
    asked_samples,
    scale_of,
    sets_of,
    trainings,
)
from grit.app.run import Listener
from grit.app.sft import fine_tune
from grit.app.train import train
from grit.config.recipe import Recipe
from grit.data.sample import Sample
from grit.errors import ConfigError, StoppedBySignalError
from grit.prompts.question import Mode
from grit.records.analyses import FaithfulnessRow
from grit.records.files import write_json
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.paper import PaperExample, PaperRecord, PaperRun
from grit.viewer.paper import write_paper

__all__ = ["PARTS", "PaperProgress", "run_paper"]

PARTS = (
    "base",
    "sft",
    "grit",
    "correlation",
    "faithfulness",
    "attention",
    "ablation",
    "scaling",
    "controls",
)
"""What can be asked for alone; a part that needs another's model runs that one first."""

_BASE_MODES = (Mode.DIRECT, Mode.COT, Mode.ICL)
_WEIGHTS = {
    "train": 6.0,
    "evaluate": 1.5,
    "correlation": 0.7,
    "faithfulness": 3.0,
    "attention": 2.0,
}
"""How long parts take beside each other, until they have been measured."""


@dataclass(frozen=True, slots=True)
class PaperProgress:
    """What draws the progress.

    Args:
        bar: Of evaluations and analyses.
        listener: Opens what watches one training.
        said: Told of each part: its number and name, time so far and time left.
    """

    bar: EvaluationProgress
    listener: Callable[[], AbstractContextManager[Listener]]
    said: Callable[[str], None]


@dataclass(slots=True)
class _Job:
    """One piece of work."""

    title: str
    kind: str
    work: Callable[[], None]


@dataclass(slots=True)
class _Course:
    """All that is known so far."""

    folder: Path
    scale: Scale
    progress: PaperProgress
    samples: list[Sample]
    judge: RegionJudge
    record: PaperRecord
    runs: dict[tuple[str, int | None], PaperRun] = field(
        default_factory=dict[tuple[str, int | None], PaperRun]
    )
    answers: dict[tuple[str, int | None], Evaluation] = field(
        default_factory=dict[tuple[str, int | None], Evaluation]
    )


def run_paper(
    folder: Path,
    judge: RegionJudge,
    progress: PaperProgress,
    *,
    quick: bool = False,
    num_seeds: int = 1,
    only: Sequence[str] = (),
) -> tuple[PaperRecord, Path, Path]:
    """Run everything that is missing, and write the page.

    Args:
        folder: Of all experiments; a folder that an earlier call wrote is gone on with.
        judge: Of cross-modal correlation.
        progress: What draws the progress.
        quick: Whether everything is small.
        num_seeds: Training seeds, from 0.
        only: Parts; none runs all.

    Returns:
        What was found, ``paper.html`` and ``paper.md``.

    Raises:
        ConfigError: If the folder holds a paper of another size.
        StoppedBySignalError: If a training was stopped by hand; the same command goes on.
    """
    scale = scale_of(quick=quick)
    wanted = [part for part in PARTS if not only or part in only]
    _refuse_other_size(folder, quick=quick)
    samples = asked_samples(folder, scale)
    first = trainings(["grit"], folder, scale, seed=0)[0].recipe
    record = PaperRecord(
        world="built-in",
        quick=quick,
        num_seeds=num_seeds,
        steps=first.training.steps,
        sizes=scale.sizes,
        test_sets=sets_of(samples),
        differences=DIFFERENCES if not quick else (*DIFFERENCES, _quick_words(first)),
    )
    course = _Course(folder, scale, progress, samples, judge, record)
    jobs = _jobs(course, wanted, num_seeds)
    _run(course, jobs, [part for part in PARTS if part not in wanted])
    page, text = write_paper(course.record, folder)
    return course.record, page, text


def _quick_words(recipe: Recipe) -> str:
    return (
        f"Quick: {recipe.training.steps} steps of {recipe.group.prompts_per_step} prompts with "
        f"{recipe.group.size} completions, and a few test questions of each task."
    )


def _refuse_other_size(folder: Path, *, quick: bool) -> None:
    mark = folder / "paper.json"
    if mark.exists():
        found = PaperRecord.model_validate_json(mark.read_text(encoding="utf-8"))
        if found.quick != quick:
            kind = "a quick" if found.quick else "a whole"
            raise ConfigError(f"{folder} holds {kind} run; name another folder with --output")


def _jobs(course: _Course, wanted: Sequence[str], num_seeds: int) -> list[_Job]:
    """Everything that is asked for, in order."""
    jobs: list[_Job] = []
    if {"base", "correlation"} & {*wanted}:
        jobs += [
            _Job(f"base, {mode}", "evaluate", lambda m=mode: _ask_base(course, m))
            for mode in _BASE_MODES
        ]
    for seed in range(num_seeds):
        names = _trained(course.scale, wanted)
        for training in trainings(names, course.folder, course.scale, seed=seed):
            title = f"{training.name}, seed {seed}"
            jobs.append(_Job(title, "train", lambda t=training, s=seed: _train(course, t, s)))
            if training.name == "grit":
                jobs += [
                    _Job(f"{part}, seed {seed}", part, lambda w=work, s=seed: w(course, s))
                    for part, work in _ANALYSES.items()
                    if part in wanted
                ]
    return jobs


def _trained(scale: Scale, wanted: Sequence[str]) -> list[str]:
    """Runs that the wanted parts need; the analyses and comparisons need that of grit."""
    names = ["sft"] if "sft" in wanted else []
    names += ["grit"] if {*wanted} - {"base", "sft"} else []
    names += ["no-counting"] if "ablation" in wanted else []
    names += [f"triplets-{size}" for size in scale.sizes[1:]] if "scaling" in wanted else []
    return names + (["no-answer-reward", "shuffled-answers"] if "controls" in wanted else [])


def _run(course: _Course, jobs: Sequence[_Job], left_out: Sequence[str]) -> None:
    """Do one after the other; the page says what is missing until it is there."""
    began, done = time.monotonic(), 0.0
    total = sum(_WEIGHTS[job.kind] for job in jobs)
    for number, job in enumerate(jobs, start=1):
        spent = time.monotonic() - began
        left = f", about {spent / done * (total - done) / 60:.0f} min left" if done else ""
        course.progress.said(
            f"[{number}/{len(jobs)}] {job.title}; {spent / 60:.1f} min so far{left}"
        )
        started = time.monotonic()
        job.work()
        done += _WEIGHTS[job.kind]
        seconds = {**course.record.seconds, job.title: round(time.monotonic() - started, 1)}
        missing = [each.title for each in jobs[number:]]
        missing += [f"{part}: not asked for (--only)" for part in left_out]
        course.record = course.record.model_copy(
            update={
                "runs": tuple(course.runs.values()),
                "seconds": seconds,
                "missing": tuple(missing),
            }
        )
        write_json(course.folder / "paper.json", course.record)
        write_paper(course.record, course.folder)


def _ask_base(course: _Course, mode: Mode) -> None:
    recipe = trainings(["grit"], course.folder, course.scale, seed=0)[0].recipe
    loaded = load_source(recipe.model.path, recipe.model)
    folder = _folder(course.folder / "base")
    asked = Asked(loaded.model, "base", mode, stop=recipe.rollout.stop)
    _keep(course, mode.value, None, _evaluate(course, folder, asked, recipe), None)


def _train(course: _Course, training: Training, seed: int) -> None:
    """Train, or go on, or open what is there; then ask all test questions."""
    recipe = training.recipe
    folder = RunFolder(Path(recipe.output))
    seconds: float | None = None
    if recipe.training.steps not in folder.checkpoint_steps():
        with course.progress.listener() as listener:
            teach = fine_tune if training.name == "sft" else train
            outcome = teach(recipe, listener, resume=folder.holds_run)
        if outcome.stopped_by is not None:
            raise StoppedBySignalError(
                f"stopped in {training.name} after step {outcome.last_step}; the same command goes "
                "on from there",
                outcome.stopped_by,
            )
        seconds = outcome.train_seconds
    loaded = load_source(str(folder.path), recipe.model)
    asked = Asked(loaded.model, training.name, Mode.GROUNDED, loaded.step, recipe.rollout.stop)
    _keep(course, training.name, seed, _evaluate(course, folder, asked, recipe), seconds)


def _evaluate(course: _Course, folder: RunFolder, asked: Asked, recipe: Recipe) -> Evaluation:
    with course.progress.bar(f"{asked.label}, {asked.mode}", len(course.samples)) as on_rows:
        return evaluate_rows(
            folder,
            asked,
            course.samples,
            recipe.evaluation,
            threshold=recipe.judge.threshold,
            max_pixels=recipe.data.picture_pixel_limit,
            on_rows=on_rows,
        )


def _keep(
    course: _Course, name: str, seed: int | None, found: Evaluation, seconds: float | None
) -> None:
    course.answers[name, seed] = found
    course.runs[name, seed] = PaperRun(
        name=name, seed=seed, summaries=found.summaries, train_seconds=seconds
    )


def _folder(path: Path) -> RunFolder:
    folder = RunFolder(path)
    return folder if folder.holds_run else RunFolder.create(path)


def _correlation(course: _Course, seed: int) -> None:
    """Chains of grit, and with the first seed those of the base; each with its control."""
    names: list[tuple[str, int | None]] = [("grit", seed)]
    if seed == 0:
        names += [("cot", None), ("icl", None)]
    names += [("sft", seed)] if ("sft", seed) in course.answers else []
    folder = _folder(course.folder / "base")
    tables = list(course.record.correlation)
    for name, own in names:
        chains = [chain_of_row(row) for row in course.answers[name, own].rows]
        label = name if own is None else f"{name}-seed-{own}"
        for named in (Named(label, chains), Named(f"{label}.shuffled", shuffled_chains(chains))):
            kept, _ = fitting(named.chains)
            if not kept:
                continue
            total = len(kept) * 3 * len(DRAWS)
            with course.progress.bar(f"correlation, {named.name}", total) as on_rows:
                tables.append(
                    correlate_into(folder, named, course.judge, resume=True, on_rows=on_rows)
                )
    course.record = course.record.model_copy(update={"correlation": tuple(tables)})


def _faithfulness(course: _Course, seed: int) -> None:
    chains, recipe = _chains(course, seed, course.scale.faithfulness)
    config = recipe.evaluation.model_copy(update={"batch_size": 48})
    table = run_faithfulness(chains, config, course.progress.bar, resume=True)
    update: dict[str, object] = {
        "faithfulness": (
            *course.record.faithfulness,
            table.model_copy(update={"source": f"grit, seed {seed}"}),
        )
    }
    if seed == 0:
        rows, _ = chains.folder.analysis("faithfulness", chains.name)
        update["examples"] = _examples(read_rows(rows, FaithfulnessRow).rows, course.folder)
    course.record = course.record.model_copy(update=update)


def _attention(course: _Course, seed: int) -> None:
    chains, recipe = _chains(course, seed, course.scale.attention)
    table = run_attention(chains, recipe.evaluation, course.progress.bar, resume=True)
    named = table.model_copy(update={"source": f"grit, seed {seed}"})
    course.record = course.record.model_copy(
        update={"attention": (*course.record.attention, named)}
    )


_ANALYSES: dict[str, Callable[[_Course, int], None]] = {
    "correlation": _correlation,
    "faithfulness": _faithfulness,
    "attention": _attention,
}


def _chains(course: _Course, seed: int, limit: int) -> tuple[Chains, Recipe]:
    """The first chains of each task of the trained model, and its recipe."""
    recipe = trainings(["grit"], course.folder, course.scale, seed=seed)[0].recipe
    loaded = load_source(recipe.output, recipe.model)
    found = course.answers["grit", seed]
    taken: dict[str, int] = {}
    rows = []
    for row in found.rows:
        taken[row.task] = taken.get(row.task, 0) + 1
        if taken[row.task] <= limit:
            rows.append(row)
    chains = Chains(
        RunFolder(Path(recipe.output)),
        found.path.stem,
        loaded.model,
        recipe.rollout.stop,
        Mode.GROUNDED,
        {sample.id: sample for sample in course.samples},
        rows,
    )
    return chains, recipe


def _examples(rows: Sequence[FaithfulnessRow], folder: Path) -> tuple[PaperExample, ...]:
    shown: list[PaperExample] = []
    for row in largest_effects(rows, 6):
        image = Path(row.image)
        inside = image.is_relative_to(folder)
        shown.append(
            PaperExample(
                task=row.task,
                question=row.question,
                answer=row.answer,
                reference=row.reference,
                image=str(image.relative_to(folder) if inside else image.resolve()),
                text=row.text,
                boxes=row.cited,
                size=row.image_size,
            )
        )
    return tuple(shown)
