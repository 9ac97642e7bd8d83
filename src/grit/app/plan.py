"""`grit plan`: a recipe becomes dimensions, and dimensions memory and work. Loads no weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig

from grit.app.samples import source_file
from grit.config.model import BUILTIN, ModelConfig
from grit.config.recipe import Recipe
from grit.errors import ModelError
from grit.models.load import BUILTIN_FOLDER, FAMILIES
from grit.planning.bases import shipped_bases
from grit.planning.dimensions import Decoder, Dimensions, Load, Tower
from grit.planning.fit import Fit, largest_fit
from grit.planning.memory import Phases, Shares, memory_of, shares_of
from grit.planning.work import Work, work_of

__all__ = ["Plan", "dimensions_of", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will cost.

    Args:
        source: Where the dimensions were read.
        model: The dimensions.
        load: Pictures and texts at their largest.
        shares: What learns, and how a step is cut.
        phases: Memory by part and phase.
        work: Tokens and operations of a step.
        fit: What the stated GPU takes; None where none was stated.
    """

    source: str
    model: Dimensions
    load: Load
    shares: Shares
    phases: Phases
    work: Work
    fit: Fit | None


def make_plan(
    recipe: Recipe,
    *,
    gpu_gib: float | None = None,
    text_tokens: int = 128,
    completion_tokens: int | None = None,
) -> Plan:
    """Plan a recipe, its pictures as large as its pixel limits allow.

    Args:
        recipe: What is to be run.
        gpu_gib: Memory of the GPU to fit it on.
        text_tokens: Of chat template, question and suffix.
        completion_tokens: Of every completion; None takes ``rollout.max_new_tokens``.

    Raises:
        ModelError: If the model's configuration cannot be had, or is of no known family.
    """
    config, pixels, source = _settings(recipe.model)
    model = dimensions_of(config, recipe.model, source)
    most = pixels if recipe.model.max_pixels is None else recipe.model.max_pixels
    load = Load(
        image_tokens=model.tower.image_tokens(most),
        text_tokens=text_tokens,
        completion_tokens=completion_tokens or recipe.rollout.max_new_tokens,
        num_pictures=_num_rows(recipe.data.train),
    )
    on_gpu = recipe.model.device == "cuda" or gpu_gib is not None or torch.cuda.is_available()
    return Plan(
        source=source,
        model=model,
        load=load,
        shares=shares_of(model, recipe, on_gpu=on_gpu),
        phases=memory_of(model, recipe, load, on_gpu=on_gpu),
        work=work_of(model, recipe, load),
        fit=None if gpu_gib is None else largest_fit(model, recipe, load, gpu_gib=gpu_gib),
    )


def dimensions_of(config: Mapping[str, Any], model: ModelConfig, source: str) -> Dimensions:
    """Dimensions of a configuration, counted on a network without weights.

    Raises:
        ModelError: If it is of no family that grit knows, or transformers refuses it.
    """
    settings = dict(config)
    word = settings.pop("model_type", None)
    if word not in FAMILIES:
        raise ModelError(
            f"{source} is of the family {word}, which grit does not know; set model.path to a "
            f"model of one that it knows: {', '.join(sorted(FAMILIES))}"
        )
    # Where InternVL's configuration is silent, its text's word holds, as it does in the checkpoint.
    text_alone = settings.get("text_config") or {}
    if "tie_word_embeddings" in text_alone:
        settings.setdefault("tie_word_embeddings", text_alone["tie_word_embeddings"])
    try:
        made = AutoConfig.for_model(word, **settings)
        with torch.device("meta"):
            network = cast(nn.Module, AutoModelForImageTextToText.from_config(made))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"transformers cannot build a model from {source}: {error}") from error
    family, text = FAMILIES[word], made.get_text_config()
    adapted = list(_adapted(network, model, family.lora_targets))
    weights = {cast(Any, network).get_input_embeddings().weight, family.output_weight(network)}
    return Dimensions(
        family=word,
        decoder=_decoder(text, network),
        tower=_tower(made),
        parameters=_count(network.parameters()),
        tower_parameters=_count(family.vision_tower(network).parameters()),
        merger_parameters=sum(_count(each.parameters()) for each in family.mergers(network)),
        vocabulary_parameters=_count(weights),
        adapted=len(adapted),
        adapted_in=sum(each.in_features for each in adapted),
        adapted_out=sum(each.out_features for each in adapted),
    )


