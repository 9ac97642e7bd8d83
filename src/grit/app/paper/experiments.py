"""`grit paper`: every experiment of the paper on a world, part by part, onto one page.

Each part goes on where an earlier call stopped, and the page is written again after each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grit.analysis.correlation import RegionJudge
from grit.app.paper.analyses import ANALYSES, analyse
from grit.app.paper.course import Course, Job, PaperProgress, run_jobs
from grit.app.paper.differences import differences
from grit.app.paper.models import ask_base, train_and_ask
from grit.app.paper.world import Scale, asked_samples, scale_of, sets_of, trainings
from grit.errors import ConfigError
from grit.prompts.question import Mode
from grit.records.paper import PaperRecord
from grit.viewer.paper import write_paper

__all__ = ["PARTS", "run_paper"]

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
    taught, sft = (each.recipe for each in trainings(["grit", "sft"], folder, scale, seed=0))
    record = PaperRecord(
        world="built-in",
        quick=quick,
        num_seeds=num_seeds,
        steps=taught.training.steps,
        sizes=scale.sizes,
        test_sets=sets_of(samples),
        differences=differences(taught, sft, scale, quick=quick),
    )
    course = Course(folder, scale, progress, samples, judge, record)
    jobs = _jobs(course, wanted, num_seeds)
    run_jobs(course, jobs, [part for part in PARTS if part not in wanted])
    page, text = write_paper(course.record, folder)
    return course.record, page, text


def _refuse_other_size(folder: Path, *, quick: bool) -> None:
    mark = folder / "paper.json"
    if mark.exists():
        found = PaperRecord.model_validate_json(mark.read_text(encoding="utf-8"))
        if found.quick != quick:
            kind = "a quick" if found.quick else "a whole"
            raise ConfigError(f"{folder} holds {kind} run; name another folder with --output")


def _jobs(course: Course, wanted: Sequence[str], num_seeds: int) -> list[Job]:
    """Everything that is asked for, in order."""
    jobs: list[Job] = []
    if {"base", "correlation"} & {*wanted}:
        jobs += [
            Job(f"base, {mode}", "evaluate", lambda m=mode: ask_base(course, m))
            for mode in _BASE_MODES
        ]
    for seed in range(num_seeds):
        names = _trained(course.scale, wanted)
        for training in trainings(names, course.folder, course.scale, seed=seed):
            title = f"{training.name}, seed {seed}"
            jobs.append(Job(title, "train", lambda t=training, s=seed: train_and_ask(course, t, s)))
            if training.name == "grit":
                jobs += [
                    Job(f"{part}, seed {seed}", part, lambda p=part, s=seed: analyse(course, p, s))
                    for part in ANALYSES
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
