"""Time and cost of larger runs, on paper: the tables of docs/scaling.md.

    .venv/bin/python benchmarks/scaling.py            # print the tables
    .venv/bin/python benchmarks/scaling.py --update   # write them into docs/scaling.md

Work and memory are counted, as ``grit plan`` counts them. How much of a device is used is assumed:
nothing here was measured on a GPU. The measured part is the ratio to TRL on a CPU, read from
``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from output import as_table

from grit.app.plan import Plan, make_plan
from grit.config.compose import load_recipe
from grit.config.recipe import Recipe
from grit.planning.work import Work, work_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scaling.md"
MEASURED = ROOT / "benchmarks" / "results" / "step-2026-11-24.md"
"""Ratios to TRL that stand beside the bounds."""

TEXT_TOKENS = 128
COMPLETION_TOKENS = 200
LONGEST = 400
PASS_FLOOR = 0.045
"""Least seconds of one pass of a micro-batch over 36 + 32 layers: its kernels have to start."""
OTHER = 2.0
"""Seconds of a step for all that is not counted: pictures, judging, the optimiser, weights handed
to vLLM, checkpoints."""
VLLM_SHARE = 0.4
"""Of a card that vLLM has while it samples; it gives it back in between."""
GIB = 2**30
BEGIN, END = "<!-- {}: printed by benchmarks/scaling.py -->", "<!-- end of {} -->"


@dataclass(frozen=True, slots=True)
class Device:
    """A card, by its maker's data sheet, and an assumed rent.

    Args:
        name: In tables.
        gib: Memory.
        peak: bfloat16 operations a second, dense.
        bandwidth: Bytes a second of its memory.
        dollars: Rent an hour; assumed.
    """

    name: str
    gib: float
    peak: float
    bandwidth: float
    dollars: float


CARD = Device("RTX 4090", 24, 165e12, 1.01e12, 0.5)
A100 = Device("A100 80 GB", 80, 312e12, 2.04e12, 1.5)
H200 = Device("H200", 140, 989e12, 4.8e12, 3.5)


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a card an engine uses. Assumed.

    Args:
        forward: Share of the peak in passes without gradient, prefill among them.
        training: Share of the peak in training.
        bandwidth: Share of the bandwidth in decoding.
        floor: Least seconds a decoded token takes, from starting kernels one by one.
        cache_passes: How often a token's decoding moves the cache through memory. Counted in the
            code: transformers grows it by concatenation (2) and repeats it for each of a key head's
            8 query heads (1 + 8 written, 8 read); vLLM reads it once.
    """

    forward: float = 0.40
    training: float = 0.35
    bandwidth: float = 0.50
    floor: float = 0.0
    cache_passes: int = 1


LOCAL = Use(floor=0.025, cache_passes=19)
VLLM = Use(bandwidth=0.60)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run somewhere.

    Args:
        name: In tables.
        device: The card.
        num_devices: How many.
        use: What the rollout's engine makes of it.
        recipe: File under ``recipes``.
        flags: Over it.
        sharded: Whether gradients and optimiser are spread over the cards.
        exists: Whether grit can do it today.
    """

    name: str
    device: Device
    num_devices: int
    use: Use
    recipe: str
    flags: tuple[str, ...] = ()
    sharded: bool = False
    exists: bool = True


PAPER = "grit-qwen2.5-vl-3b"
SMALL = ("--model.max-pixels=200704", "--group.size=4", "--group.prompts-per-step=32",
         "--training.steps=200")  # fmt: skip
SCENARIOS = (
    Scenario("paper's run, LoRA, 1× 24 GB", CARD, 1, LOCAL, "lora-24gb", SMALL),
    Scenario("paper's run, 1× H200", H200, 1, LOCAL, PAPER),
    Scenario("paper's run, 1× H200, vLLM", H200, 1, VLLM, PAPER),
    Scenario("paper's run, tower frozen, 8× A100", A100, 8, LOCAL, PAPER,
             ("--model.freeze-vision", "--model.gradient-checkpointing")),
    Scenario("paper's run, 8× A100, sharded", A100, 8, LOCAL, PAPER, sharded=True, exists=False),
    Scenario("10⁶ triplets, 64× H200, sharded, vLLM", H200, 64, VLLM, PAPER,
             ("--group.size=8", "--group.prompts-per-step=1024", "--training.steps=977"),
             sharded=True, exists=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seconds:
    """Of one step, on all cards together."""

    rollout: float
    reference: float
    training: float

    @property
    def total(self) -> float:
        """The phases follow each other, and then comes what is not counted."""
        return self.rollout + self.reference + self.training + OTHER


def plan_of(scenario: Scenario, *, completion_tokens: int | None) -> tuple[Recipe, Plan]:
    """The scenario's recipe, and what it costs; None for completions at their longest."""
    recipe = load_recipe([ROOT / "recipes" / f"{scenario.recipe}.yaml"], scenario.flags)
    return recipe, make_plan(
        recipe,
        gpu_gib=scenario.device.gib,
        text_tokens=TEXT_TOKENS,
        completion_tokens=completion_tokens,
    )


