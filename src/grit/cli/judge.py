"""`grit judge`: ask a judge one thing, look after its cache."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from grit.errors import ConfigError

__all__ = ["ACTIONS", "Action", "run"]


@dataclass(frozen=True, slots=True)
class Action:
    """One word after `grit judge`.

    Args:
        target: ``module:function``; the function takes the arguments, returns an exit code.
        usage: What follows the word.
        about: One line for the overview.
    """

    target: str
    usage: str
    about: str


ACTIONS = {
    "try": Action("grit.cli.judge_try:run", "[FILES] [FLAGS]", "one verdict: prompt, reply, score"),
    "cache": Action(
        "grit.cli.judge_cache:run", "show|export|prune", "the replies that were paid for"
    ),
    "calibrate": Action(
        "grit.cli.judge_calibrate:run", "FILE [FLAGS]", "agreement with labels, or with the rules"
    ),
}


def run(arguments: list[str]) -> int:
    """Dispatch `grit judge ARGUMENTS`."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview(), end="")
        return 0
    word, *rest = arguments
    action = ACTIONS.get(word)
    if action is None:
        near = difflib.get_close_matches(word, ACTIONS, n=1)
        hint = f"did you mean grit judge {near[0]}?" if near else f"known: {', '.join(ACTIONS)}"
        raise ConfigError(f"{word} is no command of grit judge; {hint} (grit judge --help)")
    module, _, function = action.target.partition(":")
    command: Callable[[list[str]], int] = getattr(importlib.import_module(module), function)
    return command(rest)


def _overview() -> str:
    left = {word: f"grit judge {word} {each.usage}" for word, each in ACTIONS.items()}
    width = max((len(text) for text in left.values()), default=0)
    lines = [f"  {left[word]:<{width}}   {each.about}" for word, each in ACTIONS.items()]
    return "Ask a judge, and look after what it said.\n\n" + "\n".join(lines) + "\n"
