"""A run's folder: what lies where, who may write into it, and what changed since.

Layout::

    grit-run.json            marks the folder as ours
    recipe.yaml              the resolved recipe
    manifest.json            versions, machine, seeds, model, data
    steps.jsonl              one StepRow a training step
    completions.jsonl        one CompletionRow a sampled completion
    validation.jsonl         one ValidationRow a validation
    alarms.jsonl             one AlarmRow a kind of alarm
    checkpoints.jsonl        one CheckpointRow a checkpoint written
    checkpoints/step-000010/ weights, optimiser, random states
    best/                    weights of the best validation
    evaluations/             <model>-<mode>[-step-000010].jsonl and summary.json
    analyses/                correlation-, faithfulness- and attention-<rows' name>.jsonl and .json
    pictures/                annotated pictures
    tracker/                 files of TensorBoard and the like
    summary.json             the before/after figures, for programs
    report.html              the page
    vllm.log                 what vLLM said, where it made the rollouts
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from grit.errors import RunFolderError
from grit.records.atomic import atomic_write_text, remove_leftovers
from grit.records.files import read_json, read_text, write_json
from grit.records.manifest import Manifest, now
from grit.records.rows import EvaluationTable, Mode

__all__ = ["LAYOUT_VERSION", "MARKER", "RunFolder"]

MARKER = "grit-run.json"
LAYOUT_VERSION = 1

_CHECKPOINT = re.compile(r"step-(\d+)")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OUR_FILES = (
    "recipe.yaml", "manifest.json", "summary.json", "report.html", "vllm.log",
    *(f"{name}{end}.jsonl"
      for name in ("steps", "completions", "validation", "alarms", "checkpoints")
      for end in ("", ".superseded")),
    "evaluations/*.jsonl", "evaluations/summary.json",
    "analyses/*.jsonl", "analyses/*.json", "analyses/*.html",
    "pictures/*.png", "pictures/*.jpg",
    "tracker/**/events.out.tfevents.*", "tracker/**/hparams.yml",
    *(f"{folder}/**/*{end}"
      for folder in ("checkpoints/step-*", "best")
      for end in (".safetensors", ".json", ".jsonl", ".jinja", ".txt", ".model", ".md", ".yaml")),
)  # fmt: skip


class RunFolder:
    """Names of everything in a run's folder. Opening one reads and writes nothing.

    Args:
        path: The folder; ``create`` makes one, ``open`` checks that it is one.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.recipe = self.path / "recipe.yaml"
        self.manifest = self.path / "manifest.json"
        self.steps = self.path / "steps.jsonl"
        self.completions = self.path / "completions.jsonl"
        self.validation = self.path / "validation.jsonl"
        self.alarms = self.path / "alarms.jsonl"
        self.checkpoint_log = self.path / "checkpoints.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"
        self.evaluations = self.path / "evaluations"
        self.evaluation_table = self.evaluations / "summary.json"
        self.analyses = self.path / "analyses"
        self.pictures = self.path / "pictures"
        self.tracker = self.path / "tracker"
        self.summary = self.path / "summary.json"
        self.report = self.path / "report.html"
        self.engine_log = self.path / "vllm.log"

    @classmethod
    def refuse_taken(cls, path: Path, *, resume: bool = False, overwrite: bool = False) -> None:
        """Say no before anything is loaded or removed; changes nothing.

        Raises:
            RunFolderError: As ``create`` does.
        """
        folder = cls(path)
        if resume and overwrite:
            raise RunFolderError("--resume and --overwrite contradict each other; give one of them")
        if folder.path.exists() and not folder.path.is_dir():
            raise RunFolderError(f"{path} is a file; name a folder for the run's output")
        if folder.holds_run:
            if not (overwrite or resume):
                raise RunFolderError(
                    f"{path} holds a run already; add --resume to go on with it, --overwrite to "
                    "remove it first, or name another folder"
                )
        elif folder.path.is_dir() and any(folder.path.iterdir()):
            raise RunFolderError(
                f"{path} holds files that are no run of grit (it has no {MARKER}), and they are "
                "left alone, with --overwrite too; name a new or an empty folder"
            )
        elif resume:
            raise RunFolderError(
                f"there is no run to resume in {path}; check the path, or leave --resume out to "
                "start one there"
            )

    @classmethod
    def create(cls, path: Path, *, resume: bool = False, overwrite: bool = False) -> RunFolder:
        """Take a folder for a run.

        Args:
            path: A folder that is new, empty, or holds a run.
            resume: Go on with the run that it holds; half-written temporaries are cleared away.
            overwrite: Remove the run that it holds, that is, every file that grit wrote there.
                Other files in the folder stay.

        Raises:
            RunFolderError: If the folder holds a run and neither flag is given, holds something
                that is no run, or is no folder; if there is nothing to resume.
        """
        cls.refuse_taken(path, resume=resume, overwrite=overwrite)
        folder = cls(path)
        if folder.holds_run and overwrite:
            folder._remove_ours()
        if resume:
            for parent in (folder.path, folder.checkpoints, folder.evaluations, folder.analyses):
                remove_leftovers(parent)
            return folder
        folder.path.mkdir(parents=True, exist_ok=True)
        mark = {"kind": "grit run", "layout": LAYOUT_VERSION, "created": now()}
        atomic_write_text(folder.path / MARKER, json.dumps(mark, indent=2) + "\n")
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Find a run.

        Raises:
            RunFolderError: If there is none in the folder.
        """
        folder = cls(path)
        if not folder.path.exists():
            raise RunFolderError(f"{path} does not exist; give the folder of a run")
        if not folder.holds_run:
            raise RunFolderError(
                f"{path} holds no run (it has no {MARKER}); give the folder that grit train or "
                "grit demo wrote"
            )
        return folder

    @property
    def holds_run(self) -> bool:
        """Whether grit took this folder for a run, finished or not."""
        return (self.path / MARKER).is_file()

    def checkpoint(self, step: int) -> Path:
        """Folder of a step's checkpoint."""
        return self.checkpoints / f"step-{step:06d}"

    def checkpoint_steps(self) -> list[int]:
        """Steps whose checkpoint stands, in order."""
        if not self.checkpoints.is_dir():
            return []
        found = (
            _CHECKPOINT.fullmatch(entry.name)
            for entry in self.checkpoints.iterdir()
            if entry.is_dir()
        )
        return sorted(int(match[1]) for match in found if match)

    def latest_checkpoint(self) -> Path | None:
        """Folder of the last step's checkpoint; None when there is none."""
        steps = self.checkpoint_steps()
        return self.checkpoint(steps[-1]) if steps else None

    def evaluation(self, model: str, mode: Mode, step: int | None = None) -> Path:
        """File of one model's evaluation rows.

        Raises:
            RunFolderError: If the model's label cannot stand in a file name.
        """
        if not _LABEL.fullmatch(model):
            raise RunFolderError(
                f"model label {model!r} cannot name a file; use letters, digits, '.', '_' and '-'"
            )
        end = "" if step is None else f"-step-{step:06d}"
        return self.evaluations / f"{model}-{mode}{end}.jsonl"

    def evaluation_files(self) -> list[Path]:
        """Every file of evaluation rows, in order of name."""
        if not self.evaluations.is_dir():
            return []
        files = self.evaluations.glob("*.jsonl")
        return sorted(path for path in files if not path.stem.endswith(".superseded"))

    def analysis(self, kind: str, name: str) -> tuple[Path, Path]:
        """Files of an analysis: its rows and its figures.

        Args:
            kind: ``correlation``, ``faithfulness`` or ``attention``.
            name: Of the rows that it is about, or of a file of chains.

        Raises:
            RunFolderError: If the name cannot stand in a file name.
        """
        if not _LABEL.fullmatch(name):
            raise RunFolderError(
                f"{name!r} cannot name a file; use letters, digits, '.', '_' and '-'"
            )
        return self.analyses / f"{kind}-{name}.jsonl", self.analyses / f"{kind}-{name}.json"

    def write_recipe(self, recipe: Mapping[str, Any]) -> None:
        """Write the resolved recipe, plain values only."""
        text = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)
        atomic_write_text(self.recipe, text)

    def read_recipe(self) -> dict[str, Any]:
        """The resolved recipe.

        Raises:
            RunFolderError: If it is missing or no mapping.
        """
        text = read_text(self.recipe)
        try:
            recipe: object = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RunFolderError(f"{self.recipe} is no YAML: {error}") from error
        if not isinstance(recipe, dict):
            raise RunFolderError(f"{self.recipe} must hold a mapping of fields; restore the file")
        return cast("dict[str, Any]", recipe)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest."""
        write_json(self.manifest, manifest)

    def read_manifest(self) -> Manifest:
        """The manifest.

        Raises:
            RunFolderError: If it is missing or cannot be read.
        """
        return read_json(self.manifest, Manifest)

    def write_evaluation_table(self, table: EvaluationTable) -> None:
        """Write every summary of the run."""
        write_json(self.evaluation_table, table)

    def read_evaluation_table(self) -> EvaluationTable:
        """Every summary of the run; empty before the first evaluation.

        Raises:
            RunFolderError: If the file cannot be read.
        """
        if not self.evaluation_table.exists():
            return EvaluationTable()
        return read_json(self.evaluation_table, EvaluationTable)

    def _remove_ours(self) -> None:
        """Remove what grit wrote, and the folders that this leaves empty; never follow a link."""
        ours = {
            path
            for pattern in _OUR_FILES
            for path in self.path.glob(pattern)
            if path.is_file() and not _is_behind_a_link(path, self.path)
        }
        places = [self.best, *self.checkpoints.glob("step-*")]
        for stray in sorted(path for place in places for path in place.rglob("*")):
            # A checkpoint is written as one folder: it could not take the place of this one.
            if not stray.is_dir() and stray not in ours:
                raise RunFolderError(
                    f"{stray} is no file of grit, and it lies where --overwrite makes room for "
                    "new checkpoints; move it away, or name another folder. Nothing was removed"
                )
        for path in ours:
            path.unlink()
        for parent in (self.path, self.checkpoints, self.evaluations, self.analyses):
            remove_leftovers(parent)
        for top in (
            self.checkpoints, self.best, self.evaluations, self.analyses, self.pictures,
            self.tracker,
        ):  # fmt: skip
            _remove_empty_folders(top)
        # The marker goes last: a removal that is cut short can be done again.
        (self.path / MARKER).unlink()


def _is_behind_a_link(path: Path, root: Path) -> bool:
    """Whether a link lies on the way from a folder to a file (the file itself may be one)."""
    between = path.relative_to(root).parents
    return any((root / part).is_symlink() for part in between)


def _remove_empty_folders(top: Path) -> None:
    if not top.is_dir() or top.is_symlink():
        return
    for child in top.iterdir():
        _remove_empty_folders(child)
    if not any(top.iterdir()):
        top.rmdir()
