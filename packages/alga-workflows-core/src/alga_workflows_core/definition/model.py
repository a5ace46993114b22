"""What the parts of a document have in common."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from alga_workflows_core.types.model import Model


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
