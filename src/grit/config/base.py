"""The one base of every configuration model: frozen, closed, documented under its fields."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

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

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse ``true`` where a number belongs; pydantic would read it as 1."""
        if isinstance(value, bool) and info.field_name is not None:
            annotation = cls.model_fields[info.field_name].annotation
            kinds = get_args(annotation) or (annotation,)
            if (int in kinds or float in kinds) and bool not in kinds:
                raise ValueError(f"expected a number, not {str(value).lower()}")
        return value
