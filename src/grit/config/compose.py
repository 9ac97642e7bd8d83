"""YAML files, left to right, then flags: one recipe, or one clear error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from grit.config.base import Config
from grit.config.explain import explain
from grit.config.flags import lay_flags
from grit.config.layers import Layered, Origin, read_layers
from grit.config.recipe import Recipe
from grit.errors import ConfigError

__all__ = [
    "config_of_flags",
    "dump_recipe",
    "load_config",
    "load_recipe",
    "recipe_hash",
    "split_arguments",
]

ConfigT = TypeVar("ConfigT", bound=Config)

_TRAIN = """Train a model. FILES are recipes in YAML, laid over each other from left to right, and
flags over them: grit train base.yaml mine.yaml --group.size 8"""


class _Dumper(yaml.SafeDumper):
    """Quotes text with line breaks that YAML knows and Python's writer would let through bare."""


def _represent_text(_: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(mark in text for mark in "\x85\u2028\u2029\ufeff") else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def split_arguments(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The recipe files that a command line starts with, and the flags that follow."""
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    return [Path(word) for word in arguments[:first]], list(arguments[first:])


def load_config(
    kind: type[ConfigT],
    files: Sequence[Path],
    arguments: Sequence[str],
    *,
    prog: str,
    description: str | None = None,
    parts: Collection[str] | None = None,
) -> ConfigT:
    """Compose any configuration model from files and flags.

    Args:
        kind: The model to build.
        files: YAML files, later ones over earlier ones.
        arguments: Flags such as ``--group.size 8``, over all files.
        prog: Name of the command, for help and errors.
        description: First paragraph of the help.
        parts: Parts that are read from the files, which are whole recipes; None reads them all.

    Raises:
        ConfigError: Names the file and line or the flag, the field, its value and the fix.
        SystemExit: With code 0, after ``--help`` was printed.
    """
    layered = read_layers(files)
    if parts is not None:
        for name in set(layered.values) - set(parts):
            layered.remove((name,))
    lay_flags(kind, layered, arguments, prog=prog, description=description)
    try:
        return kind.model_validate(layered.values)
    except ValidationError as error:
        raise ConfigError(explain(error, kind, layered)) from error


def config_of_flags(kind: type[ConfigT], **values: Any) -> ConfigT:
    """Build a configuration model from the flags of a command that names them itself.

    Raises:
        ConfigError: Names the flag, its value and what was expected.
    """
    layered = Layered(names=["flags"])
    for name, value in values.items():
        layered.set((name,), value, Origin(0, f"--{name.replace('_', '-')}"))
    try:
        return kind.model_validate(layered.values)
    except ValidationError as error:
        raise ConfigError(explain(error, kind, layered)) from error


def load_recipe(
    files: Sequence[Path],
    arguments: Sequence[str] = (),
    *,
    prog: str = "grit train [FILES]",
    description: str | None = None,
) -> Recipe:
    """Compose a recipe from files and flags; see :func:`load_config`."""
    about = _TRAIN if description is None else description
    return load_config(Recipe, files, arguments, prog=prog, description=about)


def dump_recipe(recipe: Config) -> str:
    """A recipe as YAML that loads to the same recipe, every field written out."""
    values: dict[str, Any] = recipe.model_dump(mode="json")
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def recipe_hash(recipe: Config) -> str:
    """SHA-256 of all fields, in hexadecimal; equal for equal recipes, whatever files made them."""
    canonical = json.dumps(recipe.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
