"""A shipped base at full size with random weights, three steps, and its peak beside the plan's.

    PYTHONPATH=src:tests python tests/gpu/full_size.py --way full
    PYTHONPATH=src:tests python tests/gpu/full_size.py --way lora --gradient-checkpointing

Weights are drawn at random on the shape that ``planning/bases.yaml`` gives, so no hub is needed;
tokenizer and chat template are the built-in model's, whose words are a part of the base's rows.
Random weights seldom end a completion, so all are as long as may be, which is what is planned for.
Prints one JSON object; ends with 1 where the peak is further off the plan than ``--tolerance``.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from base_model import BASE, build_base

from grit.app.models import load_learner
from grit.app.plan import make_plan
from grit.config.recipe import Recipe
from grit.data.sample import Sample
from grit.judges.rules import RulesJudge
from grit.policy.reference import Reference
from grit.prompts.question import Mode, question_turn
from grit.rewards.rubric import Rubric
from grit.rewards.score import RewardRow, Score
from grit.rollout.group import Group, Prompt, RolloutEngine
from grit.rollout.local import LocalEngine, Sampling
from grit.training.optimizer import Optimizer
from grit.training.scoring import Scorer
from grit.training.trainer import Trainer, TrainerConfig
from tiny_qwen import painted

TOKEN_SIDE = 28
"""Pixels of a merged token's side, for Qwen2.5-VL."""


class Turns:
    """A reward that pays by turns, so that groups differ and gradients are not zero.

    Random weights mostly say tokens that the built-in words do not have: there is no text to pay.
    """

    def __init__(self) -> None:
        self.turn = 0

    def __call__(self, row: RewardRow) -> Score:
        """Pay 0, 0.2, … 0.8, and again."""
        del row
        self.turn += 1
        return Score(self.turn % 5 / 5)


class Gauge:
    """The most that torch had allocated, by phase of a step; nothing where there is no GPU."""

    def __init__(self, device: torch.device) -> None:
        self.on = device.type == "cuda"
        self.peaks: dict[str, int] = {}

    def note(self, phase: str) -> None:
        """Count what was allocated since the last note to a phase."""
        if self.on:
            torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated()
            self.peaks[phase] = max(peak, self.peaks.get(phase, 0))
            torch.cuda.reset_peak_memory_stats()


class GaugedEngine:
    """An engine whose rollouts are measured."""

    def __init__(self, inner: RolloutEngine, gauge: Gauge) -> None:
        self._inner, self._gauge = inner, gauge

    def roll_out(self, prompts, *, size: int, step: int) -> list[Group]:
        """Sample, and note."""
        self._gauge.note("training")
        groups = self._inner.roll_out(prompts, size=size, step=step)
        self._gauge.note("rollout")
        return groups


class GaugedReference:
    """A reference whose passes are measured."""

    def __init__(self, inner: Reference, gauge: Gauge) -> None:
        self._inner, self._gauge = inner, gauge

    def logprobs(self, prompts, parts, *, temperature: float):
        """Take log-probabilities, and note."""
        found = self._inner.logprobs(prompts, parts, temperature=temperature)
        self._gauge.note("reference")
        return found


def recipe_of(options: argparse.Namespace, folder: Path) -> Recipe:
    """What is run, as a recipe that can be planned."""
    lora = {"rank": 16, "alpha": 32} if options.way == "lora" else None
    return Recipe.model_validate(
        {
            "model": {
                "path": str(folder),
                "device": options.device,
                "dtype": options.dtype,
                "attention": options.attention,
                "gradient_checkpointing": options.gradient_checkpointing,
                "max_pixels": options.image_tokens * TOKEN_SIDE**2,
                "lora": lora,
            },
            "group": {"size": options.group_size, "prompts_per_step": options.prompts},
            "rollout": {"max_new_tokens": options.completion_tokens, "temperature": 1.0},
            "training": {"steps": options.steps},
        }
    )


