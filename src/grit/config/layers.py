"""Layers of a recipe: YAML files with the line of each field, merged left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from grit.errors import ConfigError

__all__ = ["FieldPath", "Layered", "Origin", "read_layers"]

FieldPath = tuple[str, ...]
"""A field's place in a recipe, for instance ``("group", "size")``."""

_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """Who set a field.

    Args:
        layer: Number of the layer, from the left; flags come last.
        where: The words for an error message, for instance ``mine.yaml, line 3``.
    """

    layer: int
    where: str


@dataclass(slots=True)
class Layered:
    """Values merged so far, and who set each of them.

    Args:
        values: Nested mappings of plain YAML values.
        origins: Who set each field, mappings included.
        names: Names of the layers, for messages about the whole.
    """

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    origins: dict[FieldPath, Origin] = field(default_factory=dict[FieldPath, Origin])
    names: list[str] = field(default_factory=list[str])

    def set(self, path: FieldPath, value: Any, origin: Origin) -> None:
        """Set one field; whatever stood there, and below it, is replaced."""
        part = self.values
        for depth, key in enumerate(path[:-1], start=1):
            below = part.get(key)
            if not isinstance(below, dict):
                below = part[key] = dict[str, Any]()
                self._forget(path[:depth])
                self.origins[path[:depth]] = origin
            part = cast("dict[str, Any]", below)
        self._forget(path)
        part[path[-1]] = value
        self.origins[path] = origin

    def remove(self, path: FieldPath) -> None:
        """Take one field out again."""
        part = self.values
        for key in path[:-1]:
            part = part[key]
        part.pop(path[-1], None)
        self._forget(path)

    def origin(self, path: FieldPath) -> Origin | None:
        """Who set a field, or the nearest mapping that holds it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return None

    def merge(self, values: Mapping[str, Any], lines: Mapping[FieldPath, int], name: str) -> None:
        """Lay a file over what there is: mappings deepen, anything else replaces."""
        layer = len(self.names)
        self.names.append(name)

        def lay(part: Mapping[str, Any], path: FieldPath) -> None:
            for key, value in part.items():
                here = (*path, key)
                line = lines.get(here)
                origin = Origin(layer, name if line is None else f"{name}, line {line}")
                if isinstance(value, dict):
                    if not isinstance(self.at(here), dict):
                        self.set(here, {}, origin)
                    lay(cast("dict[str, Any]", value), here)
                else:
                    self.set(here, value, origin)

        lay(values, ())

    def at(self, path: FieldPath) -> Any:
        """What is set at a path; None where nothing is."""
        part: Any = self.values
        for key in path:
            if not isinstance(part, dict):
                return None
            part = cast("dict[str, Any]", part).get(key)
        return part

    def _forget(self, path: FieldPath) -> None:
        for known in [known for known in self.origins if known[: len(path)] == path]:
            del self.origins[known]


def read_layers(files: Sequence[Path]) -> Layered:
    """Read recipe files and lay them over each other, left to right.

    Raises:
        ConfigError: If a file is missing, no YAML, or no mapping; names file and line.
    """
    layered = Layered()
    for file in files:
        values, lines = _read_file(file)
        layered.merge(values, lines, str(file))
    return layered


def _read_file(file: Path) -> tuple[dict[str, Any], dict[FieldPath, int]]:
    """One YAML file as plain values, with the line of each field."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: not UTF-8 text at byte {error.start}; save it as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"cannot read the recipe {file}: {error.strerror}; give the path of a YAML file "
            "(recipes/ has some), and flags as --group.size 8"
        ) from error
    try:
        root = cast("yaml.Node | None", _compose(text))
        lines = dict[FieldPath, int]()
        if root is None:
            return {}, lines
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(
                f"{file}, line {root.start_mark.line + 1}: a recipe is a mapping of fields, for "
                "instance 'group: {size: 8}'"
            )
        _collect_lines(root, (), lines, file)
        values: dict[str, Any] = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(
            f"{file}{line}: not valid YAML: {error.problem or error.context}; check indentation, "
            "colons and quotes there"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {error}".replace("\n", " ")) from error
    return values, lines


def _compose(text: str) -> Any:
    """The node graph of a text, marks included; PyYAML's types leave this call half known."""
    return yaml.SafeLoader(text).get_single_node()


def _collect_lines(
    node: yaml.MappingNode, path: FieldPath, lines: dict[FieldPath, int], file: Path
) -> None:
    """Note each field's line (1-based); refuse what YAML allows and a recipe cannot mean."""
    if len(path) >= _DEEPEST:
        line = node.start_mark.line + 1
        raise ConfigError(
            f"{file}, line {line}: mappings nested {_DEEPEST} deep, or an alias that holds itself; "
            "no recipe is that deep"
        )
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            raise ConfigError(
                f"{file}, line {line}: the field name {key.value!r} is not text; put it in quotes"
            )
        here = (*path, str(key.value))
        if here in lines:
            raise ConfigError(
                f"{file}, line {line}: {'.'.join(here)} is given twice, first on line "
                f"{lines[here]}; keep one of them"
            )
        lines[here] = line
        if isinstance(value, yaml.MappingNode):
            _collect_lines(value, here, lines, file)
