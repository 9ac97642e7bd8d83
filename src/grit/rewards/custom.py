"""A user's own reward, loaded by ``module:function`` and held to the protocol.

A reward takes a ``RewardRow`` and returns a ``Score`` or a finite number. What goes wrong in it
stops the run with its name and the sample, for a reward that fails in silence trains on noise.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from grit.errors import RewardError
from grit.rewards.score import Reward, RewardRow, Score

__all__ = ["CustomReward", "load_reward"]


@dataclass(frozen=True, slots=True)
class CustomReward:
    """A user's function behind the Reward protocol.

    Args:
        name: Its name in messages.
        function: Takes a row, returns a Score or a number.
    """

    name: str
    function: Callable[[RewardRow], Any]

    def __call__(self, row: RewardRow) -> Score:
        """Score one completion.

        Raises:
            RewardError: If the function raises, or returns no Score and no finite number.
        """
        where = f"reward {self.name} on sample {row.sample.id!r}"
        with _as_reward_error(where):
            result = self.function(row)
            if isinstance(result, Score):
                return result
            if isinstance(result, Real):
                return Score(float(result))
        raise RewardError(
            f"{where} returned {_shown(result)}; return a Score (grit.rewards.score) or a number"
        )


def load_reward(target: str, *, name: str | None = None) -> Reward:
    """Import ``module:function``; modules beside the working directory are found too.

    Args:
        target: Where the function is; ``module:Class.method`` is fine.
        name: Its name in messages; the target where this is None.

    Raises:
        RewardError: If the module or the function is not there, or is no plain function.
    """
    module_name, colon, path = target.partition(":")
    if not (module_name and colon and path):
        raise RewardError(
            f"reward {target!r} is no module:function; write for example my_rewards:short_answer"
        )
    # The grit command, unlike python -m, does not look beside the working directory by itself.
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    with _as_reward_error(f"cannot import {module_name!r} for reward {target!r}"):
        found: Any = importlib.import_module(module_name)
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            raise RewardError(
                f"reward {target!r}: {getattr(found, '__name__', module_name)} has no "
                f"{attribute!r}; it has {_public_names(found)}"
            )
        found = getattr(found, attribute)
    if not callable(found):
        raise RewardError(f"reward {target!r} is {_shown(found)}, nothing to call; name a function")
    if inspect.isclass(found) or inspect.iscoroutinefunction(found):
        kind = "a class" if inspect.isclass(found) else "an async function"
        raise RewardError(
            f"reward {target!r} is {kind}; name a plain function, or an instance with __call__, "
            "that takes a RewardRow and returns a Score or a number"
        )
    return CustomReward(name or target, found)


@contextmanager
def _as_reward_error(doing: str) -> Generator[None]:
    """Turn whatever a user's code raises into our error, which names where; nothing is hidden."""
    try:
        yield
    except Exception as error:  # the only place that runs code that we know nothing of
        raise RewardError(f"{doing}: {type(error).__name__}: {error}") from error


def _public_names(found: Any) -> str:
    names = [name for name in dir(found) if not name.startswith("_")]
    return ", ".join(names[:8]) or "no public names"


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:59] + '…'} ({type(value).__name__})"
