"""The base of every model that a document or a wire format is made of."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from alga_workflows_core.definition.identifiers import LINE, PROSE

Line = Annotated[str, Field(pattern=LINE)]
"""Text on one line, without control characters: a name that rows, logs and pages show."""

Prose = Annotated[str, Field(pattern=PROSE)]
"""Text of any form that a `text` column can hold: everything but the NUL character."""


BY_KIND = Field(discriminator="kind")
"""Tells models of a union apart by their field `kind`."""


class Model(BaseModel):
    """Frozen; unknown fields are refused; names are camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
    )


class Part(Model):
    """A part of a document. What is absent is left out, never null, so that it is written one way.

    `nullable` names the fields (camelCase) whose value may be null, because it may be anything.
    """

    nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _refuse_null(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name, value in cast("dict[str, Any]", data).items():
                if value is None and name not in cls.nullable and _is_optional(cls, name):
                    raise field_fault(name, "It has to be left out instead of null")
        return cast("Any", data)


def _is_optional(model: type[Model], alias: str) -> bool:
    return any(
        (field.alias or name) == alias and not field.is_required()
        for name, field in model.model_fields.items()
    )


def field_fault(field: str, sentence: str, *, missing: bool = False) -> PydanticCustomError:
    """What a model's validator raises for a rule between fields; `field` (camelCase) is to blame.

    `sentence` has no full stop. `missing`: the field is not there and has to be.
    """
    kind = "field_needed" if missing else "field_fault"
    return PydanticCustomError(kind, "{sentence}", {"field": field, "sentence": sentence})
