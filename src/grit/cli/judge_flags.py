"""Flags of a judge on commands that read no recipe: `grit eval RUN --judge.type chat …`."""

from __future__ import annotations

from typing import Literal

from grit.config.base import Config
from grit.config.compose import load_config
from grit.config.judge import JudgeConfig, RulesJudgeConfig

__all__ = ["split_judge_flags"]

_PREFIX = "--judge."


class _JudgePart(Config):
    """The judge alone."""

    judge: JudgeConfig = RulesJudgeConfig()
    """Who says whether an answer is right."""


def split_judge_flags(
    arguments: list[str], *, prog: str, kind: Literal["rules", "chat"] = "rules"
) -> tuple[JudgeConfig, list[str]]:
    """Take the judge's flags out of a command line.

    Args:
        arguments: What follows the command's name.
        prog: The command, for errors.
        kind: The judge's type where no flag says it.

    Returns:
        The judge and the other words in order.

    Raises:
        ConfigError: If a flag is unknown, or its value wrong.
    """
    flags: list[str] = []
    others: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith(_PREFIX):
            others.append(word)
            continue
        flags.append(word)
        if "=" not in word and rest and not rest[0].startswith("-"):
            flags.append(rest.pop(0))
    if not any(flag.partition("=")[0] == f"{_PREFIX}type" for flag in flags):
        flags = [f"{_PREFIX}type", kind, *flags]
    return load_config(_JudgePart, [], flags, prog=prog).judge, others
