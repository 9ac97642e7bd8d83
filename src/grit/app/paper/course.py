"""What `grit paper` has found so far, and the jobs that find the rest, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from grit.analysis.correlation import RegionJudge
from grit.app.evaluate import Evaluation, EvaluationProgress
from grit.app.paper.world import Scale
from grit.app.run import Listener
from grit.data.sample import Sample
from grit.records.files import write_json
from grit.records.folder import RunFolder
from grit.records.paper import PaperRecord, PaperRun
from grit.viewer.paper import write_paper

__all__ = ["Asked", "Course", "Job", "PaperProgress", "folder_at", "run_jobs"]

Asked = tuple[str, int | None]
"""A run's name and its training seed; None where nothing was trained."""

_WEIGHTS = {
    "train": 6.0,
    "evaluate": 1.5,
    "correlation": 0.7,
    "faithfulness": 3.0,
    "attention": 2.0,
}
"""How long kinds of work take beside each other, until they have been measured."""


@dataclass(frozen=True, slots=True)
class PaperProgress:
    """What draws the progress.

    Args:
        bar: Of evaluations and analyses.
        listener: Opens what watches one training.
        said: Told of each job: its number and name, time so far and time left.
    """

    bar: EvaluationProgress
    listener: Callable[[], AbstractContextManager[Listener]]
    said: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, which can be gone on with by itself."""

    title: str
    kind: str
    work: Callable[[], None]


@dataclass(slots=True)
class Course:
    """All that is known so far."""

    folder: Path
    scale: Scale
    progress: PaperProgress
    samples: list[Sample]
    judge: RegionJudge
    record: PaperRecord
    runs: dict[Asked, PaperRun] = field(default_factory=dict[Asked, PaperRun])
    answers: dict[Asked, Evaluation] = field(default_factory=dict[Asked, Evaluation])
    without: list[str] = field(default_factory=list[str])
    """Parts that found nothing to look at, and why."""


def folder_at(path: Path) -> RunFolder:
    """A run folder that is there, or a new one."""
    folder = RunFolder(path)
    return folder if folder.holds_run else RunFolder.create(path)


def run_jobs(course: Course, jobs: Sequence[Job], left_out: Sequence[str]) -> None:
    """Do one after the other; record and page are written after each, and say what is missing.

    Args:
        course: Takes what is found.
        jobs: In order.
        left_out: Parts that were not asked for.
    """
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
        missing = [*course.without, *(each.title for each in jobs[number:])]
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
