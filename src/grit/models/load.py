"""Load a model with everything that belongs to it: the built-in one, a folder, a hub name."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from grit.config.model import BUILTIN, ModelConfig
from grit.errors import ModelError
from grit.models.checkpointing import checkpoint_layers
from grit.models.family import Family, ImageBackend, LoadedModel, PixelLimits
from grit.models.folder import missing_files
from grit.models.internvl import InternVL
from grit.models.qwen2_5_vl import Qwen25VL
from grit.models.qwen3_vl import Qwen3VL
from grit.models.shared_attention import share_prefix

__all__ = ["BUILTIN_FOLDER", "FAMILIES", "load_model", "save_model", "torchvision_fault"]

FAMILIES: dict[str, Family] = {
    family.word: family for family in (Qwen25VL(), Qwen3VL(), InternVL())
}
"""Every architecture by its word; a new family adds its line here."""

BUILTIN_FOLDER = Path(__file__).parent / "builtin"


def load_model(config: ModelConfig) -> LoadedModel:
    """Load weights, tokenizer, chat template and image processor by one path for all sources.

    Raises:
        ModelError: If something is missing, foreign, or does not fit together.
    """
    device = _device(config)
    _refuse_flash_attention(config, device)
    backend = _image_backend(config)
    path = str(BUILTIN_FOLDER) if config.path == BUILTIN else config.path
    if _is_local(path):
        path = str(Path(path).expanduser())
        _check_folder(Path(path))
    remote = {} if config.revision is None else {"revision": config.revision}
    family = _family(config, path, remote)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            path, trust_remote_code=config.trust_remote_code, **remote
        )
        processor = family.load_image_processor(path, backend, **remote)
        network = family.load_network(
            path,
            dtype=getattr(torch, config.dtype),
            attn_implementation=config.attention,
            use_safetensors=True,
            **remote,
        )
    except SafetensorError as error:
        raise ModelError(
            f"a .safetensors file of the model {config.path} (model.safetensors, or one of its "
            f"parts) is cut short or broken: {error}; copy or download it again"
        ) from error
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"cannot load the model {config.path}: {error}") from error
    if config.chat_template is not None:
        tokenizer.chat_template = _read_template(config.chat_template)
    elif not tokenizer.chat_template:
        tokenizer.chat_template = _processor_template(path, remote)
    if not tokenizer.chat_template:
        raise ModelError(
            f"the model {config.path} has no chat template; add chat_template.jinja to it, or set "
            "model.chat_template to a Jinja file"
        )
    _check_vocabulary(config.path, family, network, tokenizer)
    _check_patches(config.path, family, network, processor)
    limits = family.pixel_limits(processor)
    wanted = PixelLimits(
        limits.min_pixels if config.min_pixels is None else config.min_pixels,
        limits.max_pixels if config.max_pixels is None else config.max_pixels,
    )
    if wanted.min_pixels > wanted.max_pixels:
        raise ModelError(
            f"min_pixels {wanted.min_pixels} is above max_pixels {wanted.max_pixels}, one of them "
            f"from the checkpoint {config.path}; set both model.min_pixels and model.max_pixels"
        )
    processor = family.with_pixel_limits(processor, wanted)
    if config.gradient_checkpointing:
        checkpoint_layers(family.decoder_layers(network))
        checkpoint_layers(family.tower_layers(network))
    network.requires_grad_(False).eval().to(device)
    shares = config.prefix_attention == "shared" or (
        config.prefix_attention == "auto" and config.attention == "sdpa" and device.type == "cpu"
    )
    if shares:
        share_prefix(network)
    return LoadedModel(
        family=family,
        network=network,
        tokenizer=tokenizer,
        image_processor=processor,
        limits=family.pixel_limits(processor),
        stop_ids=_stop_ids(network, tokenizer),
        source=config.path,
        system_prompt=config.system_prompt,
        max_prompt_tokens=_max_prompt_tokens(config, network),
        shares_prefix=shares,
        image_backend=backend,
        decodes_lean=config.lean_decoding,
    )


def save_model(model: LoadedModel, folder: Path) -> None:
    """Write a folder that ``load_model`` and plain transformers read, pixel limits included."""
    model.network.save_pretrained(folder)  # pyright: ignore[reportCallIssue]
    model.save_processing(folder)


def _is_local(path: str) -> bool:
    """Whether a source is meant as a folder, be it there or not, and not as a hub's owner/name."""
    place = Path(path).expanduser()
    looks_local = path.startswith(("/", "./", "../", "~")) or path.count("/") != 1
    return looks_local or place.exists() or place.parent.is_dir()


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError(
            f"there is no model folder {folder}; give a folder with config.json, a hub name such "
            f"as Qwen/Qwen2.5-VL-3B-Instruct, or the word {BUILTIN}"
        )
    for fault in missing_files(folder):
        raise ModelError(f"{fault.detail}; {fault.fix}")


