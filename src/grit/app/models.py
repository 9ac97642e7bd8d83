"""Sources to models: a hub name, a folder, the built-in one, a run, an export, an adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from grit.app.checkpoints import choose_checkpoint
from grit.app.settings import (
    ADAPTER_FILE,
    checked_settings,
    limits_in_force,
    refuse_adapter_as_base,
    settings_of,
    trained_image_processor,
    trained_limits,
    under_settings,
)
from grit.config.model import BUILTIN, ModelConfig
from grit.config.rollout import ANSWER_END
from grit.errors import ModelError
from grit.models.adapter import add_adapter, load_adapter, save_adapter
from grit.models.family import LoadedModel
from grit.models.fingerprint import fingerprint
from grit.models.load import load_model, save_model
from grit.policy.policy import Policy
from grit.policy.reference import AdapterOffReference, FrozenReference, Reference, frozen_copy
from grit.policy.vision import VisionFeatures
from grit.records.folder import RunFolder
from grit.records.settings import SETTINGS_FILE, ModelSettings, write_settings
from grit.training.checkpoint import MODEL_FOLDER

__all__ = ["Learner", "Source", "is_taught", "load_learner", "load_source"]


@dataclass(slots=True)
class Learner:
    """A policy made ready to learn.

    Args:
        policy: What learns.
        reference: The untrained model; None without a KL.
        trainable: Its trainable weights by name.
        save: Writes the model, or its adapter, into a folder.
        adapter: peft's model around the network; None where all weights learn.
    """

    policy: Policy
    reference: Reference | None
    trainable: dict[str, nn.Parameter]
    save: Callable[[Path], None]
    adapter: Any | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A model to ask or evaluate, and what its run says about it.

    Args:
        model: Ready to be asked.
        step: Training step of its weights; None where the source is no run.
        stop: Text that ends its chains, as in its training.
    """

    model: LoadedModel
    step: int | None = None
    stop: str = ANSWER_END


def load_learner(
    config: ModelConfig,
    *,
    needs_reference: bool,
    checkpoint: Path | None = None,
    seed: int = 0,
    stop: str = ANSWER_END,
) -> Learner:
    """Load what learns, and the reference that it is held to.

    Args:
        config: The model that training starts from, which stays the reference.
        needs_reference: Whether there is a KL.
        checkpoint: Where to go on from; None starts from the model itself.
        seed: Of fresh adapters.
        stop: Text that ends its chains, kept beside its weights.

    Raises:
        ModelError: If a model or adapter cannot be loaded, or was trained under other pixel limits.
    """
    refuse_adapter_as_base(config)
    config = under_settings(config, Path(config.path))
    base = load_model(config)
    if config.lora is not None:
        return _adapted(base, config, needs_reference, checkpoint, seed, stop)
    model = base
    if checkpoint is not None:
        model = load_model(config.model_copy(update=_at(checkpoint / MODEL_FOLDER)))
    policy = _learning(model, config)
    reference = None
    if needs_reference:
        frozen = frozen_copy(base) if model is base else base
        reference = FrozenReference(
            Policy(frozen, vision=_reference_features(frozen, policy, config)),
            max_bytes=_reference_bytes(config),
        )
    model.network.requires_grad_(True)
    for weight in model.family.tower_weights(model.network):
        weight.requires_grad_(not config.freeze_vision)
    for merger in model.family.mergers(model.network):
        merger.requires_grad_(not config.merger_is_frozen)

    def save(folder: Path) -> None:
        save_model(model, folder)
        write_settings(folder, settings_of(model, config, stop=stop, weights="full"))

    return Learner(policy, reference, _trainable(model), save)


def is_taught(source: str) -> bool:
    """Whether a source is a model that grit trained: a run's folder, or one with our settings."""
    folder = Path(source)
    return source != BUILTIN and (RunFolder(folder).holds_run or (folder / SETTINGS_FILE).is_file())


def load_source(source: str, config: ModelConfig) -> Source:
    """Load a model to ask or evaluate.

    Args:
        source: A hub name, a model folder, ``builtin``, an export, or the folder of a run, whose
            best checkpoint is taken where there is one, else its last.
        config: Everything but the path.

    Raises:
        ModelError: If there is no model there, or it was trained under other pixel limits.
        RunFolderError: If the run has no checkpoint yet.
    """
    run = RunFolder(Path(source))
    if source == BUILTIN or not run.holds_run:
        return _load_plain(source, config)
    chosen = choose_checkpoint(run)
    recipe = run.read_recipe()
    trained = ModelConfig.model_validate(recipe["model"])
    kept: dict[str, Any] = {
        "device": config.device, "dtype": config.dtype, "attention": config.attention,
        "image_processor": config.image_processor or trained_image_processor(chosen.model),
    }  # fmt: skip
    limits = trained_limits(run, chosen.model)
    if limits is not None:
        kept |= limits_in_force(source, limits, config)
    model = _load_folder(chosen.model, trained.model_copy(update=kept), source)
    return Source(model, chosen.step, recipe["rollout"]["stop"])


