"""`grit export`: a run's weights as a folder that plain transformers loads, with its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from grit.app.card import model_card
from grit.app.checkpoints import choose_checkpoint
from grit.app.settings import settings_of, trained_image_processor, trained_limits
from grit.config.model import BUILTIN, ModelConfig
from grit.errors import ConfigError, RunFolderError
from grit.models.adapter import load_adapter, save_adapter
from grit.models.family import LoadedModel
from grit.models.fingerprint import fingerprint
from grit.models.load import BUILTIN_FOLDER, load_model, save_model
from grit.records.atomic import write_directory
from grit.records.folder import RunFolder
from grit.records.settings import SETTINGS_FILE, ModelSettings, write_settings

__all__ = ["Exported", "export_run"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        path: The folder.
        settings: Its settings file.
    """

    path: Path
    settings: ModelSettings


def export_run(
    run: Path,
    output: Path | None = None,
    *,
    step: int | None = None,
    merge: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write a run's model as a folder for others.

    Args:
        run: The run's folder.
        output: Where to; None is beside the run, its name with ``-export``.
        step: Whose checkpoint; None takes the best one where it was kept, else the last.
        merge: Merge a LoRA adapter into its base; without it the adapter alone is written.
        overwrite: Replace an export that stands at ``output``, whatever was put beside it.

    Raises:
        ConfigError: If there is nothing to merge.
        RunFolderError: If there is no run, no such checkpoint, or ``output`` is taken.
        ModelError: If the model or its base cannot be loaded.
        CheckpointError: If the disk is full.
    """
    folder = RunFolder.open(run)
    chosen = choose_checkpoint(folder, step)
    path = run.with_name(f"{run.resolve().name}-export") if output is None else output
    _refuse_taken(path, folder, overwrite=overwrite)
    recipe = folder.read_recipe()
    config = _trained(recipe, folder, chosen.model)
    if merge and config.lora is None:
        raise ConfigError(
            f"the run {run} trained all weights, so there is no adapter to merge; leave --merge out"
        )
    # Nothing is resized here: torchvision need not be on this machine.
    reading = config.model_copy(update={"image_processor": "pil"})
    write = _writer(reading, chosen.model, merge=merge)
    written: list[ModelSettings] = []

    def fill(partial: Path) -> None:
        model, weights, base_weights = write(partial)
        settings = settings_of(
            model,
            config,
            stop=recipe["rollout"]["stop"],
            weights=weights,
            step=chosen.step,
            base_weights=base_weights,
        )
        write_settings(partial, settings)
        (partial / "README.md").write_text(model_card(folder, settings, recipe), encoding="utf-8")
        written.append(settings)

    again = "export again, or name a folder on another disk with --output"
    write_directory(path, fill, replace=True, what="export", fix=again)
    return Exported(path, written[0])


_Weights = tuple[LoadedModel, Literal["full", "adapter", "merged"], str | None]


def _writer(config: ModelConfig, trained: Path, *, merge: bool) -> Callable[[Path], _Weights]:
    """What writes weights, tokenizer, image processor and generation settings."""

    def full(partial: Path) -> _Weights:
        model = load_model(config.model_copy(update={"path": str(trained), "revision": None}))
        save_model(model, partial)
        return model, "full", None

    def merged(partial: Path) -> _Weights:
        # In float32, so that weights are rounded once, after the adapter was added to them.
        model = load_model(config.model_copy(update={"dtype": "float32"}))
        adapter = load_adapter(model, trained, trainable=False)
        model.network = adapter.merge_and_unload().to(getattr(torch, config.dtype))
        save_model(model, partial)
        return model, "merged", None

    def adapter_alone(partial: Path) -> _Weights:
        model = load_model(config)
        base_weights = fingerprint(model.network)
        generation: Any = getattr(model.network, "generation_config", None)
        adapter = load_adapter(model, trained, trainable=False)
        for settings in adapter.peft_config.values():
            settings.base_model_name_or_path = _base_name(config)
            settings.revision = config.revision
        save_adapter(model, adapter, partial)
        if generation is not None:
            generation.save_pretrained(partial)
        return model, "adapter", base_weights

    if config.lora is None:
        return full
    return merged if merge else adapter_alone


def _base_name(config: ModelConfig) -> str:
    """Where plain transformers finds the base: a hub name, or an absolute folder."""
    if config.path == BUILTIN:
        return str(BUILTIN_FOLDER.resolve())
    folder = Path(config.path).expanduser()
    return str(folder.resolve()) if folder.is_dir() else config.path


def _trained(recipe: dict[str, Any], folder: RunFolder, model: Path) -> ModelConfig:
    """The model as the run trained it, to be loaded where there is memory: on the CPU."""
    config = ModelConfig.model_validate(recipe["model"])
    changes: dict[str, Any] = {
        "device": "cpu", "attention": "sdpa", "gradient_checkpointing": False,
        "image_processor": trained_image_processor(model),
    }  # fmt: skip
    limits = trained_limits(folder, model)
    if limits is not None:
        changes |= {"min_pixels": limits.min_pixels, "max_pixels": limits.max_pixels}
    return config.model_copy(update=changes)


def _refuse_taken(path: Path, run: RunFolder, *, overwrite: bool) -> None:
    """Say no before anything is loaded."""
    inside = run.path.resolve()
    if path.resolve() == inside or any(
        part in (inside, run.checkpoints.resolve(), run.best.resolve())
        for part in path.resolve().parents
    ):
        raise RunFolderError(
            f"{path} lies in the run's own folder, which grit train --overwrite clears; name a "
            "folder elsewhere with --output"
        )
    if not path.exists():
        return
    if not path.is_dir():
        raise RunFolderError(f"{path} is a file; name a folder for the export with --output")
    if not any(path.iterdir()):
        return
    if not (path / SETTINGS_FILE).is_file():
        raise RunFolderError(
            f"{path} holds files that are no export of grit (it has no {SETTINGS_FILE}), and they "
            "are left alone, with --overwrite too; name another folder with --output"
        )
    if not overwrite:
        raise RunFolderError(
            f"{path} holds an export already; add --overwrite to replace it, or name another "
            "folder with --output"
        )
