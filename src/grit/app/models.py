"""Sources to models: a hub name, a folder, the built-in one, a run, an adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from grit.config.model import BUILTIN, ModelConfig
from grit.config.rollout import LocalRolloutConfig
from grit.errors import ModelError, RunFolderError
from grit.models.adapter import add_adapter, load_adapter
from grit.models.family import LoadedModel
from grit.models.load import load_model, save_model
from grit.policy.policy import Policy
from grit.policy.reference import AdapterOffReference, FrozenReference, Reference
from grit.policy.vision import VisionFeatures
from grit.records.folder import RunFolder
from grit.training.checkpoint import MODEL_FOLDER

__all__ = ["Learner", "Source", "load_learner", "load_source"]

_ADAPTER_FILE = "adapter_config.json"


@dataclass(slots=True)
class Learner:
    """A policy made ready to learn.

    Args:
        policy: What learns.
        reference: The untrained model; None without a KL.
        trainable: Its trainable weights by name.
        save: Writes the model, or its adapter, into a folder.
    """

    policy: Policy
    reference: Reference | None
    trainable: dict[str, nn.Parameter]
    save: Callable[[Path], None]


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
    stop: str = LocalRolloutConfig().stop


def load_learner(
    config: ModelConfig, *, needs_reference: bool, checkpoint: Path | None = None, seed: int = 0
) -> Learner:
    """Load what learns, and the reference that it is held to.

    Args:
        config: The model that training starts from, which stays the reference.
        needs_reference: Whether there is a KL.
        checkpoint: Where to go on from; None starts from the model itself.
        seed: Of fresh adapters.

    Raises:
        ModelError: If a model or adapter cannot be loaded.
    """
    base = load_model(config)
    if config.lora is not None:
        return _adapted(base, config, needs_reference, checkpoint, seed)
    reference = FrozenReference(Policy(base)) if needs_reference else None
    if checkpoint is not None:
        base = load_model(config.model_copy(update=_at(checkpoint / MODEL_FOLDER)))
    base.network.requires_grad_(True)
    if config.freeze_vision:
        base.family.vision_tower(base.network).requires_grad_(False)
    return Learner(_learning(base), reference, _trainable(base), lambda to: save_model(base, to))


def load_source(source: str, config: ModelConfig) -> Source:
    """Load a model to ask or evaluate.

    Args:
        source: A hub name, a model folder, ``builtin``, or the folder of a run, whose best
            checkpoint is taken where there is one, else its last.
        config: Everything but the path.

    Raises:
        ModelError: If there is no model there.
        RunFolderError: If the run has no checkpoint yet.
    """
    run = RunFolder(Path(source))
    if source == BUILTIN or not run.holds_run:
        return Source(_load_folder(Path(source), config, source))
    folder = run.best if (run.best / MODEL_FOLDER).is_dir() else run.latest_checkpoint()
    if folder is None:
        raise RunFolderError(
            f"the run {source} has no checkpoint yet; wait for its first, or lower "
            "training.checkpoint_every"
        )
    step = json.loads((folder / "state.json").read_text(encoding="utf-8"))["step"]
    recipe = run.read_recipe()
    trained = ModelConfig.model_validate(recipe["model"])
    kept = {"device": config.device, "dtype": config.dtype, "attention": config.attention}
    model = _load_folder(folder / MODEL_FOLDER, trained.model_copy(update=kept), source)
    return Source(model, int(step), recipe["rollout"]["stop"])


def _load_folder(folder: Path, config: ModelConfig, source: str) -> LoadedModel:
    if (folder / _ADAPTER_FILE).is_file():
        base = config if config.lora is not None else _base_of(folder, config)
        model = load_model(base)
        load_adapter(model, folder, trainable=False)
        return model
    at = _at(folder) if folder.is_dir() else {"path": source}
    return load_model(config.model_copy(update=at))


def _base_of(folder: Path, config: ModelConfig) -> ModelConfig:
    """The model that an adapter without a run says it was trained on."""
    try:
        settings = json.loads((folder / _ADAPTER_FILE).read_text(encoding="utf-8"))
        named = settings.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"cannot read {folder / _ADAPTER_FILE}: {error}") from error
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
) -> Learner:
    if checkpoint is not None:
        adapter: Any = load_adapter(base, checkpoint / MODEL_FOLDER, trainable=True)
    else:
        assert config.lora is not None
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            adapter = add_adapter(base, config.lora)
    policy = _learning(base)
    reference = AdapterOffReference(policy, adapter) if needs_reference else None

    def save(folder: Path) -> None:
        adapter.save_pretrained(folder)
        base.tokenizer.save_pretrained(folder)
        base.image_processor.save_pretrained(folder)

    return Learner(policy, reference, _trainable(base), save)


def _learning(model: LoadedModel) -> Policy:
    """A policy whose bits do not depend on which pictures have been seen together."""
    return Policy(model, vision=VisionFeatures(model, alone=True))


def _at(folder: Path) -> dict[str, Any]:
    return {"path": str(folder), "revision": None}


def _trainable(model: LoadedModel) -> dict[str, nn.Parameter]:
    return {
        name: weight for name, weight in model.network.named_parameters() if weight.requires_grad
    }
