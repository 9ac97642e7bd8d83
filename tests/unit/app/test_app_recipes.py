"""The shipped recipes: the paper's values, and the memory that each one's head promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grit.app.plan import make_plan
from grit.config.compose import load_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
PLANNED = sorted(
    file
    for file in RECIPES.glob("*.yaml")
    if file.name not in ("demo.yaml", "lora.yaml", "sft.yaml")
)
"""All but those of the built-in model, which need no GPU, and what is only laid over others."""


def test_every_recipe_that_is_asked_for_is_shipped():
    names = {"grit-qwen2.5-vl-3b", "grit-internvl3-2b", "grit-qwen3-vl-4b", "lora-24gb", "fast"}
    assert {file.stem for file in PLANNED} == names


@pytest.mark.parametrize("file", PLANNED, ids=lambda file: file.stem)
def test_a_recipe_fits_the_gpu_that_its_head_names_with_the_peak_that_it_states(file):
    stated = re.search(
        r"# Memory: (\d+) GiB at the peak, on one GPU of (\d+) GiB", file.read_text("utf-8")
    )
    assert stated, "no line says what the recipe needs"
    peak, gpu = (int(number) for number in stated.groups())
    plan = make_plan(load_recipe([file], ["--model.device", "cpu"]), gpu_gib=gpu)
    assert plan.source.endswith("(planning/bases.yaml)"), "a plan of a shipped recipe needs no hub"
    assert plan.fit is not None
    assert plan.fit.fits
    assert plan.phases.peak / 2**30 == pytest.approx(peak, abs=0.51)


@pytest.mark.parametrize("name", ["grit-qwen2.5-vl-3b", "grit-internvl3-2b"])
def test_the_papers_recipes_hold_the_papers_set_up(name):
    """Training set-up of arXiv 2505.15879; β, temperature and length are the released code's."""
    recipe = load_recipe([RECIPES / f"{name}.yaml"])
    group, optimizer = recipe.group, recipe.optimizer
    assert group.size == 4, "4 completions per input"
    assert group.size * group.prompts_per_step == 128, "total batch 128"
    assert (recipe.training.steps, optimizer.lr, optimizer.schedule) == (200, 2e-6, "cosine")
    assert (recipe.model.lora, recipe.model.freeze_vision) == (None, False), "all weights learn"
    assert recipe.rewards.preset == "paper"
    judge = recipe.judge
    assert (judge.type, judge.order, judge.prompt) == ("chat", "always", "grit")
    assert judge.model == "gpt-4o"
    assert (recipe.loss.beta, recipe.loss.updates_per_batch) == (0.01, 1)
    assert recipe.rollout.type == "local"
    assert (recipe.rollout.temperature, recipe.rollout.max_new_tokens) == (0.9, 1000)
