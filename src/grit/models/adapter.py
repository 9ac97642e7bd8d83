"""LoRA through peft: low-rank adapters in place of full fine-tuning."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import LoraConfig as PeftLoraConfig
from peft import PeftModel, get_peft_model
from safetensors import SafetensorError

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
    """Put a saved adapter into the model that it was trained on, in place."""
    try:
        with _without_deprecations():
            return PeftModel.from_pretrained(
                model.network,  # pyright: ignore[reportArgumentType]
                str(folder),
                is_trainable=trainable,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"cannot load the adapter {folder}: {error}") from error


def save_adapter(model: LoadedModel, adapter: Any, folder: Path) -> None:
    """Write an adapter alone, with all that its base needs besides weights to be asked."""
    adapter.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    model.image_processor.save_pretrained(folder)


@contextmanager
def _without_deprecations() -> Generator[None]:
    """Keep from the user that peft still calls what transformers has renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`is_gradient_checkpointing`", FutureWarning)
        yield
