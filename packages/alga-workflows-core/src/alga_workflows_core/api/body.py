"""Request bodies, read strictly: duplicate keys, NaN and integers past 2^53 are refused.

FastAPI's own reading would accept them silently, so bodies are declared with `documented` for the
OpenAPI document and read with `read_json` or `read_model`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError

from alga_workflows_core.definition.model import Model
from alga_workflows_core.definition.strict_json import loads
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json

M = TypeVar("M", bound=Model)


async def read_json(request: Request) -> Json:
    """The body as JSON; InputError says where it is not."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if media_type.lower() != "application/json" and not media_type.lower().endswith("+json"):
        raise InputError(
            f"The body is {media_type!r}; this takes application/json.",
            code="MEDIA_TYPE",
            path="Content-Type",
            remedy="Send JSON with `Content-Type: application/json`.",
        )
    return loads(await request.body())


async def read_model(request: Request, model: type[M], *, empty: M | None = None) -> M:
    """The body as `model`; `empty` is what an empty body stands for, if anything."""
    body = await request.body()
    if empty is not None and not body.strip():
        return empty
    value = await read_json(request)
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        faults = [
            {"path": _pointer(fault["loc"]), "message": str(fault["msg"])}
            for fault in error.errors(include_url=False, include_input=False)
        ]
        first = faults[0]
        fields = ", ".join(field.alias or name for name, field in model.model_fields.items())
        raise InputError(
            f"The body is not valid: {first['message']}.",
            code="BODY_INVALID",
            path=first["path"],
            remedy=f"Its fields are {fields}.",
            details={"faults": faults},
        ) from error


def documented(model: type[Model] | None, *, required: bool = True) -> dict[str, Any]:
    """What OpenAPI says of a body that is read with `read_model` (None: any JSON document)."""
    schema = {"type": "object"} if model is None else model.model_json_schema(by_alias=True)
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{part}" for part in location) or "/"