def train(recipe: Recipe, image_tokens: int) -> tuple[list[float], int, dict[str, int]]:
    """Make the recipe's steps without a run folder: checkpoints of full size would fill a disk.

    Returns:
        Norms of the gradients, tokens of the prompts' texts, and the peaks in bytes by phase.
    """
    learner = load_learner(recipe.model, needs_reference=True)
    gauge = Gauge(learner.policy.device)
    side = round(image_tokens**0.5) * TOKEN_SIDE
    model = learner.policy.model
    prompts = [
        Prompt(
            Sample(f"s-{number}", Path("p.png"), "How many?", "2", "counting"),
            model.prepare(painted((side, side), number), question_turn("How many?", Mode.GROUNDED)),
        )
        for number in range(recipe.group.prompts_per_step)
    ]
    found = int(prompts[0].inputs.image_mask.sum())
    assert found == image_tokens, f"a picture of {side}×{side} has {found} image tokens"
    text_tokens = len(prompts[0].inputs.input_ids) - found
    rollout = recipe.rollout
    sampling = Sampling(rollout.max_new_tokens, rollout.temperature, stop=rollout.stop, seed=0)
    scorer = Scorer(RulesJudge(), Rubric({"turns": (Turns(), 1.0)}))
    assert learner.reference is not None
    trainer = Trainer(
        learner.policy,
        GaugedReference(learner.reference, gauge),
        GaugedEngine(LocalEngine(learner.policy, sampling), gauge),
        scorer,
        prompts,
        Optimizer(learner.trainable.items(), recipe.optimizer),
        TrainerConfig(
            recipe.group, recipe.loss, recipe.optimizer, recipe.training, "biased", 1e-4, 1.0
        ),
    )
    norms = []
    for step in range(1, recipe.training.steps + 1):
        norms.append(trainer.step(step).grad_norm)
        gauge.note("training")
    scorer.close()
    return norms, text_tokens, gauge.peaks


def is_off(planned: float, measured: float | None, tolerance: float) -> bool:
    """Whether a plan misses what was measured by more than a part of it."""
    return measured is not None and abs(planned - measured) > tolerance * measured


def parse(words: list[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=("full", "lora"), default="lora")
    parser.add_argument("--attention", choices=("sdpa", "flash_attention_2"), default="sdpa")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--image-tokens", type=int, default=1024, help="a square number")
    parser.add_argument("--completion-tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=0.15)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, to test this file")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Build, train, plan, compare."""
    options = parse(words)
    build_on = "cuda" if torch.cuda.is_available() and options.device != "cpu" else "cpu"
    with tempfile.TemporaryDirectory() as place:
        folder = build_base(
            Path(place) / "base", dtype=options.dtype, tiny=options.tiny, device=build_on
        )
        gc.collect()
        torch.cuda.empty_cache()
        recipe = recipe_of(options, folder)
        norms, text_tokens, peaks = train(recipe, options.image_tokens)
        plan = make_plan(recipe, text_tokens=text_tokens)
    phases = plan.phases
    planned = {"rollout": phases.rollout.total, "training": phases.training.total}
    if phases.reference is not None:
        planned["reference"] = phases.reference.total
    peak = max(peaks.values()) if peaks else None
    off = is_off(phases.peak, peak, options.tolerance)
    said = {
        "base": BASE, "tiny": options.tiny, "way": options.way, "parameters": plan.model.parameters,
        "gradient_norms": norms, "text_tokens": text_tokens,
        "planned_gib": {name: value / 2**30 for name, value in planned.items()},
        "measured_gib": {name: value / 2**30 for name, value in peaks.items()},
        "peak_planned_gib": phases.peak / 2**30,
        "peak_measured_gib": None if peak is None else peak / 2**30,
        "within_tolerance": not off,
    }  # fmt: skip
    print(json.dumps(said))
    return int(off)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