def _settings(model: ModelConfig) -> tuple[Mapping[str, Any], int, str]:
    """A model's configuration, its upper pixel limit, and where they were read."""
    shipped = shipped_bases().get(model.path)
    if shipped is not None and model.revision is None:
        where = f"{model.path}, dimensions from grit's own table (planning/bases.yaml)"
        return shipped.config, shipped.pixels[1], where
    path = str(BUILTIN_FOLDER) if model.path == BUILTIN else str(Path(model.path).expanduser())
    remote: dict[str, Any] = {} if model.revision is None else {"revision": model.revision}
    try:
        config, _ = PreTrainedConfig.get_config_dict(path, **remote)
        word = config.get("model_type")
        limit = 0
        if word in FAMILIES:
            family = FAMILIES[word]
            processor = family.load_image_processor(path, "pil", **remote)
            limit = family.pixel_limits(processor).max_pixels
    except (OSError, ValueError, TypeError, AttributeError) as error:
        known = ", ".join(shipped_bases())
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise ModelError(
            f"cannot read the configuration of {model.path}: {reason}; give a folder, a name that "
            f"the hub's cache holds, or a base that grit knows the dimensions of: {known}"
        ) from error
    at = "its folder" if Path(path).is_dir() else "the hub or its cache"
    return config, limit, f"{model.path}, dimensions from config.json in {at}"


def _decoder(text: Any, network: nn.Module) -> Decoder:
    heads = int(text.num_attention_heads)
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    return Decoder(
        layers=int(text.num_hidden_layers),
        width=int(text.hidden_size),
        query_width=heads * size,
        cache_width=int(text.num_key_value_heads) * size,
        heads=heads,
        mlp_width=int(text.intermediate_size),
        vocabulary=int(text.vocab_size),
        norms_queries=any(
            "language_model" in n and "q_norm" in n for n, _ in network.named_modules()
        ),
    )


def _tower(config: Any) -> Tower:
    """The tower by its family: Qwen's merge patches, InternVL's cuts tiles first."""
    vision = config.vision_config
    if hasattr(vision, "image_size"):
        (height, width), (rows, columns) = vision.image_size, vision.patch_size
        merged = round(1 / config.downsample_ratio) ** 2
        return Tower(
            layers=int(vision.num_hidden_layers),
            width=int(vision.hidden_size),
            mlp_width=int(vision.intermediate_size),
            gated=False,
            patches_per_token=merged,
            token_pixels=rows * columns * merged,
            patch_numbers=3 * rows * columns,
            tile_pixels=height * width,
        )
    merged, patch = vision.spatial_merge_size**2, vision.patch_size**2
    return Tower(
        layers=int(vision.depth),
        width=int(vision.hidden_size),
        mlp_width=int(vision.intermediate_size),
        gated=vision.hidden_act == "silu",
        patches_per_token=merged,
        token_pixels=patch * merged,
        patch_numbers=3 * vision.temporal_patch_size * patch,
        levels=1 + len(getattr(vision, "deepstack_visual_indexes", ())),
    )


def _adapted(network: nn.Module, model: ModelConfig, regular: str) -> Iterator[nn.Linear]:
    """Modules that LoRA would adapt, matched as peft matches: an expression, or ends of names."""
    if model.lora is None:
        return
    names = model.lora.targets
    for name, module in network.named_modules():
        if not isinstance(module, nn.Linear):
            continue
        if names is None:
            found = re.fullmatch(regular, name) is not None
        else:
            found = any(name == each or name.endswith(f".{each}") for each in names)
        if found:
            yield module


def _count(weights: Any) -> int:
    return sum(weight.numel() for weight in weights)


def _num_rows(source: str) -> int | None:
    """Rows of the training file, at most one picture each; None where it is not there yet."""
    file = source_file(source)
    if file is None or not file.is_file():
        return None
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
