"""What completions are paid for: a preset, weights over it, and a user's own rewards."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from grit.config.base import Config

__all__ = ["BoxesRewardConfig", "CustomRewardConfig", "RewardsConfig"]


class CustomRewardConfig(Config):
    """A reward of your own: a Python function that scores one row."""

    function: str
    """Where it is, as module:function. It takes a RewardRow, returns a Score or a number."""

    name: str = Field(default="", pattern=r"^[\w-]*$")
    """Its name in logs and tables; the function's own name where this is empty."""

    weight: float = Field(default=1.0, allow_inf_nan=False)
    """What its score is multiplied with."""

    @model_validator(mode="before")
    @classmethod
    def _function_alone(cls, value: Any) -> Any:
        """A flag gives the function alone: ``--rewards.custom mine:short``."""
        return {"function": value} if isinstance(value, str) else value

    @field_validator("function")
    @classmethod
    def _names_a_function(cls, function: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", function):
            raise ValueError(
                f"{function!r} is no module:function; write for example my_rewards:short_answer"
            )
        return function

    @property
    def component(self) -> str:
        """The name that it goes by in the rubric."""
        return self.name or self.function.rpartition(":")[2].rpartition(".")[2]


class BoxesRewardConfig(Config):
    """A reward for where boxes lie, for samples that have true ones; GRIT itself has none."""

    overlap: Literal["mean", "dual", "matched"] = "matched"
    """`mean`: each true box's best IoU; `dual`: that and each drawn box's best IoU; `matched`: IoU
    of the best one-to-one matching, over the larger number of boxes."""

    weight: float = Field(default=0.5, allow_inf_nan=False)
    """What the overlap, 0 to 1, is multiplied with."""

    threshold: float = Field(default=0.0, ge=0.0, le=1.0)
    """Overlaps below it earn nothing, at the first step."""

    final_threshold: float | None = Field(default=None, ge=0.0, le=1.0)
    """The same at the last step: the threshold rises evenly; none: it stays where it is."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.final_threshold is not None and self.final_threshold < self.threshold:
            raise ValueError(
                f"final_threshold {self.final_threshold} is below threshold {self.threshold}; a "
                "threshold rises during training: swap them"
            )
        return self


class RewardsConfig(Config):
    """What completions are paid for."""

    preset: Literal["paper", "released"] = "paper"
    """The formulas: the paper's, or those of the authors' released code."""

    weights: dict[str, float] = Field(default_factory=dict)
    """Multiplies a component of the rubric by name (format, count, answer, …); 0 only logs it."""

    custom: tuple[CustomRewardConfig, ...] = ()
    """Your own rewards, added to the preset's."""

    boxes: BoxesRewardConfig | None = None
    """Pay for where boxes lie, too, where samples have true ones; none: nobody asks where."""

    @field_validator("weights")
    @classmethod
    def _finite(cls, weights: dict[str, float]) -> dict[str, float]:
        for name, weight in weights.items():
            if not -1e6 < weight < 1e6:
                raise ValueError(f"weight {name}: {weight} is no finite, sensible number")
        return weights

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        names = [custom.component for custom in self.custom]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                f"two custom rewards are named {', '.join(repeated)}; give each a name of its own"
            )
        return self
