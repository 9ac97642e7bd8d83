"""What an engine of another process is given: a checkpoint to start from, then newer weights."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from grit.models.family import LoadedModel

__all__ = ["exchange_folder", "write_engine_model", "write_weights"]

_MEMORY = Path("/dev/shm")
"""Memory that is a folder, where Linux has it."""

_ROOM = 2.5
"""Times the weights that must be free there: those written, those not yet removed."""


def exchange_folder(model: LoadedModel) -> Path:
    """A new folder for files that are handed over: in memory where there is room, else on disk."""
    weights = cast(Any, model.network).parameters()
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM * size
    return Path(tempfile.mkdtemp(prefix="grit-vllm-", dir=_MEMORY if in_memory else None))


def write_engine_model(model: LoadedModel, folder: Path) -> None:
    """Everything to start an engine from: present weights, without adapters.

    Tokenizer and image processor, pixel limits included, are those of the trainer's prompts.
    """
    network = cast(Any, model.network)
    network.save_pretrained(folder, state_dict=_without_adapters(network.state_dict()))
    model.tokenizer.save_pretrained(folder)
    model.image_processor.save_pretrained(folder)


def write_weights(model: LoadedModel, adapter: Any | None, folder: Path) -> None:
    """Present weights, or the adapter alone, as the engine reads them.

    Args:
        model: The policy's.
        adapter: peft's model around the network; None where all weights learn.
        folder: New, empty, or the engine's model folder.
    """
    if adapter is not None:
        adapter.save_pretrained(folder)
    else:
        cast(Any, model.network).save_pretrained(folder)


def _without_adapters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names that they had before peft put its layers around some of them."""
    return {
        name.replace(".base_layer.", "."): weight
        for name, weight in state.items()
        if ".lora_" not in name
    }
