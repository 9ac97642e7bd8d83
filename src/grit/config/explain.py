"""Says in our words what pydantic found wrong, and who wrote it."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from grit.config.base import Config
from grit.config.fields import TAG, did_you_mean, pick_variant, tag_of, variants
from grit.config.layers import FieldPath, Layered

__all__ = ["explain"]

_MOST = 5

_WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping of names to values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_attributes_type": "a mapping of fields",
    "model_type": "a mapping of fields",
    "path_type": "a path, as text",
    "string_too_short": "text that is not empty",
    "string_type": "text; put quotes around it",
    "too_long": "at most {max_length} values",
    "too_short": "at least {min_length} values",
    "tuple_type": "a list",
    "union_tag_invalid": "one of {expected_tags}",
}

_TYPE_NAMES = ("int", "float", "str", "bool", "none")


def explain(error: ValidationError, kind: type[Config], layered: Layered) -> str:
    """One line for each thing that is wrong: who wrote it, field, value, what was expected."""
    details = error.errors(include_url=False)
    lines = [_one(detail, kind, layered) for detail in details[:_MOST]]
    if len(details) > _MOST:
        lines.append(f"and {len(details) - _MOST} more")
    return "\n".join(dict.fromkeys(lines))


def _one(detail: ErrorDetails, kind: type[Config], layered: Layered) -> str:
    """One fault in one line."""
    path = _path(detail["loc"], kind)
    if detail["type"] == "union_tag_invalid":  # said of the union, meant is the tag in it
        path = (*path, TAG)
    name = ".".join(path)
    origin = layered.origin(path)
    files = [file for file in layered.names if file]
    where = origin.where if origin is not None else ", ".join(files) or "the recipe"
    fault, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if fault == "extra_forbidden":
        return f"{where}: unknown field {name}{did_you_mean(kind, path)}"
    if fault == "value_error":
        reason = str(context.get("error", detail["msg"]))
        where = _culprit(reason, path, layered) or where
        return f"{where}: {name}: {reason}" if name else f"{where}: {reason}"
    if fault == "missing":
        return f"{where}: {name} is missing; give it a value"
    is_its_flag = where in (f"--{name}", f"--{name.replace('_', '-')}")
    said = where if is_its_flag else f"{where}: {name}"
    if fault == "union_tag_invalid":
        value = context["tag"]
    wanted = _WANTED.get(fault)
    if wanted is None:
        return f"{said} is {_shown(value)}: {detail['msg']}"
    return f"{said} is {_shown(value)}; expected {wanted.format(**context)}"


def _culprit(reason: str, path: FieldPath, layered: Layered) -> str | None:
    """Who set the first field that a message about a combination names."""
    for word in re.findall(r"[a-z_]+(?:\.[a-z_]+)*", reason):
        origin = layered.origins.get((*path, *word.split(".")))
        if origin is not None:
            return origin.where
    return None


def _path(loc: tuple[int | str, ...], kind: type[Config]) -> FieldPath:
    """A fault's place without the tags and type names that pydantic puts into it."""
    path: list[str] = []
    part: type[Config] | None = kind
    choices: list[type[Config]] = []
    for step in loc:
        tagged = [choice for choice in choices if step in (tag_of(choice), choice.__name__)]
        if tagged:
            part, choices = tagged[0], []
            continue
        if part is None and path:  # inside a plain value: names of types are not names of fields
            if str(step).isalnum() and step not in _TYPE_NAMES:
                path.append(str(step))
            continue
        path.append(str(step))
        info = part.model_fields.get(str(step)) if part is not None else None
        choices = variants(info) if info is not None else []
        part = pick_variant(info, None) if info is not None and choices else None
    return tuple(path)


def _shown(value: Any) -> str:
    """A value as its writer knows it, shortened."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    if isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    return text if len(text) <= 60 else f"{text[:57]}…"