def gib_a_card(scenario: Scenario) -> float:
    """Planned peak; sharded, each card holds its part of gradients and optimiser."""
    _, plan = plan_of(scenario, completion_tokens=None)
    rollout = plan.phases.rollout
    if scenario.use is VLLM:
        engine = int(VLLM_SHARE * scenario.device.gib * GIB)
        rollout = replace(rollout, kv_cache=engine, activations=0, logits=0)
    parts = [rollout, plan.phases.reference, plan.phases.training]
    spread = 1 - 1 / scenario.num_devices if scenario.sharded else 0.0
    return (
        max(part.total - spread * (part.optimizer + part.gradients) for part in parts if part) / GIB
    )


def seconds_of(scenario: Scenario, recipe: Recipe, plan: Plan, *, repeated: bool) -> Seconds:
    """One step; ``repeated`` runs picture and prompt once a completion, as peers do."""
    work, prefill = works(recipe, plan, repeated=repeated)
    device, use, cards = scenario.device, scenario.use, scenario.num_devices
    passes = plan.shares.micro_batches * PASS_FLOOR / cards
    # There, back at twice the cost, and there once more where layers are computed again.
    learning = 3 + int(recipe.model.gradient_checkpointing)
    return Seconds(
        rollout=prefill / (cards * device.peak * use.forward) + decoding(scenario, recipe, plan),
        reference=max(passes, work.reference / (cards * device.peak * use.forward)),
        training=max(learning * passes, work.training / (cards * device.peak * use.training)),
    )


def works(recipe: Recipe, plan: Plan, *, repeated: bool) -> tuple[Work, float]:
    """Operations of a step, and those of its prefill.

    Work is a sum over prompts and over completions: a step of twice the completions over the same
    prompts says what a completion costs, and the rest is the prompts'.
    """
    prompts, size = recipe.group.prompts_per_step, recipe.group.size
    once = work_of(plan.model, recipe, plan.load)
    twice = work_of(plan.model, _with_size(recipe, 2 * size), plan.load)
    times = size if repeated else 1

    def both(name: str) -> tuple[float, float]:
        completions = getattr(twice, name) - getattr(once, name)
        return times * (getattr(once, name) - completions), completions

    found = {name: both(name) for name in ("rollout", "reference", "training")}
    whole = {name: sum(parts) for name, parts in found.items()}
    tokens = plan.load.prompt_tokens * prompts * times
    return Work(tokens, once.completion_tokens, **whole), found["rollout"][0]


def decoding(scenario: Scenario, recipe: Recipe, plan: Plan) -> float:
    """Seconds of decoding: each token moves the weights once and the caches some times."""
    use, decoder = scenario.use, plan.model.decoder
    completions = recipe.group.prompts_per_step * recipe.group.size / scenario.num_devices
    at_once = min(completions, getattr(recipe.rollout, "sequences_at_once", completions))
    weights = 2 * (plan.model.parameters - plan.model.tower_parameters)
    context = plan.load.prompt_tokens + plan.load.completion_tokens / 2
    cache = at_once * context * 2 * 2 * decoder.cache_width * decoder.layers
    token = (weights + use.cache_passes * cache) / (scenario.device.bandwidth * use.bandwidth)
    # The local engine waits for the longest of a batch; vLLM fills the places of those that ended.
    length = LONGEST if use.floor else plan.load.completion_tokens
    return completions / at_once * length * max(use.floor, token)


def _with_size(recipe: Recipe, size: int) -> Recipe:
    group = recipe.group.model_copy(update={"size": size})
    return recipe.model_copy(update={"group": group})


