"""How a trained model wants to be asked: its settings file, and pixel limits that are held to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from grit import __version__
from grit.config.model import BUILTIN, ModelConfig
from grit.errors import ModelError
from grit.models.family import ImageBackend, LoadedModel, PixelLimits
from grit.prompts.question import SUFFIX_VERSION
from grit.records.folder import RunFolder
from grit.records.manifest import now
from grit.records.settings import ModelSettings, read_settings

__all__ = [
    "checked_settings",
    "limits_in_force",
    "refuse_adapter_as_base",
    "settings_of",
    "trained_image_processor",
    "trained_limits",
    "under_settings",
]

ADAPTER_FILE = "adapter_config.json"


def settings_of(
    model: LoadedModel,
    config: ModelConfig,
    *,
    stop: str,
    weights: Literal["full", "adapter", "merged"],
    step: int | None = None,
    base_weights: str | None = None,
) -> ModelSettings:
    """What has to be known beside a model's weights.

    Args:
        model: Under its limits.
        config: What training started from.
        stop: Text that ends its chains.
        weights: What the folder will hold.
        step: Training step of the weights.
        base_weights: Fingerprint of the base of an adapter.
    """
    local = Path(config.path).expanduser()
    return ModelSettings(
        grit_version=__version__,
        created=now(),
        base=str(local.resolve()) if config.path != BUILTIN and local.is_dir() else config.path,
        base_revision=config.revision,
        base_weights=base_weights,
        family=model.family.word,
        weights=weights,
        dtype=config.dtype,
        min_pixels=model.limits.min_pixels,
        max_pixels=model.limits.max_pixels,
        image_processor=config.image_processor or model.image_backend,
        system_prompt=model.system_prompt,
        stop=stop,
        suffix_version=SUFFIX_VERSION,
        step=step,
    )


def checked_settings(folder: Path) -> ModelSettings | None:
    """A folder's settings; None where it has none.

    Raises:
        ModelError: If the model was trained with a suffix that this grit does not send.
        RunFolderError: If the file cannot be read.
    """
    settings = read_settings(folder)
    if settings is not None and settings.suffix_version != SUFFIX_VERSION:
        raise ModelError(
            f"{folder} was trained with version {settings.suffix_version} of the prompt's suffix, "
            f"and this grit sends version {SUFFIX_VERSION}; use grit {settings.grit_version}, "
            "which wrote the folder"
        )
    return settings


def under_settings(config: ModelConfig, folder: Path) -> ModelConfig:
    """A configuration, completed by the settings file of the folder that it names.

    Raises:
        ModelError: If it asks for other pixel limits than those of training.
    """
    settings = checked_settings(folder)
    if settings is None:
        return config
    trained = PixelLimits(settings.min_pixels, settings.max_pixels)
    changes: dict[str, Any] = limits_in_force(str(folder), trained, config)
    if config.image_processor is None:
        changes["image_processor"] = settings.image_processor
    if config.system_prompt is None:
        changes["system_prompt"] = settings.system_prompt
    return config.model_copy(update=changes)


def trained_limits(run: RunFolder, model_folder: Path) -> PixelLimits | None:
    """Pixel limits that a run was trained under; None where nothing says."""
    settings = checked_settings(model_folder)
    if settings is not None:
        return PixelLimits(settings.min_pixels, settings.max_pixels)
    manifest = run.read_manifest() if run.manifest.is_file() else None
    if manifest is None or manifest.min_pixels is None or manifest.max_pixels is None:
        return None
    return PixelLimits(manifest.min_pixels, manifest.max_pixels)


def trained_image_processor(model_folder: Path) -> ImageBackend | None:
    """What resized pictures when a folder's model was trained; None where nothing says."""
    settings = checked_settings(model_folder)
    return None if settings is None else settings.image_processor


def limits_in_force(source: str, trained: PixelLimits, config: ModelConfig) -> dict[str, int]:
    """The limits to run a trained model under: its own, unless others are forced upon it.

    Raises:
        ModelError: If others are asked for, and not forced.
    """
    limits = {"min_pixels": trained.min_pixels, "max_pixels": trained.max_pixels}
    for name, own in tuple(limits.items()):
        wanted: int | None = getattr(config, name)
        if wanted is None or wanted == own:
            continue
        flag = name.replace("_", "-")
        if not config.force_pixel_limits:
            raise ModelError(
                f"{source} was trained with {name} {own}, and {name} {wanted} is asked for: what "
                f"it sees, and so each box that it writes, would shift. Leave --{flag} (in a "
                f"recipe: model.{name}) out, or add --force-pixel-limits (in a recipe: "
                "model.force_pixel_limits true) to run it so all the same"
            )
        limits[name] = wanted
    return limits


def refuse_adapter_as_base(config: ModelConfig) -> None:
    """An adapter alone cannot be trained on.

    Raises:
        ModelError: If the recipe's model is one.
    """
    folder = Path(config.path).expanduser()
    if config.path != BUILTIN and (folder / ADAPTER_FILE).is_file():
        raise ModelError(
            f"model.path {config.path} is a LoRA adapter without its base; train on from a folder "
            "that grit export RUN --merge wrote, or go on with its run (--resume)"
        )
