"""Curves in TensorBoard, Weights & Biases or trackio, through accelerate."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from grit.config.tracking import TrackingConfig
from grit.errors import ConfigError

__all__ = ["Track", "require_tracker", "tracker"]


class Track(Protocol):
    """Takes the figures of one step."""

    def __call__(self, figures: dict[str, float | None], step: int) -> None:
        """Send figures; None is left out."""
        ...


def require_tracker(config: TrackingConfig) -> None:
    """Refuse a tracker that cannot be had.

    Raises:
        ConfigError: If it is not installed.
    """
    if config.tracker != "none" and importlib.util.find_spec(config.tracker) is None:
        raise ConfigError(
            f"tracking.tracker {config.tracker} is not installed; pip install "
            f"'grit-vlm[{config.tracker}]', or set it to none"
        )


@contextmanager
def tracker(config: TrackingConfig, folder: Path, recipe: dict[str, Any]) -> Iterator[Track]:
    """Open the recipe's tracker for the length of a run.

    Args:
        config: Which tracker, and the project's name.
        folder: Where trackers that write files write them.
        recipe: Kept by trackers that keep settings.

    Raises:
        ConfigError: If the tracker is not installed.
    """
    if config.tracker == "none":
        yield _nowhere
        return
    require_tracker(config)
    # Only a run with a tracker pays for accelerate's import.
    from accelerate import Accelerator

    folder.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(log_with=config.tracker, project_dir=str(folder), cpu=False)
    settings = dict(_flat(recipe))
    accelerator.init_trackers(config.project, config=settings)

    def track(figures: dict[str, float | None], step: int) -> None:
        accelerator.log({k: v for k, v in figures.items() if v is not None}, step=step)

    try:
        yield track
    finally:
        # Not end_training: it would part the run's processes, which have yet to meet.
        for each in accelerator.trackers:
            each.finish()


def _nowhere(figures: dict[str, float | None], step: int) -> None:
    """Where figures go without a tracker."""


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, bool | int | float | str):
            yield f"{prefix}{key}", value
        else:
            yield f"{prefix}{key}", str(value)