def measured_table() -> str:
    """What was measured on a CPU beside TRL, and what counted operations promise."""
    lines = MEASURED.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    names, _, *cells = rows
    at = {name: names.index(name) for name in ("P", "G", "step ratio", "step bound")}
    table: list[tuple[object, ...]] = []
    for row in cells:
        ratio, bound = float(row[at["step ratio"]]), float(row[at["step bound"]])
        table.append((row[at["P"]], row[at["G"]], ratio, bound, f"{ratio / bound:.2f}"))
    return as_table(("P", "G", "TRL's step over ours", "counted", "of it"), table)


def devices_table() -> str:
    """Data sheets and rents."""
    names = ("card", "GiB", "bfloat16, TFLOP/s", "memory, TB/s", "$ an hour (assumed)")
    return as_table(
        names,
        [
            (d.name, d.gib, f"{d.peak / 1e12:.0f}", f"{d.bandwidth / 1e12:.2f}", d.dollars)
            for d in (CARD, A100, H200)
        ],
    )


def use_table() -> str:
    """What is assumed of the engines."""
    names = ("assumed", "local engine", "vLLM")
    rows: list[tuple[object, ...]] = [
        (f"share of the peak, {what}", f"{getattr(LOCAL, at):.0%}", f"{getattr(VLLM, at):.0%}")
        for what, at in (("passes without gradient", "forward"), ("training", "training"))
    ]
    rows += [
        ("share of the bandwidth, decoding", f"{LOCAL.bandwidth:.0%}", f"{VLLM.bandwidth:.0%}"),
        ("least time of a decoded token", f"{1e3 * LOCAL.floor:.0f} ms", "none"),
        ("passes of the cache through memory, a token", LOCAL.cache_passes, VLLM.cache_passes),
        ("tokens that decoding lasts", LONGEST, COMPLETION_TOKENS),
        ("least time of one pass of a micro-batch", *2 * [f"{1e3 * PASS_FLOOR:.0f} ms"]),
        ("all else, a step", *2 * [f"{OTHER:.0f} s"]),
    ]
    return as_table(names, rows)


def runs_tables() -> tuple[str, str]:
    """Counted work and memory of every scenario; and time and cost, derived."""
    counted: list[tuple[object, ...]] = []
    derived: list[tuple[object, ...]] = []
    for scenario in SCENARIOS:
        recipe, plan = plan_of(scenario, completion_tokens=COMPLETION_TOKENS)
        ours, theirs = (works(recipe, plan, repeated=r)[0].total for r in (False, True))
        steps = recipe.training.steps
        counted.append(
            (
                scenario.name,
                f"{recipe.group.prompts_per_step} × {recipe.group.size}",
                steps,
                f"{gib_a_card(scenario):.0f} of {scenario.device.gib}",
                f"{ours / 1e15:.2f}",
                f"{theirs / ours:.2f}",
                "yes" if scenario.exists else "not yet",
            )
        )
        spent = seconds_of(scenario, recipe, plan, repeated=False)
        hours = steps * spent.total / 3600
        peers = steps * seconds_of(scenario, recipe, plan, repeated=True).total / 3600
        cost = hours * scenario.num_devices * scenario.device.dollars
        phases = (f"{value:.1f}" for value in (spent.rollout, spent.reference, spent.training))
        derived.append((scenario.name, *phases, f"{hours:.1f}", f"{peers:.1f}", f"{cost:,.0f}"))
    return (
        as_table(
            ("run", "prompts × G", "steps", "GiB a card", "PFLOP a step", "prompts repeated: ×",
             "in grit today"),
            counted,
        ),
        as_table(
            ("run", "rollout, s", "reference, s", "training, s", "hours", "hours, prompts repeated",
             "$"),
            derived,
        ),
    )  # fmt: skip


def tables() -> dict[str, str]:
    """Every table of the page by its name."""
    counted, derived = runs_tables()
    return {
        "measured": measured_table(),
        "devices": devices_table(),
        "use": use_table(),
        "counted": counted,
        "derived": derived,
    }


def filled(page: str, found: dict[str, str]) -> str:
    """The page with its tables replaced; each stands between two comments that name it."""
    for name, table in found.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, middle, rest = page.partition(begin)
        _, close, after = rest.partition(end)
        if not middle or not close:
            raise SystemExit(f"{PAGE} has no place for the table {name}: {begin} … {end}")
        page = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return page


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write them into docs/scaling.md")
    chosen = parser.parse_args(words)
    found = tables()
    if chosen.update:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
        print(f"written into {PAGE}", file=sys.stderr)
    else:
        print("\n\n".join(f"{name}\n\n{table}" for name, table in found.items()))


if __name__ == "__main__":
    main()
