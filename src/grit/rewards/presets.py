"""The two published reward formulas by name, and the rubric that a recipe asks for.

========== =============================== =====================================================
component  ``paper``                       ``released``
========== =============================== =====================================================
format     0.5 a pair, 0.5 for a box       0.1 a tag, 0.1 for two words, 0.5 for a box
count      0.5                             1.0, only with ``<rethink>``
answer     judge ≥ threshold, 0.1 BLEU-1   judge > 0, 0.1 BLEU-1 of all that follows ``<answer>``
answer_tag –                               0.25, and 0.25 more for exactly one
repetition –                               0.5, less for repeated 8-grams
deviation  biased, δ = 1e-4                unbiased, δ = 1e-4
========== =============================== =====================================================

Both count boxes with the paper's expression. Every weight is 1: the amounts are in the rewards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from grit.config.rewards import RewardsConfig
from grit.errors import ConfigError
from grit.rewards.answer import AnswerReward
from grit.rewards.boxes import BoxesReward
from grit.rewards.counting import CountingReward
from grit.rewards.custom import load_reward
from grit.rewards.format import answer_tag, paper_format, released_format
from grit.rewards.repetition import RepetitionReward
from grit.rewards.rubric import Rubric
from grit.rewards.score import Reward

__all__ = ["Preset", "build_rubric", "load_preset"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A published reward formula, with the standardisation that goes with it.

    Args:
        name: ``paper`` or ``released``.
        rewards: Its components in order.
        deviation: Which standard deviation divides the advantages.
        epsilon: δ, added to that deviation, in reward units.
        most: The largest total.
    """

    name: str
    rewards: Mapping[str, Reward]
    deviation: Literal["biased", "unbiased"]
    epsilon: float
    most: float


def load_preset(name: Literal["paper", "released"], *, threshold: float = 0.5) -> Preset:
    """A preset by name.

    Args:
        name: Which.
        threshold: Judge's score from which ``paper`` takes an answer as right; ``released`` takes
            every score above 0.
    """
    match name:
        case "paper":
            rewards: dict[str, Reward] = {
                "format": paper_format,
                "count": CountingReward(0.5),
                "answer": AnswerReward(threshold),
            }
            # Eq. 1 names no δ; the released code's is taken.
            return Preset(name, rewards, deviation="biased", epsilon=1e-4, most=3.1)
        case "released":
            rewards = {
                "format": released_format,
                "count": CountingReward(1.0, needs_rethink=True),
                "answer": AnswerReward(0.0, above=True, with_remnants=True),
                "answer_tag": answer_tag,
                "repetition": RepetitionReward(),
            }
            return Preset(name, rewards, deviation="unbiased", epsilon=1e-4, most=4.1)


def build_rubric(config: RewardsConfig, *, threshold: float = 0.5) -> Rubric:
    """The rubric of a recipe: a preset, its weights, one for boxes, and the user's own rewards.

    Args:
        config: What the recipe says.
        threshold: See ``load_preset``; a recipe keeps it with its judge.

    Raises:
        ConfigError: If a weight names no component, or a custom reward takes a taken name.
        RewardError: If a custom reward cannot be loaded.
    """
    preset = load_preset(config.preset, threshold=threshold)
    rewards: dict[str, tuple[Reward, float]] = {
        name: (reward, 1.0) for name, reward in preset.rewards.items()
    }
    if config.boxes is not None:
        boxes = config.boxes
        reward = BoxesReward(boxes.overlap, boxes.threshold, boxes.final_threshold)
        rewards["boxes"] = (reward, boxes.weight)
    for custom in config.custom:
        if custom.component in rewards:
            raise ConfigError(
                f"custom reward {custom.function} is named {custom.component!r} like a reward of "
                f"the {preset.name} preset or of ours; give it another name"
            )
        reward = load_reward(custom.function, name=custom.component)
        rewards[custom.component] = (reward, custom.weight)
    for name, weight in config.weights.items():
        if name not in rewards:
            raise ConfigError(
                f"rewards.weights names {name!r}, which is no component; the {preset.name} preset "
                f"with your own rewards has {', '.join(rewards)}"
            )
        rewards[name] = (rewards[name][0], weight)
    return Rubric(rewards)
