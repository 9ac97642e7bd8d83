"""`grit doctor`: does this machine have what a recipe needs? Each finding with its fix."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import torch

from grit.app.engines import require_engine
from grit.app.judges import require_judge
from grit.app.plan import Plan, make_plan
from grit.app.settings import trained_image_processor
from grit.config.judge import ChatJudgeConfig
from grit.config.model import BUILTIN, ModelConfig
from grit.config.recipe import Recipe
from grit.errors import ConfigError, GritError
from grit.models.folder import FolderFault, missing_files, torn_weights
from grit.models.load import BUILTIN_FOLDER, torchvision_fault
from grit.processes.launch import launched
from grit.records.manifest import describe_hardware

__all__ = ["Finding", "State", "examine"]

GIB = 2**30


class State(StrEnum):
    """How a finding is to be taken."""

    GOOD = "ok"
    WARNING = "look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        subject: What it is.
        state: How it is to be taken.
        detail: What was found.
        fix: What to do; empty where nothing has to be done.
    """

    subject: str
    state: State
    detail: str
    fix: str = ""


def examine(recipe: Recipe) -> list[Finding]:
    """Look at everything that a recipe's run needs. Loads no weights, writes nothing."""
    findings = [_torch(), _device(recipe.model), _processes(recipe)]
    findings += [_dtype(recipe.model)]
    findings += [_attention(recipe.model), _images(recipe.model), *_model(recipe.model)]
    plan: Plan | None = None
    try:
        plan = make_plan(recipe)
    except GritError as error:
        findings.append(
            Finding("plan", State.BROKEN, str(error), "mend the model first; see grit plan --help")
        )
    findings += [_memory(recipe.model, plan), _disk(recipe, plan), _rollout(recipe), _judge(recipe)]
    return findings


def _torch() -> Finding:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    try:
        right = float(torch.ones(2, 2).mm(torch.ones(2, 2)).sum()) == 8.0
    except RuntimeError as error:
        return Finding(
            "torch", State.BROKEN, f"{versions}: {error}", "install torch again for this machine"
        )
    state = State.GOOD if right else State.BROKEN
    return Finding("torch", state, versions, "" if right else "install torch again")


def _device(model: ModelConfig) -> Finding:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if model.device == "cpu":
            return Finding(
                "device", State.WARNING, f"{', '.join(names)}, and model.device is cpu",
                "set model.device to auto",
            )  # fmt: skip
        return Finding("device", State.GOOD, ", ".join(names))
    cores = describe_hardware().num_cores
    if model.device == "cuda":
        return Finding(
            "device", State.BROKEN, "model.device is cuda, and torch finds no GPU",
            "set model.device to auto, or install torch with CUDA and check nvidia-smi",
        )  # fmt: skip
    return Finding("device", State.GOOD, f"no GPU; CPU with {cores} cores")


def _processes(recipe: Recipe) -> Finding:
    """How many share a step: those that a launcher started together with this one."""
    size, groups = launched().size, recipe.group.prompts_per_step
    least, more = divmod(groups, size)
    if size == 1:
        return Finding("processes", State.GOOD, f"1, for the {groups} groups of a step")
    if least == 0:
        return Finding(
            "processes", State.BROKEN, f"{size}, and a step has {groups} groups",
            f"launch {groups} or fewer, or set group.prompts_per_step to {size} or more",
        )  # fmt: skip
    if more:
        return Finding(
            "processes", State.WARNING,
            f"{size}: {more} have {least + 1} groups of a step, and the others, with {least}, wait",
            f"set group.prompts_per_step to a multiple of {size}",
        )  # fmt: skip
    return Finding("processes", State.GOOD, f"{size}, with {least} groups of a step each")


