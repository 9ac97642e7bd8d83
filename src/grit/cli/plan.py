"""`grit plan [FILES] [FLAGS]`: what a recipe will cost, before the money is spent."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from grit.cli.console import out
from grit.config.compose import load_recipe, split_arguments
from grit.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from grit.app.plan import Plan
    from grit.config.recipe import Recipe

__all__ = ["run"]

_ABOUT = (
    "Plan a recipe from its configuration alone: memory by part, the largest micro-batch, tokens "
    "and FLOPs of a step. FILES and flags are those of grit train; besides, --gpu-gib N states a "
    "GPU, --text-tokens N (128) the length of a question with suffix and template, "
    "--completion-tokens N that of a completion (by default the longest)."
)

_PARTS = {
    "weights": "weights",
    "reference": "reference copy",
    "optimizer": "optimiser, masters",
    "gradients": "gradients",
    "activations": "activations",
    "kv_cache": "KV cache",
    "logits": "logits",
    "vision_cache": "vision cache",
    "total": "sum",
}


@dataclass(frozen=True, slots=True)
class _Own:
    """Flags of the command itself."""

    gpu_gib: float | None = None
    text_tokens: float | None = None
    completion_tokens: float | None = None


def run(arguments: list[str]) -> int:
    """Plan; with a stated GPU, 1 when the recipe does not fit on it as it stands."""
    rest, own = _own_flags(arguments)
    files, flags = split_arguments(rest)
    recipe = load_recipe(files, flags, prog="grit plan [FILES]", description=_ABOUT)

    from grit.app.plan import make_plan
    from grit.cli.quiet import quiet_libraries

    quiet_libraries()
    plan = make_plan(
        recipe,
        gpu_gib=own.gpu_gib,
        text_tokens=128 if own.text_tokens is None else int(own.text_tokens),
        completion_tokens=None if own.completion_tokens is None else int(own.completion_tokens),
    )
    for line in _facts(plan, recipe):
        out().print(line, markup=False, soft_wrap=True)
    out().print(_memory(plan))
    for line in _work(plan):
        out().print(line, markup=False, soft_wrap=True)
    if plan.fit is None or own.gpu_gib is None:
        return 0
    for line in _fit(plan, recipe, own.gpu_gib):
        out().print(line, markup=False, soft_wrap=True)
    return 0 if plan.fit.fits else 1


def _own_flags(arguments: list[str]) -> tuple[list[str], _Own]:
    """Take the command's own flags out; what is left is a recipe's.

    Raises:
        ConfigError: If one has no positive number.
    """
    names = {f"--{field.name.replace('_', '-')}": field.name for field in fields(_Own)}
    rest: list[str] = []
    found: dict[str, float] = {}
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag not in names:
            rest.append(word)
            continue
        text = value if equals else next(words, "")
        found[names[flag]] = _positive(flag, text)
    return rest, _Own(**found)


def _positive(flag: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise ConfigError(f'{flag} is "{text}"; expected a number above 0')
    return number


def _facts(plan: Plan, recipe: Recipe) -> list[str]:
    model, load, shares = plan.model, plan.load, plan.shares
    share = shares.trainable / model.parameters
    frozen = {"vision tower": not shares.tower_learns, "merger": not shares.merger_learns}
    still = " and ".join(name for name, is_still in frozen.items() if is_still)
    how = "LoRA" if recipe.model.lora else f"frozen {still}" if still else "all weights"
    return [
        f"model       {plan.source}",
        f"parameters  {_big(model.parameters)}, {_big(model.tower_parameters)} of them the vision "
        f"tower; trainable {_big(shares.trainable)} ({share:.2%}, {how}); {recipe.model.dtype}",
        f"prompt      {load.image_tokens} image tokens at most and {load.text_tokens} of text; "
        f"completions of {load.completion_tokens}",
        f"micro-batch {shares.groups} groups, parts of {shares.sequences} completions, "
        f"{shares.micro_batches} a step; {shares.decoded} completions decoded together",
    ]


def _memory(plan: Plan) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    phases = plan.phases
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("GiB at the peak", no_wrap=True)
    columns = [phases.rollout, phases.reference, phases.training]
    for name in ("rollout", "reference", "training"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, title in _PARTS.items():
        cells = ["–" if p is None else f"{getattr(p, name) / 2**30:.2f}" for p in columns]
        table.add_row(title, *cells, style="bold" if name == "total" else None)
    return table


def _work(plan: Plan) -> list[str]:
    work = plan.work
    parts = (("rollout", work.rollout), ("reference", work.reference), ("training", work.training))
    by_phase = ", ".join(f"{name} {_big(value)}" for name, value in parts)
    return [
        f"peak        {plan.phases.peak / 2**30:.2f} GiB",
        f"a step      {work.prompt_tokens:,} prompt tokens, once each, and "
        f"{work.completion_tokens:,} completion tokens; {_big(work.total)}FLOP ({by_phase})",
    ]


def _fit(plan: Plan, recipe: Recipe, gpu_gib: float) -> list[str]:
    fit = plan.fit
    assert fit is not None
    usable = f"{gpu_gib:g} GiB, of which 92% are planned with"
    verdict = "fits" if fit.fits else "does not fit"
    lines = [f"on a GPU    of {usable}: this recipe {verdict}"]
    if fit.micro_batch_groups == 0:
        lines.append(
            "            not even one completion at a time does: set model.lora, "
            "model.freeze_vision or model.gradient_checkpointing, or lower model.max_pixels or "
            "rollout.max_new_tokens"
        )
        return lines
    lines.append(
        f"            largest that does: training.micro_batch_groups {fit.micro_batch_groups} with "
        f"training.max_sequences_per_forward {fit.max_sequences_per_forward}"
    )
    if recipe.rollout.type == "local":
        lines.append(f"            rollout.sequences_at_once up to {fit.sequences_at_once}")
    return lines


def _big(number: float) -> str:
    """Three digits and a prefix."""
    for size, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {prefix}"
    return f"{number:.3g} "
