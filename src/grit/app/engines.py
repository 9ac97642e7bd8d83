"""The engine that a recipe's rollouts ask for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from grit.app.models import Learner
from grit.config.recipe import Recipe
from grit.config.rollout import VllmRolloutConfig
from grit.rollout.group import Prompt, RolloutEngine
from grit.rollout.local import LocalEngine, Sampling
from grit.rollout.vllm import VllmEngine, require_vllm

__all__ = ["build_engine", "require_engine", "training_sampling"]


def require_engine(recipe: Recipe) -> None:
    """Say early what an engine lacks: before anything is loaded or removed.

    Raises:
        ConfigError: If the interpreter that is to run vLLM has no vLLM.
    """
    if isinstance(recipe.rollout, VllmRolloutConfig):
        require_vllm(recipe.rollout)


def build_engine(
    recipe: Recipe, learner: Learner, prompts: Sequence[Prompt], *, log: Path, stack: ExitStack
) -> RolloutEngine:
    """Build the engine; one of another process is started, and ended with the stack.

    Args:
        recipe: Says which, and how it samples.
        learner: Whose policy it samples from.
        prompts: All that it will be asked.
        log: Where an engine of another process writes.
        stack: Of the run.

    Raises:
        EngineError: If it cannot be started.
    """
    rollout, sampling = recipe.rollout, training_sampling(recipe)
    if not isinstance(rollout, VllmRolloutConfig):
        return LocalEngine(learner.policy, sampling)
    return stack.enter_context(
        VllmEngine(
            learner.policy.model,
            learner.adapter,
            sampling,
            rollout,
            longest_prompt=max(len(prompt.inputs.input_ids) for prompt in prompts),
            log=log,
            max_picture_pixels=recipe.data.picture_pixel_limit,
        )
    )


def training_sampling(recipe: Recipe) -> Sampling:
    """How completions to learn from are drawn, whatever engine draws them."""
    rollout = recipe.rollout
    at_once = (
        {}
        if isinstance(rollout, VllmRolloutConfig)
        else {"sequences_at_once": rollout.sequences_at_once}
    )
    return Sampling(
        max_new_tokens=rollout.max_new_tokens,
        temperature=rollout.temperature,
        top_p=rollout.top_p,
        stop=rollout.stop,
        seed=recipe.training.seed,
        **at_once,
    )
