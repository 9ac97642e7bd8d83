"""The form that tyro fills in: a dataclass made of the chosen variants, a text for each field."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, cast, get_args, get_origin

import tyro
from pydantic.fields import FieldInfo

from grit.config.base import Config
from grit.config.fields import TAG, members, pick_variant, variants
from grit.config.layers import FieldPath
from grit.errors import ConfigError

__all__ = ["Form", "differences", "fill", "is_truth"]

_NONE = ("none", "None", "null")


def is_truth(info: FieldInfo) -> bool:
    """Whether a field is true or false, and its flag takes no value."""
    return info.annotation is bool


class Form:
    """Builds the dataclass that tyro fills in: the chosen variants, a text for each field."""

    def __init__(self, given: frozenset[FieldPath] | None) -> None:
        """Take the flags that were given; None shows every optional part, for the help."""
        self._given = given

    def build(self, kind: type[Config], path: FieldPath, values: dict[str, Any]) -> Any:
        """An instance of the form for ``kind``, its defaults those of the files."""
        columns = list[tuple[str, Any]]()
        contents = dict[str, Any]()
        for name, info in kind.model_fields.items():
            here = (*path, name)
            value = values.get(name, info.get_default(call_default_factory=True))
            if variants(info):
                part = self._part(info, here, value)
                if part is None:
                    continue
                # Where a part has no help, tyro reads our sources for one, at a tenth of a second.
                about = tyro.conf.arg(help=type(part).__doc__)
                columns.append((name, Annotated[type(part), about]))
                contents[name] = part
            else:
                columns.append((name, _leaf(info)))
                contents[name] = value
        form = dataclasses.make_dataclass(kind.__name__, columns, frozen=True, eq=False)
        form.__doc__ = (kind.__doc__ or "").strip().split("\n")[0]
        return form(**contents)

    def _part(self, info: FieldInfo, path: FieldPath, value: Any) -> Any | None:
        """The form of a part; None for an optional part that nobody asked for."""
        asked = self._given is None or any(flag[: len(path)] == path for flag in self._given)
        if value is None and not asked:
            return None
        if isinstance(value, Config):
            return self.build(type(value), path, dict(value))
        values = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        chosen = pick_variant(info, values.get(TAG))
        return None if chosen is None else self.build(chosen, path, values)


def _leaf(info: FieldInfo) -> Any:
    """The annotation that tells tyro how many words a flag takes, and what to call them."""
    text = re.sub(r"\s+", " ", info.description or "").replace("`", "")
    about = tyro.conf.arg(help=text)
    if is_truth(info):
        return Annotated[bool, about]
    kinds = [kind for kind in members(info.annotation) if kind is not type(None)]
    optional = len(kinds) < len(members(info.annotation))
    many = any(get_origin(kind) in (tuple, list) or kind in (tuple, list) for kind in kinds)
    named = any(get_origin(kind) is dict or kind is dict for kind in kinds)

    def read(words: list[str]) -> Any:
        if optional and len(words) == 1 and words[0] in _NONE:
            return None
        if named:
            return dict(_pair(word) for word in words)
        return tuple(words) if many else words[0]

    def show(value: Any) -> list[str]:
        if value is None:
            return ["none"]
        if isinstance(value, dict):
            pairs = cast("dict[str, Any]", value)
            return [f"{name}={amount}" for name, amount in pairs.items()]
        if isinstance(value, (tuple, list)):
            return [str(item) for item in cast("Sequence[Any]", value)]
        return [f"{value:g}" if isinstance(value, float) else str(value)]

    spec = tyro.constructors.PrimitiveConstructorSpec[Any](
        nargs="*" if many or named else 1,
        metavar=_metavar(kinds, named=named, many=many),
        instance_from_str=read,
        is_instance=lambda _: True,
        str_from_instance=show,
    )
    return Annotated[object, spec, about]  # Any would make tyro load typeguard


def _metavar(kinds: list[Any], *, named: bool, many: bool) -> str:
    """What the help calls a flag's value."""
    if named:
        return "NAME=VALUE…"
    for kind in kinds:
        if get_origin(kind) is Literal:
            return "{" + ",".join(str(choice) for choice in get_args(kind)) + "}"
    if many:
        return "VALUE…"
    names = {int: "INT", float: "FLOAT", str: "TEXT"}
    return "|".join(names.get(kind, "PATH") for kind in kinds)


def _pair(word: str) -> tuple[str, str]:
    name, found, value = word.partition("=")
    if not found:
        raise ValueError(f'expected name=value, not "{word}"')
    return name, value


def fill(form: Any, blank: Any, words: list[str], *, prog: str, description: str | None) -> Any:
    """Let tyro fill the form; its error box becomes one sentence of ours."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                form,
                args=words,
                default=blank,
                prog=prog,
                description=description,
                config=(tyro.conf.AvoidSubcommands, tyro.conf.HelptextFromCommentsOff),
                use_underscores=True,
            )
    except SystemExit as leaving:
        if leaving.code in (None, 0):
            raise
        text = re.split(r"─{3,} ?│|│ ─{3,}", said.getvalue(), maxsplit=1)[0]
        text = re.sub(r"[│╭╮╰╯]|─+[^─\n]*─+", " ", text)
        hint = ""
        if "nrecognized" in text:
            hint = "; a flag starts with --, and recipe files come before the first flag"
        raise ConfigError(f"{' '.join(text.split())}{hint} (see {prog} --help)") from None


def differences(blank: Any, filled: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    """Fields that a flag has changed."""
    for column in dataclasses.fields(blank):
        here = (*path, column.name)
        before, after = getattr(blank, column.name), getattr(filled, column.name)
        if dataclasses.is_dataclass(before):
            yield from differences(before, after, here)
        elif isinstance(after, dict) and after is not before:
            for name, value in cast("dict[str, Any]", after).items():
                yield (*here, name), value  # as a file does: names deepen, they do not replace
        elif after is not before and after != before:
            yield here, after
