"""Flags of the command line, one for each field of a recipe; tyro reads them and prints the help.

tyro turns unions into subcommands and checks types by itself. Here the variant of each union is
chosen beforehand, and each flag reaches pydantic as the text that was written, so that a flag and
a YAML file are held to the same rules and answer with the same words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from pydantic.fields import FieldInfo

from grit.config.base import Config
from grit.config.fields import TAG, did_you_mean, members, pick_variant, tag_of, variants
from grit.config.form import Form, differences, fill, is_truth
from grit.config.layers import FieldPath, Layered, Origin
from grit.errors import ConfigError

__all__ = ["lay_flags"]

_FLAG = re.compile(r"--(?P<name>[^=]+)(?:=(?P<value>.*))?", re.DOTALL)


def lay_flags(
    kind: type[Config],
    layered: Layered,
    arguments: Sequence[str],
    *,
    prog: str,
    description: str | None,
) -> None:
    """Lay flags over the layers of the files; prints help and exits where that is asked for.

    Raises:
        ConfigError: If a flag is unknown, lacks its value, or asks for an unknown variant.
        SystemExit: With code 0, after the help.
    """
    wants_help = any(word in ("-h", "--help") for word in arguments)
    words, given = _normalised(kind, arguments)
    _settle_variants(kind, layered, given)
    if not words and not wants_help:
        return
    _switch_on_parts(kind, layered, given)
    form = Form(None if wants_help else frozenset(given))
    blank = form.build(kind, (), layered.values)
    filled = fill(type(blank), blank, words, prog=prog, description=description)
    layer = len(layered.names)
    for path, value in differences(blank, filled, ()):
        layered.set(path, value, Origin(layer, _as_flag(path)))
    layered.names.append("flags")


def _as_flag(path: FieldPath) -> str:
    return "--" + ".".join(path)


def _normalised(
    kind: type[Config], arguments: Sequence[str]
) -> tuple[list[str], dict[FieldPath, str]]:
    """Spell every flag as tyro knows it; also give each flag's first value by path."""
    words = list[str]()
    given = dict[FieldPath, str]()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        match = _FLAG.fullmatch(word)
        if match is None or word == "--help":
            if not word.startswith("-") and not given and not words:
                raise ConfigError(f"{word}: recipe files come before flags, and end in .yaml")
            words.append(word)
            continue
        path = tuple(match["name"].replace("-", "_").split("."))
        value = match["value"]
        info = _field(kind, path)
        negated = info is None and path[-1].startswith("no_")
        if negated:
            path = (*path[:-1], path[-1].removeprefix("no_"))
            info = _field(kind, path)
        truth = info is not None and is_truth(info)
        if info is None or variants(info) or (negated and not truth):
            fault = (
                "is a part, not a field; give one of its fields"
                if info is not None and variants(info)
                else f"is no flag{did_you_mean(kind, path).replace('mean ', 'mean --')}"
            )
            raise ConfigError(f"{match.group(0)}: {fault}")
        if truth and value is None and rest and rest[0].lower() in ("true", "false"):
            value = rest.pop(0)
        given[path] = value if value is not None else (rest[0] if rest else "")
        if truth:
            if value is not None and value.lower() not in ("true", "false"):
                raise ConfigError(f'{_as_flag(path)} is "{value}"; expected true or false')
            on = negated == (value is not None and value.lower() == "false")
            words.append(_as_flag(path if on else (*path[:-1], f"no_{path[-1]}")))
        else:
            words += [_as_flag(path)] if value is None else [_as_flag(path), value]
    return words, given


def _field(kind: type[Config], path: FieldPath) -> FieldInfo | None:
    """The field at a path, in whichever variant has it; None when no variant does."""
    parts = [kind]
    info: FieldInfo | None = None
    for name in path:
        infos = [part.model_fields[name] for part in parts if name in part.model_fields]
        if not infos:
            return None
        info = infos[0]
        parts = [variant for found in infos for variant in variants(found)]
    return info


def _switch_on_parts(kind: type[Config], layered: Layered, given: dict[FieldPath, str]) -> None:
    """A flag of an optional part (``--model.lora.rank``) asks for the part, default or not."""
    for flag in given:
        for length in range(1, len(flag)):
            path = flag[:length]
            info = _field(kind, path)
            if info is None or type(None) not in members(info.annotation):
                continue
            if not isinstance(layered.at(path), dict):
                layered.set(path, {}, Origin(len(layered.names), _as_flag(flag)))


def _settle_variants(kind: type[Config], layered: Layered, given: dict[FieldPath, str]) -> None:
    """Lay ``type`` flags; drop what earlier layers say of a variant that a later one left."""

    def settle(part: type[Config], path: FieldPath, values: dict[str, Any]) -> None:
        for name, info in part.model_fields.items():
            choices = variants(info)
            if not choices:
                continue
            here = (*path, name)
            tag = given.get((*here, TAG))
            known = [known for known in map(tag_of, choices) if known is not None]
            if tag is not None:
                if tag not in known:
                    raise ConfigError(
                        f'{_as_flag((*here, TAG))} is "{tag}"; expected {" or ".join(known)}'
                    )
                origin = Origin(len(layered.names), _as_flag((*here, TAG)))
                layered.set((*here, TAG), tag, origin)
            inner = values.get(name)
            if isinstance(inner, dict):
                below = cast("dict[str, Any]", inner)
                chosen = pick_variant(info, below.get(TAG))
                if chosen is not None:
                    _drop_left_behind(layered, here, below, chosen, choices)
                    settle(chosen, here, below)

    settle(kind, (), layered.values)


def _drop_left_behind(
    layered: Layered,
    path: FieldPath,
    values: dict[str, Any],
    chosen: type[Config],
    choices: list[type[Config]],
) -> None:
    """Fields of another variant only, set in an earlier layer than the type: they mean nothing."""
    by = layered.origins.get((*path, TAG))
    if by is None:
        return
    foreign = {name for choice in choices for name in choice.model_fields} - set(
        chosen.model_fields
    )
    for name in foreign & set(values):
        origin = layered.origins.get((*path, name))
        if origin is not None and origin.layer < by.layer:
            layered.remove((*path, name))
