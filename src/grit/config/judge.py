"""Who says whether an answer is right: one variant a judge, told apart by ``type``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grit.config.base import Config

__all__ = ["JudgeConfig", "RulesJudgeConfig"]


class RulesJudgeConfig(Config):
    """Rules alone: yes and no, numbers, short answers. What they cannot match is wrong."""

    type: Literal["rules"] = "rules"
    """The judge: rules, no network."""

    threshold: float = Field(default=0.5, gt=0.0, le=1.0)
    """Score from which an answer counts as right where only right and wrong are told apart."""


# A second judge makes this a union: Annotated[A | B, Field(discriminator="type")].
JudgeConfig = RulesJudgeConfig
