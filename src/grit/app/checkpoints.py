"""Which of a run's checkpoints is meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grit.errors import RunFolderError
from grit.records.folder import RunFolder
from grit.training.checkpoint import MODEL_FOLDER, step_of

__all__ = ["ChosenCheckpoint", "choose_checkpoint"]


@dataclass(frozen=True, slots=True)
class ChosenCheckpoint:
    """A checkpoint of a run.

    Args:
        folder: It.
        step: Training step of its weights.
    """

    folder: Path
    step: int

    @property
    def model(self) -> Path:
        """Its model folder."""
        return self.folder / MODEL_FOLDER


def choose_checkpoint(run: RunFolder, step: int | None = None) -> ChosenCheckpoint:
    """A step's checkpoint, or the best one where it was kept, else the last.

    Raises:
        RunFolderError: If there is none.
        CheckpointError: If it does not say its step.
    """
    if step is not None:
        steps = run.checkpoint_steps()
        if step not in steps:
            raise RunFolderError(
                f"the run {run.path} has no checkpoint of step {step}; it has "
                f"{', '.join(map(str, steps)) or 'none yet'}"
            )
        return ChosenCheckpoint(run.checkpoint(step), step)
    folder = run.best if (run.best / MODEL_FOLDER).is_dir() else run.latest_checkpoint()
    if folder is None:
        raise RunFolderError(
            f"the run {run.path} has no checkpoint yet; wait for its first, or lower "
            "training.checkpoint_every"
        )
    return ChosenCheckpoint(folder, step_of(folder))