def _dtype(model: ModelConfig) -> Finding:
    on_gpu = torch.cuda.is_available() and model.device != "cpu"
    if (
        model.dtype == "bfloat16"
        and on_gpu
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        return Finding(
            "number format", State.BROKEN, "this GPU has no bfloat16", "set model.dtype to float32"
        )
    return Finding("number format", State.GOOD, model.dtype)


def _attention(model: ModelConfig) -> Finding:
    if model.attention != "flash_attention_2":
        return Finding("attention", State.GOOD, f"{model.attention}, of torch and transformers")
    fix = "set model.attention to sdpa"
    if importlib.util.find_spec("flash_attn") is None:
        return Finding(
            "attention", State.BROKEN, "flash_attention_2 needs flash-attn, which is not installed",
            f"{fix}, or pip install flash-attn --no-build-isolation",
        )  # fmt: skip
    if not torch.cuda.is_available() or model.device == "cpu":
        return Finding("attention", State.BROKEN, "flash_attention_2 needs a GPU", fix)
    return Finding("attention", State.GOOD, f"flash-attn {metadata.version('flash-attn')}")


def _images(model: ModelConfig) -> Finding:
    """What resizes pictures; a folder of ours says what did so in its training."""
    asked = model.image_processor
    if asked is None and model.path != BUILTIN:
        try:
            asked = trained_image_processor(Path(model.path).expanduser())
        except GritError as error:
            return Finding("image backend", State.BROKEN, str(error), "mend the model first")
    fault = torchvision_fault()
    if asked == "torchvision":
        if fault is not None:
            return Finding(
                "image backend", State.BROKEN, f"{asked} is asked for, and {fault}",
                f"install the torchvision of torch {torch.__version__}, or set "
                "model.image_processor to pil",
            )  # fmt: skip
        version = metadata.version("torchvision")
        return Finding("image backend", State.GOOD, f"torchvision {version}")
    seen = "torchvision is not needed" if fault else "torchvision is there and left unused"
    said = f"pil (Pillow {metadata.version('Pillow')}), on every machine; {seen}"
    return Finding("image backend", State.GOOD, said)


def _model(model: ModelConfig) -> Iterator[Finding]:
    """The model folder, file by file; a hub name by what its cache holds."""
    folder = BUILTIN_FOLDER if model.path == BUILTIN else Path(model.path).expanduser()
    if not folder.is_dir():
        yield _hub(model)
        return
    wrong = _faults(folder)
    for fault in wrong:
        yield Finding("model folder", State.BROKEN, fault.detail, fault.fix)
    if not wrong:
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        yield Finding("model folder", State.GOOD, f"{folder}: complete, {size / GIB:.2f} GiB")


def _hub(model: ModelConfig) -> Finding:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if model.path.count("/") != 1:
        return Finding(
            "model folder", State.BROKEN, f"there is no folder {model.path}",
            "give a folder with config.json, a hub name, or builtin",
        )  # fmt: skip
    try:
        found = try_to_load_from_cache(model.path, "config.json", revision=model.revision)
    except HFValidationError as error:
        return Finding(
            "model folder", State.BROKEN, f"{model.path}: {error}", "give a folder or a hub name"
        )
    if isinstance(found, str):
        faults = _faults(Path(found).parent)
        if not faults:
            return Finding("model folder", State.GOOD, f"{model.path}: complete in the hub's cache")
        return Finding(
            "model folder", State.WARNING, f"{model.path}, in the hub's cache: {faults[0].detail}",
            f"hf download {model.path}",
        )  # fmt: skip
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    return Finding(
        "model folder",
        State.BROKEN if offline else State.WARNING,
        f"{model.path} is not in the hub's cache"
        + (", and HF_HUB_OFFLINE is set" if offline else "; it will be downloaded"),
        f"hf download {model.path}, or set model.path to a folder",
    )


def _faults(folder: Path) -> list[FolderFault]:
    return [*missing_files(folder), *torn_weights(folder)]


def _memory(model: ModelConfig, plan: Plan | None) -> Finding:
    """Free memory against the plan's peak."""
    if torch.cuda.is_available() and model.device != "cpu":
        free = torch.cuda.mem_get_info()[0]
        where = "free on the GPU"
    else:
        free, where = _free_memory(), "free in the machine"
    if free is None:
        return Finding("memory", State.WARNING, "this system does not say how much is free")
    said = f"{free / GIB:.1f} GiB {where}"
    if plan is None:
        return Finding("memory", State.GOOD, said)
    said += f", {plan.phases.peak / GIB:.1f} GiB planned at the peak"
    if plan.phases.peak <= free:
        return Finding("memory", State.GOOD, said)
    return Finding(
        "memory", State.WARNING, said,
        "grit plan … --gpu-gib N says which micro-batch fits; or end what else runs there",
    )  # fmt: skip


def _free_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _disk(recipe: Recipe, plan: Plan | None) -> Finding:
    """Free disk against the checkpoints that stand at once."""
    at = Path(recipe.output).absolute()
    while not at.exists():
        at = at.parent
    free = shutil.disk_usage(at).free
    said = f"{free / GIB:.1f} GiB free under {at}"
    if not os.access(at, os.W_OK):
        return Finding("disk", State.BROKEN, f"{at} may not be written to", "set output elsewhere")
    if plan is None:
        return Finding("disk", State.GOOD, said)
    held = plan.phases.rollout
    trained = 4 * plan.shares.trainable if recipe.model.lora else held.weights
    # A new checkpoint is whole before an old one goes.
    number = recipe.training.keep_last + 1 + recipe.training.keep_best
    needed = number * (trained + held.optimizer)
    said += f", {needed / GIB:.1f} GiB needed for {number} checkpoints"
    if needed <= free:
        return Finding("disk", State.GOOD, said)
    return Finding(
        "disk",
        State.BROKEN,
        said,
        "free some space, set output elsewhere, or set model.lora",
    )


def _rollout(recipe: Recipe) -> Finding:
    """Whether the engine of the rollouts is there."""
    try:
        require_engine(recipe)
    except ConfigError as error:
        said, _, fix = str(error).partition("; ")
        return Finding("rollouts", State.BROKEN, said, fix)
    return Finding("rollouts", State.GOOD, f"by the {recipe.rollout.type} engine")


def _judge(recipe: Recipe) -> Finding:
    """Whether the judge answers: one question, unless its reply is in the cache already."""
    judge = recipe.judge
    if not isinstance(judge, ChatJudgeConfig) or judge.order == "rules":
        return Finding("judge", State.GOOD, "rules alone, in this process")
    try:
        require_judge(judge)
    except GritError as error:
        said, _, fix = str(error).rpartition("; ")
        return Finding("judge", State.BROKEN, said or str(error), fix if said else "")
    where = judge.base_url or "OpenAI"
    return Finding("judge", State.GOOD, f"chat:{judge.model} at {where} answers, {judge.order}")
