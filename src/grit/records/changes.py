"""What changed between the recipe of a run and the recipe that would resume it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from grit.errors import RunFolderError
from grit.records.folder import RunFolder

__all__ = ["recipe_differences", "refuse_changed_recipe"]


def recipe_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say field by field what differs, as ``group.size: 4 -> 8``; empty when nothing does."""
    before, after = _flat(old), _flat(new)
    differences: list[str] = []
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            differences.append(f"{name}: {_plain(before[name])} -> (not set)")
        elif name not in before:
            differences.append(f"{name}: (not set) -> {_plain(after[name])}")
        elif before[name] != after[name]:
            differences.append(f"{name}: {_plain(before[name])} -> {_plain(after[name])}")
    return differences


def refuse_changed_recipe(
    folder: RunFolder, recipe: Mapping[str, Any], *, may_differ: Sequence[str] = ()
) -> None:
    """Let a run be resumed only by the recipe that it was begun with.

    Args:
        folder: A folder that holds a run with its recipe.
        recipe: The resolved recipe of the present command, plain values only.
        may_differ: Dotted names of fields, or of groups of fields, that change no result.

    Raises:
        RunFolderError: If anything else differs; says what, from which value to which.
    """
    differences = [
        line
        for line in recipe_differences(folder.read_recipe(), recipe)
        if not any(_is_within(line.partition(": ")[0], name) for name in may_differ)
    ]
    if differences:
        raise RunFolderError(
            f"{folder.path} was begun with another recipe; {'; '.join(differences)}. Resume with "
            f"the recipe that is there ({folder.recipe}), or train into another folder"
        )


def _is_within(name: str, group: str) -> bool:
    return name == group or name.startswith(f"{group}.")


def _flat(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in recipe.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            fields.update(_flat(cast("Mapping[str, Any]", value), f"{name}."))
        else:
            # A tuple of a model and a list of its YAML are the same recipe.
            fields[name] = json.loads(json.dumps(value, default=str))
    return fields


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
