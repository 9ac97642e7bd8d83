"""LoRA through peft: low-rank adapters in place of full fine-tuning."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import LoraConfig as PeftLoraConfig
from peft import PeftModel, get_peft_model, get_peft_model_state_dict
from peft.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError, safe_open

from grit.config.model import LoraConfig
from grit.errors import ModelError
from grit.models.family import LoadedModel

__all__ = ["add_adapter", "load_adapter", "save_adapter"]


def add_adapter(model: LoadedModel, config: LoraConfig) -> Any:
    """Put fresh adapters into a model, in place; they alone are trainable.

    Returns:
        peft's model around the network: it saves the adapter and switches it off.

    Raises:
        ModelError: If no module has a name that the targets match.
    """
    settings = PeftLoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # pyright: ignore[reportArgumentType]
        target_modules=list(config.targets) if config.targets else model.family.lora_targets,
    )
    try:
        with _without_deprecations():
            return get_peft_model(model.network, settings)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise ModelError(
            f"no module of {model.source} matches model.lora.targets {config.targets}: {error}"
        ) from error


def load_adapter(model: LoadedModel, folder: Path, *, trainable: bool) -> Any:
    """Put a saved adapter into the model that it was trained on, in place.

    Raises:
        ModelError: If it cannot be read, or was made for another model: peft puts in what fits, and
            the rest of the model would answer as if it had never been trained.
    """
    try:
        with _without_deprecations():
            adapter = PeftModel.from_pretrained(
                model.network,  # pyright: ignore[reportArgumentType]
                str(folder),
                is_trainable=trainable,
            )
        with safe_open(folder / SAFETENSORS_WEIGHTS_NAME, "pt") as file:
            saved = set(file.keys())
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"cannot load the adapter {folder} into {model.source}: {error}; give it the model "
            "that it was trained on"
        ) from error
    wanted = set(get_peft_model_state_dict(adapter))
    if saved != wanted:
        odd = min(saved ^ wanted)
        raise ModelError(
            f"the adapter {folder} was made for another model than {model.source}: "
            f"{len(saved - wanted)} of its {len(saved)} tensors have no place there, and "
            f"{len(wanted - saved)} that it needs are missing, such as {odd}; give it the model "
            "that it was trained on"
        )
    return adapter


def save_adapter(model: LoadedModel, adapter: Any, folder: Path) -> None:
    """Write an adapter alone, with all that its base needs besides weights to be asked."""
    adapter.save_pretrained(folder)
    model.save_processing(folder)


@contextmanager
def _without_deprecations() -> Generator[None]:
    """Keep from the user that peft still calls what transformers has renamed.

    What an adapter lacks is said by an error of ours.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Found missing adapter keys", UserWarning)
        warnings.filterwarnings("ignore", r"`is_gradient_checkpointing`", FutureWarning)
        yield
