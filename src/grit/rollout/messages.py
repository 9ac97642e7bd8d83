"""What trainer and engine process say to each other: protocol 1.

One JSON object a line, UTF-8, over a stream socket; the trainer asks, the engine answers each
request with one reply, in order. Weights and pictures are files, named by their paths: weights as
safetensors in the layout of a transformers checkpoint (or peft's, of an adapter), pictures as PNG.
They may be removed once the reply is there. Nothing is pickled. ``vllm_worker.py`` is the other
side; it reads these messages without pydantic, in an environment of its own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "AskedPrompt",
    "Failed",
    "Generate",
    "Generated",
    "Load",
    "Loaded",
    "SampledCompletion",
    "SampledGroup",
    "Start",
    "Started",
]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Start(_Message):
    """Load a model. The first request, and only the first."""

    kind: Literal["start"] = "start"
    protocol: int
    model: str
    """A folder that vLLM loads by itself; it stays, its weights come and go."""
    dtype: str
    max_model_len: int
    """Tokens of the longest prompt and its completion together."""
    gpu_memory_share: float
    eager: bool
    sleep: bool
    lora_rank: int | None
    """Rank of the adapters that will be handed over; None for whole weights."""
    seed: int


class Load(_Message):
    """Take over newer weights, or an adapter; forget what the old ones computed."""

    kind: Literal["load"] = "load"
    adapter: str | None = None
    """Folder of an adapter; None reads the weights in the folder of ``Start`` again."""


class AskedPrompt(_Message):
    """One prompt, sent once for its whole group."""

    token_ids: list[int]
    """With one placeholder for its picture, which the engine expands."""
    picture: str
    """A PNG file."""
    seed: int
    """Of the group; its completions are drawn with this one and those that follow it."""


class Generate(_Message):
    """Sample the groups of some prompts."""

    kind: Literal["generate"] = "generate"
    prompts: list[AskedPrompt]
    num_completions: int
    """Of each prompt."""
    max_new_tokens: int
    temperature: float
    top_p: float
    stop: str | None
    stop_ids: list[int]


class Started(_Message):
    """The model is loaded."""

    kind: Literal["started"]
    protocol: int
    version: str
    """Of vLLM."""
    sleeps: bool
    """Whether it gives memory back between rollouts."""


class Loaded(_Message):
    """The weights are in force."""

    kind: Literal["loaded"]


class SampledCompletion(_Message):
    """One completion, as it was sampled."""

    token_ids: list[int]
    logprobs: list[float]
    """Of each token, under the distribution that it was drawn from."""
    finish: Literal["stop", "length"]


class SampledGroup(_Message):
    """The completions of one prompt, and the prompt as the engine saw it."""

    prompt_token_ids: list[int]
    """With the placeholder expanded."""
    completions: list[SampledCompletion]


class Generated(_Message):
    """All groups, in order of the prompts."""

    kind: Literal["generated"]
    groups: list[SampledGroup]


class Failed(_Message):
    """The request could not be met; the engine's log has the traceback."""

    kind: Literal["failed"]
    error: str