def _family(config: ModelConfig, path: str, remote: dict[str, Any]) -> Family:
    try:
        settings, _ = PreTrainedConfig.get_config_dict(path, **remote)
        word = settings.get("model_type")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"cannot read the configuration of {config.path}: {error}") from error
    if config.family not in ("auto", word):
        raise ModelError(
            f"model.family is {config.family}, and the model {config.path} says that it is of the "
            f"family {word}; set model.family to auto, or model.path to a model of that family"
        )
    if word not in FAMILIES:
        raise ModelError(
            f"the model {config.path} is of the family {word}, which grit does not know; set "
            f"model.path to a model of one that it knows: {', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[word]


def _read_template(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot read the chat template {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(
            f"the chat template {path} is not UTF-8 text; give a Jinja file ({error})"
        ) from error


def _processor_template(path: str, remote: dict[str, Any]) -> str | None:
    """The template of checkpoints that keep it with their processor, which we do without."""
    try:
        found = cached_file(path, "chat_template.json", **remote)
    except OSError:
        return None
    try:
        return json.loads(Path(str(found)).read_text(encoding="utf-8"))["chat_template"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"cannot read the chat template {found}: {error}") from error


def _check_vocabulary(
    source: str, family: Family, network: nn.Module, tokenizer: PreTrainedTokenizerBase
) -> None:
    rows = family.output_weight(network).shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f"the tokenizer of {source} has {len(tokenizer)} tokens and its weights have {rows} "
            "rows; take tokenizer and weights from the same checkpoint"
        )


def _check_patches(source: str, family: Family, network: nn.Module, processor: Any) -> None:
    """Pictures must be cut as the network was made for: another grid still runs, and sees noise."""
    for name, (ours, wanted) in family.patch_settings(network, processor).items():
        if ours != wanted:
            raise ModelError(
                f"the image processor of {source} has {name} {ours}, and its network was made for "
                f"{wanted}; take preprocessor_config.json and config.json from one checkpoint"
            )


def _max_prompt_tokens(config: ModelConfig, network: nn.Module) -> int:
    """The recipe's limit, else the positions that the model has.

    Raises:
        ModelError: If the recipe asks for more positions than the model has.
    """
    positions = int(cast(Any, network).config.get_text_config().max_position_embeddings)
    limit = positions if config.max_prompt_tokens is None else config.max_prompt_tokens
    if limit > positions:
        raise ModelError(
            f"model.max_prompt_tokens is {limit}, and the model {config.path} has {positions} "
            f"positions (max_position_embeddings); set it to {positions} or less"
        )
    return limit


def _stop_ids(network: nn.Module, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """End tokens that the generation settings and the tokenizer name."""
    settings: Any = getattr(network, "generation_config", None)
    named = getattr(settings, "eos_token_id", None)
    ids: list[int] = [named] if isinstance(named, int) else list(named or ())
    if isinstance(tokenizer.eos_token_id, int):
        ids.append(tokenizer.eos_token_id)
    return tuple(sorted(set(ids)))


def torchvision_fault() -> str | None:
    """Why torchvision cannot be used here; None where it can."""
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return "torchvision is not installed"
    except (ImportError, OSError, RuntimeError) as error:
        # A build for another torch is there, and fails at its first operator.
        return f"torchvision does not fit this torch ({error})"
    return None


def _refuse_flash_attention(config: ModelConfig, device: torch.device) -> None:
    """Say before anything is loaded that its kernels cannot run here."""
    if config.attention != "flash_attention_2":
        return
    fix = "set model.attention to sdpa"
    if device.type == "cpu":
        raise ModelError(
            f"model.attention is flash_attention_2, which computes on GPUs alone, and this model "
            f"would be on the CPU; {fix}"
        )
    # transformers takes either package.
    if all(importlib.util.find_spec(name) is None for name in ("flash_attn", "kernels")):
        raise ModelError(
            "model.attention is flash_attention_2, and flash-attn is not installed; "
            f"{fix}, or pip install flash-attn --no-build-isolation"
        )


def _image_backend(config: ModelConfig) -> ImageBackend:
    backend = config.image_processor or "pil"
    fault = torchvision_fault() if backend == "torchvision" else None
    if fault is not None:
        raise ModelError(
            f"model.image_processor is torchvision, or the model was trained with it, and {fault}; "
            f"install the torchvision of torch {torch.__version__}, or set model.image_processor "
            "(of grit ask and eval: --image-processor) to pil"
        )
    return backend


def _device(config: ModelConfig) -> torch.device:
    """Where the model computes, if it can do so there in its number format."""
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise ModelError("model.device is cuda, and torch finds no GPU; set model.device to auto")
    if config.device == "cpu" or not there:
        return torch.device("cpu")
    if config.dtype == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ModelError(
            f"model.dtype is bfloat16, and {torch.cuda.get_device_name()} does not compute in it; "
            "set model.dtype to float32, or model.device to cpu"
        )
    return torch.device("cuda")
