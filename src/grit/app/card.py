"""The card of an exported model: what it is, how it was made, what it scored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from grit import __version__
from grit.config.model import BUILTIN
from grit.models.load import BUILTIN_FOLDER
from grit.planning.bases import shipped_bases
from grit.records.folder import RunFolder
from grit.records.rows import EvaluationSummary, Interval
from grit.records.settings import ModelSettings

__all__ = ["model_card"]

_UNKNOWN = "not known to grit; look at the base's own card"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def model_card(run: RunFolder, settings: ModelSettings, recipe: dict[str, Any]) -> str:
    """The card's text in Markdown, with the hub's metadata at its head.

    Args:
        run: Whose manifest and evaluation table are told of.
        settings: Of the exported folder.
        recipe: The run's resolved recipe.
    """
    word, licence = _licence(settings.base)
    parts = [
        _head(settings, word),
        f"# {run.path.resolve().name}, step {settings.step}",
        f"Trained with {_method(recipe)} by grit "
        f"{settings.grit_version}: asked with the suffix of the paper, it writes a chain of "
        "reasoning that points at regions with bounding boxes, and then its answer.",
        _facts(settings, licence),
        "## Use\n\n" + _use(settings),
        "## Data\n\n" + _data(run),
        "## Figures\n\n" + _figures(run, settings),
        "## Recipe\n\n```yaml\n" + yaml.safe_dump(recipe, sort_keys=False).rstrip() + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _head(settings: ModelSettings, licence: str | None) -> str:
    """The hub's metadata; a folder of ours is no base that the hub knows."""
    adapter = settings.weights == "adapter"
    head: dict[str, Any] = {
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["grit", "grpo", "grounded-reasoning"],
    }
    if licence is not None:
        head["license"] = licence
    if _HUB_NAME.fullmatch(settings.base):
        head["base_model"] = settings.base
        head["base_model_relation"] = "adapter" if adapter else "finetune"
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---"


def _facts(settings: ModelSettings, licence: str) -> str:
    revision = f" at {settings.base_revision}" if settings.base_revision else ""
    weights = {
        "full": "all weights",
        "merged": "the base with its LoRA adapter merged in",
        "adapter": "a LoRA adapter; the base is loaded beside it",
    }[settings.weights]
    rows = (
        ("base", f"{settings.base}{revision}"),
        ("licence of the base", licence),
        ("weights", f"{weights}; {settings.dtype}, safetensors"),
        ("pixel limits", f"{settings.min_pixels} to {settings.max_pixels} pixels a picture"),
        ("system prompt", settings.system_prompt or "the chat template's own"),
        ("a chain ends at", f"`{settings.stop}`"),
        ("version of the prompt's suffix", str(settings.suffix_version)),
    )
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _use(settings: ModelSettings) -> str:
    return (
        '    grit ask photo.jpg "How many dogs are there?" --model FOLDER\n'
        "    grit eval FOLDER --data held-out.jsonl --output runs/mine\n\n"
        "or with transformers alone: weights, tokenizer with chat template, image processor and "
        "generation settings load from this folder (`AutoProcessor` wants torchvision for this "
        "architecture; `AutoTokenizer` and `AutoImageProcessor` do not). The picture comes first "
        "in the user's turn, then a line break, `Question: `, the question and the suffix. **Keep "
        "the pixel limits above: under other ones the model sees another picture, and every box "
        "shifts.** "
        f"`grit.json` has what grit {__version__} reads besides."
        + (
            " The adapter looks for its base where `adapter_config.json` says."
            if settings.weights == "adapter"
            else ""
        )
    )


def _data(run: RunFolder) -> str:
    """The manifest's files, by what they were for."""
    if not run.manifest.is_file():
        return "Nothing is recorded."
    rows = [
        f"| {file.use} | {file.path} | {file.num_rows} | `{file.sha256[:16]}` |"
        for file in run.read_manifest().data
    ]
    return "\n".join(["| use | source | rows | sha256 |", "|---|---|---|---|", *rows])


def _figures(run: RunFolder, settings: ModelSettings) -> str:
    """The rows of the evaluation table that are about these weights, or about the base."""
    rows = [
        row
        for row in run.read_evaluation_table().rows
        if row.step is None or row.step == settings.step
    ]
    if not rows:
        return (
            "Not evaluated. `grit eval RUN` before `grit export RUN` puts figures with intervals "
            "here."
        )
    return _table(rows) + "\n\nIn brackets: 95% intervals."


def _table(rows: Sequence[EvaluationSummary]) -> str:
    head = "| task | model, asked | n | accuracy | grounding IoU | format |"
    lines = [
        f"| {row.task} | {row.model}, {row.mode} | {row.n} "
        f"| {_figure(row.accuracy, row.accuracy_interval)} "
        f"| {_figure(row.grounding_iou, row.grounding_iou_interval)} "
        f"| {_figure(row.format_rate, row.format_interval)} |"
        for row in rows
    ]
    return "\n".join([head, "|---|---|---|---|---|---|", *lines])


def _figure(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return "–"
    shown = f"{value:.3f}"
    return shown if interval is None else f"{shown} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _licence(base: str) -> tuple[str | None, str]:
    """The hub's word for the base's licence, and the licence in words."""
    shipped = shipped_bases().get(base)
    if shipped is not None:
        return shipped.license, f"{shipped.license_name}, as its card said; check it there"
    folder = BUILTIN_FOLDER if base == BUILTIN else Path(base)
    stated = _stated_licence(folder / "README.md")
    return (None, _UNKNOWN) if stated is None else (stated, f"{stated}, as its card says")


def _stated_licence(card: Path) -> str | None:
    """``license`` in the metadata of a base's own card."""
    if not card.is_file():
        return None
    found = re.match(
        r"---\s*\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL
    )
    try:
        head: Any = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError:
        return None
    licence = head.get("license") if isinstance(head, dict) else None
    return str(licence) if licence else None


def _method(recipe: Mapping[str, Any]) -> str:
    if recipe.get("sft"):
        return "few-shot SFT, the baseline of [GRIT](https://arxiv.org/abs/2505.15879),"
    return "[GRIT](https://arxiv.org/abs/2505.15879) (GRPO-GR)"
