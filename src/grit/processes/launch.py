"""What a launcher (accelerate launch, torchrun) says about this process. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from grit.errors import ConfigError

__all__ = ["Launched", "launched", "refuse_sharding"]


@dataclass(frozen=True, slots=True)
class Launched:
    """One process among those that a launcher started.

    Args:
        rank: Its number, from 0.
        size: How many there are, on all machines.
        local_rank: Its number on this machine: its GPU.
        local_size: How many there are on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def launched(environment: Mapping[str, str] = os.environ) -> Launched:
    """This process among its like; alone where no launcher has said anything.

    Raises:
        ConfigError: If what the launcher says cannot be.
    """
    size = _number(environment, "WORLD_SIZE", 1)
    if size <= 1:
        return Launched()
    rank = _number(environment, "RANK", None)
    local = _number(environment, "LOCAL_RANK", None)
    return Launched(rank, size, local, _number(environment, "LOCAL_WORLD_SIZE", size))


def refuse_sharding(environment: Mapping[str, str] = os.environ) -> None:
    """Every process holds all weights; a launcher that was told to split them is not obeyed.

    Raises:
        ConfigError: If it was.
    """
    for name, flag in (
        ("ACCELERATE_USE_FSDP", "--use_fsdp"),
        ("ACCELERATE_USE_DEEPSPEED", "--use_deepspeed"),
        ("ACCELERATE_USE_MEGATRON_LM", "--use_megatron_lm"),
    ):
        if environment.get(name, "").lower() in ("1", "true", "yes", "on"):
            raise ConfigError(
                f"{name} is {environment[name]}: grit runs several processes by plain data "
                f"parallelism, each with all weights; launch without {flag} (in accelerate's "
                "configuration file: distributed_type MULTI_GPU)"
            )


def _number(environment: Mapping[str, str], name: str, default: int | None) -> int:
    text = environment.get(name, "" if default is None else str(default))
    try:
        return int(text)
    except ValueError:
        raise ConfigError(
            f"{name} is {text!r} and no number, though there are several processes; start them "
            "with accelerate launch or torchrun, or unset WORLD_SIZE"
        ) from None
