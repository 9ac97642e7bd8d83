"""The one base of every configuration model: frozen, closed, documented under its fields."""

from __future__ import annotations

from typing import Any, ClassVar, cast, get_args

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Config"]


class Config(BaseModel):
    """A frozen piece of a recipe; an unknown field is an error, a field's docstring its help."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, values: Any) -> Any:
        """Make ``true`` fail where a number belongs; pydantic would read it as 1.

        It is turned to text, which no number can be, so that the error names the field. (A field
        validator would do, were it not refused on the field that tells variants apart.)
        """
        if not isinstance(values, dict):
            return values
        given = cast("dict[str, Any]", values)
        wrong = {
            name: str(value).lower()
            for name, value in given.items()
            if isinstance(value, bool) and name in cls.model_fields and cls._is_number(name)
        }
        return {**given, **wrong} if wrong else given

    @classmethod
    def _is_number(cls, name: str) -> bool:
        """Whether a field takes numbers and no truth."""
        annotation = cls.model_fields[name].annotation
        kinds = get_args(annotation) or (annotation,)
        return (int in kinds or float in kinds) and bool not in kinds
