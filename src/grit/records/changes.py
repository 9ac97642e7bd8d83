"""What changed between the recipe of a run and the recipe that would resume it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from grit.errors import RunFolderError
from grit.records.folder import RunFolder

__all__ = ["recipe_differences", "refuse_changed_recipe"]


def recipe_differences(
    old: Mapping[str, Any], new: Mapping[str, Any], *, defaults: Mapping[str, Any] | None = None
) -> list[str]:
    """Say field by field what differs, as ``group.size: 4 -> 8``; empty when nothing does.

    A group of fields that only one of them has is said as a whole: ``lora: null -> {"rank": 2}``.

    Args:
        old: A recipe, plain values only.
        new: Another.
        defaults: What fields are by default. One that ``old`` lacks is no difference where ``new``
            has its default: the field is newer than ``old``.
    """
    return list(_differences(old, new, defaults or {}, ""))


def refuse_changed_recipe(
    folder: RunFolder,
    recipe: Mapping[str, Any],
    *,
    may_differ: Sequence[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Let a run be resumed only by the recipe that it was begun with.

    Args:
        folder: A folder that holds a run with its recipe.
        recipe: The resolved recipe of the present command, plain values only.
        may_differ: Dotted names of fields, or of groups of fields, that change no result.
        defaults: See ``recipe_differences``.

    Raises:
        RunFolderError: If anything else differs; says what, from which value to which.
    """
    differences = [
        line
        for line in recipe_differences(folder.read_recipe(), recipe, defaults=defaults)
        if not any(_is_within(line.partition(": ")[0], name) for name in may_differ)
    ]
    if differences:
        raise RunFolderError(
            f"{folder.path} was begun with another recipe; {'; '.join(differences)}. Resume with "
            f"the recipe that is there ({folder.recipe}), or train into another folder"
        )


def _is_within(name: str, group: str) -> bool:
    return name == group or name.startswith(f"{group}.")


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str
) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        before, after, default = old.get(key), new.get(key), defaults.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            inner = cast("tuple[Mapping[str, Any], Mapping[str, Any]]", (before, after))
            known: Mapping[str, Any] = {}
            if isinstance(default, Mapping):
                known = cast("Mapping[str, Any]", default)
            yield from _differences(*inner, known, f"{prefix}{key}.")
            continue
        if key not in old and key in defaults and _plain(after) == _plain(default):
            continue
        said = [_plain(each[key]) if key in each else "(not set)" for each in (old, new)]
        if said[0] != said[1]:
            yield f"{prefix}{key}: {said[0]} -> {said[1]}"


def _plain(value: Any) -> str:
    """As JSON: a tuple of a model and a list of its YAML are the same recipe."""
    return json.dumps(value, ensure_ascii=False, default=str)
