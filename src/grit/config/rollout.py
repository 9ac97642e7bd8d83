"""How completions are sampled: one variant an engine, told apart by ``type``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from grit.config.base import Config
from grit.config.fields import tagged

__all__ = [
    "ANSWER_END",
    "LocalRolloutConfig",
    "RolloutConfig",
    "SamplingConfig",
    "VllmRolloutConfig",
]

ANSWER_END = "</answer>"
"""Text that ends a chain, where nothing else is said."""


class SamplingConfig(Config):
    """What every engine is told about a completion."""

    max_new_tokens: int = Field(default=1000, ge=1)
    """Longest completion; a longer one is cut off and marked so."""

    temperature: float = Field(default=0.9, gt=0.0)
    """Divides the logits before sampling; log-probabilities are taken at the same temperature."""

    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Smallest probability mass to sample from; 1 samples from the whole vocabulary."""

    stop: str = Field(default=ANSWER_END, min_length=1)
    """Text that ends a completion as finished."""


class LocalRolloutConfig(SamplingConfig):
    """Sampling in the training process; a group shares its prompt's cache."""

    type: Literal["local"] = "local"
    """The engine: in this process, on the weights that learn."""

    sequences_at_once: int = Field(default=128, ge=1)
    """Most completions decoded side by side; what is sampled does not depend on it."""


class VllmRolloutConfig(SamplingConfig):
    """Sampling by vLLM, in a process of its own beside the trainer."""

    type: Literal["vllm"] = "vllm"
    """The engine: vLLM, which is given the weights, or the LoRA alone, before every rollout."""

    python: Path | None = None
    """Interpreter of the environment that has vLLM (it pins its own transformers); none: this."""

    gpu_memory_share: float = Field(default=0.4, gt=0.0, lt=1.0)
    """Share of the GPU's memory that vLLM may take for its weights and its cache."""

    sleep: bool = True
    """Let vLLM give its GPU memory back between rollouts, where its backend can."""

    eager: bool = False
    """Run vLLM without compiling: a quicker start, slower sampling."""

    start_timeout: float = Field(default=900.0, gt=0.0)
    """Longest wait for vLLM to load and compile, in seconds."""

    timeout: float = Field(default=1800.0, gt=0.0)
    """Longest wait for one answer, a step's whole rollout among them, in seconds."""


RolloutConfig = Annotated[
    LocalRolloutConfig | VllmRolloutConfig,
    Field(discriminator="type"),
    BeforeValidator(tagged("local")),
]
"""Either; without a ``type``, local."""