def _load_plain(source: str, config: ModelConfig) -> Source:
    """A model that is no run: from elsewhere, or with a settings file of ours."""
    folder = Path(source)
    settings = checked_settings(folder) if source != BUILTIN else None
    if settings is None:
        return Source(_load_folder(folder, config, source))
    config = under_settings(config.model_copy(update=_at(folder)), folder)
    adapted = settings.weights == "adapter"
    model = _load_adapter(folder, config, settings) if adapted else load_model(config)
    return Source(model, settings.step, settings.stop)


def _load_adapter(folder: Path, config: ModelConfig, settings: ModelSettings) -> LoadedModel:
    """An adapter of ours on the base that it was trained on, asked through its own template."""
    template = folder / "chat_template.jinja"
    found: dict[str, Any] = {"path": settings.base, "revision": settings.base_revision}
    if config.chat_template is None and template.is_file():
        found["chat_template"] = template
    config = config.model_copy(update=found)
    model = load_model(config)
    _refuse_other_base(folder, settings, model, config)
    load_adapter(model, folder, trainable=False)
    return model


def _refuse_other_base(
    folder: Path,
    settings: ModelSettings | None,
    model: LoadedModel,
    config: ModelConfig,
    now: str | None = None,
) -> None:
    """An adapter belongs to its base; in another number format the weights cannot be compared.

    Args:
        folder: The adapter's.
        settings: The folder's.
        model: The base, without the adapter.
        config: What it was loaded by.
        now: Its fingerprint, where it is known already.

    Raises:
        ModelError: If the base is of another family, or its weights are others than in training.
    """
    if settings is None:
        return
    if settings.family != model.family.word:
        raise ModelError(
            f"the adapter {folder} was trained on a model of the family {settings.family}, and "
            f"{config.path} is of the family {model.family.word}; give it back its base"
        )
    if settings.base_weights is None or settings.dtype != config.dtype:
        return
    now = fingerprint(model.network) if now is None else now
    if now != settings.base_weights:
        raise ModelError(
            f"the adapter {folder} was trained on other weights than {config.path} holds now "
            f"({settings.base_weights}, not {now}); give it back its base"
        )


def _load_folder(folder: Path, config: ModelConfig, source: str) -> LoadedModel:
    if (folder / ADAPTER_FILE).is_file():
        base = config if config.lora is not None else _base_of(folder, config)
        model = load_model(base)
        _refuse_other_base(folder, checked_settings(folder), model, base)
        load_adapter(model, folder, trainable=False)
        return model
    at = _at(folder) if folder.is_dir() else {"path": source}
    return load_model(config.model_copy(update=at))


def _base_of(folder: Path, config: ModelConfig) -> ModelConfig:
    """The model that an adapter without a run says it was trained on."""
    try:
        settings = json.loads((folder / ADAPTER_FILE).read_text(encoding="utf-8"))
        named = settings.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"cannot read {folder / ADAPTER_FILE}: {error}") from error
    if not named:
        raise ModelError(
            f"the adapter {folder} does not say which model it is for; give the folder of its run"
        )
    return config.model_copy(update={"path": named})


def _adapted(
    base: LoadedModel,
    config: ModelConfig,
    needs_reference: bool,
    checkpoint: Path | None,
    seed: int,
    stop: str,
) -> Learner:
    # Before the adapter: it renames what it wraps.
    base_weights = fingerprint(base.network)
    if checkpoint is not None:
        folder = checkpoint / MODEL_FOLDER
        _refuse_other_base(folder, checked_settings(folder), base, config, base_weights)
        adapter: Any = load_adapter(base, folder, trainable=True)
    else:
        assert config.lora is not None
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            adapter = add_adapter(base, config.lora)
    policy = _learning(base, config)
    reference = (
        AdapterOffReference(policy, adapter, max_bytes=_reference_bytes(config))
        if needs_reference
        else None
    )

    def save(folder: Path) -> None:
        save_adapter(base, adapter, folder)
        settings = settings_of(
            base, config, stop=stop, weights="adapter", base_weights=base_weights
        )
        write_settings(folder, settings)

    return Learner(policy, reference, _trainable(base), save, adapter)


def _learning(model: LoadedModel, config: ModelConfig) -> Policy:
    return Policy(model, vision=_features(model, config))


def _features(model: LoadedModel, config: ModelConfig) -> VisionFeatures:
    """Features whose bits do not depend on which pictures have been seen together."""
    bound = int(config.vision_cache_gib * 2**30)
    return VisionFeatures(model, max_bytes=bound, alone=True)


def _reference_features(frozen: LoadedModel, policy: Policy, config: ModelConfig) -> VisionFeatures:
    """What of a tower and of a merger never learns is run and kept once for both."""
    if not config.freeze_vision:
        return _features(frozen, config)
    return policy.vision if config.merger_is_frozen else VisionFeatures(frozen, tower=policy.vision)


def _reference_bytes(config: ModelConfig) -> int:
    return int(config.reference_cache_gib * 2**30)


def _at(folder: Path) -> dict[str, Any]:
    return {"path": str(folder), "revision": None}


def _trainable(model: LoadedModel) -> dict[str, nn.Parameter]:
    return {
        name: weight for name, weight in model.network.named_parameters() if weight.requires_grad
    }
