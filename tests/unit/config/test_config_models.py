"""The configuration models: frozen, closed, bounded, and the paper's defaults."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from grit.config.fields import all_paths
from grit.config.group import GroupConfig
from grit.config.loss import LossConfig
from grit.config.model import LoraConfig, ModelConfig
from grit.config.optimizer import OptimizerConfig
from grit.config.recipe import Recipe
from grit.config.rollout import LocalRolloutConfig, VllmRolloutConfig
from grit.config.training import TrainingConfig


def test_the_defaults_are_those_of_the_paper():
    recipe = Recipe()
    assert recipe.group.size == 4
    assert recipe.group.size * recipe.group.prompts_per_step == 128
    assert recipe.training.steps == 200
    assert (recipe.optimizer.lr, recipe.optimizer.schedule) == (2e-6, "cosine")
    assert (recipe.rollout.temperature, recipe.rollout.max_new_tokens) == (0.9, 1000)
    assert recipe.rollout.stop == "</answer>"
    assert recipe.loss.beta == 0.01
    assert recipe.loss.updates_per_batch == 1
    assert recipe.loss.aggregation == "completion_mean"
    assert recipe.rewards.preset == "paper"


def test_a_rollout_is_local_until_its_type_says_otherwise():
    plain = Recipe.model_validate({"rollout": {"max_new_tokens": 7}})
    assert plain.rollout == LocalRolloutConfig(max_new_tokens=7)
    other = Recipe.model_validate({"rollout": {"type": "vllm", "timeout": 9.0}})
    assert other.rollout == VllmRolloutConfig(timeout=9.0)
    assert other.loss.max_importance_weight == 2.0


def test_a_recipe_cannot_be_changed_after_it_was_built():
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().group.size = 8  # pyright: ignore[reportAttributeAccessIssue]


def test_every_field_of_every_part_has_a_description():
    def undescribed(kind, path=()):
        from grit.config.fields import variants

        for name, info in kind.model_fields.items():
            if not info.description:
                yield ".".join((*path, name))
            for part in variants(info):
                yield from undescribed(part, (*path, name))

    assert list(undescribed(Recipe)) == []
    assert len(list(all_paths(Recipe))) > 60


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: GroupConfig(size=1), "size"),
        (lambda: LocalRolloutConfig(temperature=0.0), "temperature"),
        (lambda: LocalRolloutConfig(top_p=1.1), "top_p"),
        (lambda: VllmRolloutConfig(timeout=0.0), "timeout"),
        (lambda: VllmRolloutConfig(gpu_memory_share=1.0), "gpu_memory_share"),
        (lambda: LossConfig(max_importance_weight=0.5), "max_importance_weight"),
        (lambda: LossConfig(beta=-0.1), "beta"),
        (lambda: LossConfig(beta=float("nan")), "beta"),
        (lambda: OptimizerConfig(lr=float("inf")), "lr"),
        (lambda: OptimizerConfig(betas=(0.9, 1.0)), "betas"),
        (lambda: TrainingConfig(seed=-1), "seed"),
        (lambda: LoraConfig(targets=()), "targets"),
        (lambda: GroupConfig.model_validate({"size": True}), "size"),
        (lambda: GroupConfig.model_validate({"size": 4.5}), "size"),
        (lambda: GroupConfig.model_validate({"sise": 4}), "sise"),
    ],
)
def test_a_value_outside_its_bounds_is_refused(build, named):
    with pytest.raises(ValidationError, match=named):
        build()


@pytest.mark.parametrize(
    ("values", "fix"),
    [
        ({"training": {"keep_best": True}}, "set validate_every"),
        ({"training": {"validate_every": 10}}, "set data.validation"),
        ({"loss": {"aggregation": "constant"}}, "needs constant_length"),
        ({"loss": {"constant_length": 100}}, "remove it, or set aggregation to constant"),
        ({"loss": {"clip_epsilon_high": 0.1}}, "raise it, or remove it"),
        ({"optimizer": {"warmup_steps": 5, "warmup_ratio": 0.1}}, "keep one of them"),
        ({"optimizer": {"warmup_steps": 200}}, "lower optimizer.warmup_steps"),
        ({"model": {"min_pixels": 10, "max_pixels": 5}}, "lower min_pixels or raise max_pixels"),
        ({"model": {"revision": "main"}}, "set path to a hub name"),
        ({"model": {"attention": "flash_attention_2"}}, "set dtype to bfloat16"),
        ({"model": {"dtype": "float16"}}, "set model.dtype to bfloat16"),
    ],
)
def test_an_impossible_combination_names_the_fix(values, fix):
    with pytest.raises(ValidationError, match=fix):
        Recipe.model_validate(values)


def test_warm_up_is_given_in_steps_or_as_a_part_of_the_run():
    assert OptimizerConfig(warmup_steps=7).warmup(200) == 7
    assert OptimizerConfig(warmup_ratio=0.05).warmup(200) == 10
    assert OptimizerConfig().warmup(200) == 0


def test_the_builtin_model_needs_no_settings():
    assert ModelConfig().path == "builtin"
