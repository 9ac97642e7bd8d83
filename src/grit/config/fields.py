"""Walks the fields of configuration models: parts, variants, and the nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from grit.config.base import Config
from grit.config.layers import FieldPath

__all__ = [
    "TAG",
    "all_paths",
    "did_you_mean",
    "members",
    "pick_variant",
    "tag_of",
    "tagged",
    "variants",
]

TAG = "type"
"""The field that tells the variants of a union apart."""


def tagged(default: str) -> Callable[[Any], Any]:
    """What a union is put through first, so that a mapping without a tag is the default's."""

    def with_tag(value: Any) -> Any:
        if isinstance(value, dict) and TAG not in value:
            return {TAG: default, **cast("dict[str, Any]", value)}
        return cast("Any", value)

    return with_tag


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, through ``Annotated``; the type itself when it is none."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin is Union or origin is UnionType:
        return tuple(found for inner in get_args(annotation) for found in members(inner))
    return (annotation,)


def variants(info: FieldInfo) -> list[type[Config]]:
    """The configuration models that a field can hold; empty for a plain value."""
    return [
        member
        for member in members(info.annotation)
        if isinstance(member, type) and issubclass(member, Config)
    ]


def tag_of(variant: type[Config]) -> str | None:
    """The word in the ``type`` field that stands for a variant; None where there is none."""
    info = variant.model_fields.get(TAG)
    if info is None or get_origin(info.annotation) is not Literal:
        return None
    return str(get_args(info.annotation)[0])


def pick_variant(info: FieldInfo, tag: Any) -> type[Config] | None:
    """The variant that a tag stands for; the default's where the tag is None or unknown."""
    choices = variants(info)
    for choice in choices:
        if tag is not None and tag_of(choice) == tag:
            return choice
    default = info.get_default(call_default_factory=True)
    if isinstance(default, Config) and type(default) in choices:
        return type(default)
    return choices[0] if choices else None


def all_paths(kind: type[Config], path: FieldPath = ()) -> Iterator[FieldPath]:
    """Every field of a model and of its parts, in order, all variants included."""
    for name, info in kind.model_fields.items():
        here = (*path, name)
        yield here
        for part in variants(info):
            yield from all_paths(part, here)


def did_you_mean(kind: type[Config], path: FieldPath) -> str:
    """A clause that names the known field nearest to an unknown one; may be empty.

    Looks among the fields beside it first, then for the same name elsewhere (``beta`` for
    ``loss.beta``).
    """
    known = list(dict.fromkeys(all_paths(kind)))
    *above, name = path
    beside = [other[-1] for other in known if list(other[:-1]) == above]
    near = difflib.get_close_matches(name, beside, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {'.'.join((*above, near[0]))}?"
    same = [other for other in known if other[-1] == name]
    if same:
        return f"; did you mean {'.'.join(same[0])}?"
    dotted = {".".join(other): other for other in known}
    near = difflib.get_close_matches(".".join(path), dotted, n=1, cutoff=0.7)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known here: {', '.join(dict.fromkeys(beside))}" if beside else ""
