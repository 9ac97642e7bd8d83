"""A recipe: everything that decides what a run does."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from grit.config.base import Config
from grit.config.data import DataConfig
from grit.config.evaluation import EvaluationConfig
from grit.config.group import GroupConfig
from grit.config.judge import JudgeConfig, RulesJudgeConfig
from grit.config.loss import LossConfig
from grit.config.model import ModelConfig
from grit.config.optimizer import OptimizerConfig
from grit.config.rewards import RewardsConfig
from grit.config.rollout import LocalRolloutConfig, RolloutConfig
from grit.config.sft import SftConfig
from grit.config.tracking import TrackingConfig
from grit.config.training import TrainingConfig

__all__ = ["Recipe"]


class Recipe(Config):
    """The full configuration of a run; its defaults are the paper's, on the built-in model."""

    model: ModelConfig = ModelConfig()
    """The model that learns."""

    data: DataConfig = DataConfig()
    """What it learns from."""

    group: GroupConfig = GroupConfig()
    """How prompts become groups."""

    rollout: RolloutConfig = LocalRolloutConfig()
    """How completions are sampled."""

    rewards: RewardsConfig = RewardsConfig()
    """What completions are paid for."""

    judge: JudgeConfig = RulesJudgeConfig()
    """Who says whether an answer is right."""

    loss: LossConfig = LossConfig()
    """The objective."""

    optimizer: OptimizerConfig = OptimizerConfig()
    """How weights move."""

    training: TrainingConfig = TrainingConfig()
    """The course of the run."""

    sft: SftConfig | None = None
    """Few-shot SFT in place of GRPO-GR: what `grit sft` runs; none: a run of `grit train`."""

    evaluation: EvaluationConfig = EvaluationConfig()
    """How held-out samples are asked and marked."""

    tracking: TrackingConfig = TrackingConfig()
    """Where curves go besides the run folder."""

    output: str = Field(default="runs/grit", min_length=1)
    """The run folder. A folder that holds a run is refused, unless a flag says otherwise."""

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        """Refuse combinations across parts that cannot work, or would quietly do nothing."""
        if self.training.validate_every is not None and self.data.validation is None:
            raise ValueError(
                f"training.validate_every {self.training.validate_every} needs held-out samples; "
                "set data.validation to a JSONL file or builtin:val, or remove validate_every"
            )
        warmup = self.optimizer.warmup(self.training.steps)
        if warmup >= self.training.steps and warmup > 0:
            raise ValueError(
                f"a warm-up of {warmup} steps leaves nothing of training.steps "
                f"{self.training.steps}; lower optimizer.warmup_steps or warmup_ratio"
            )
        if self.model.dtype == "float16":
            raise ValueError(
                "training in float16 loses small gradients; set model.dtype to bfloat16 (with "
                "optimizer.master_weights) or to float32"
            )
        return self
