"""Request bodies, read strictly: duplicate keys, NaN and integers past 2^53 are refused.

FastAPI's own reading would accept them silently, so bodies are declared with `openapi.body` and
read with `read_json` or `read_model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from fastapi import Request
from pydantic import ValidationError

from alga_workflows_core.errors import InputError
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.strict_json import loads
from alga_workflows_core.types.suggest import did_you_mean

M = TypeVar("M", bound=Model)

MEDIA_TYPE_REFUSED = "MEDIA_TYPE"

_MOST_FAULTS = 20


async def read_json(request: Request) -> Json:
    """The body as JSON; InputError says where it is not."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if media_type.lower() != "application/json" and not media_type.lower().endswith("+json"):
        raise InputError(
            f"The body is {faults.quoted(media_type)}; this takes application/json.",
            code=MEDIA_TYPE_REFUSED,
            path="Content-Type",
            remedy="Send JSON with `Content-Type: application/json`.",
        )
    return loads(await request.body())


async def read_model(request: Request, model: type[M], *, empty: M | None = None) -> M:
    """The body as `model`; `empty` is what an empty body stands for, if anything.

    Nothing is converted: `"1"` is no number.
    """
    body = await request.body()
    if empty is not None and not body.strip():
        return empty
    value = await read_json(request)
    try:
        return model.model_validate(value, strict=True, by_alias=True, by_name=False)
    except ValidationError as refusal:
        found = refusal.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
        raise _invalid(model, [cast("Any", fault) for fault in found]) from refusal


def _place(fault: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Of a rule between fields (`field_fault`) the field that is to blame."""
    field: str | None = fault.get("ctx", {}).get("field")
    return (*fault["loc"], field) if field else fault["loc"]


def _invalid(model: type[Model], found: list[Mapping[str, Any]]) -> InputError:
    listed = [
        {"path": pointer(*_place(fault)), "message": f"{faults.sentence(fault)}."}
        for fault in found
    ]
    first = listed[0]
    fields = [field.alias or name for name, field in model.model_fields.items()]
    remedy = f"Its fields are {', '.join(fields)}." if fields else "It has no fields."
    if found[0]["type"] == "extra_forbidden":
        meant = did_you_mean(str(found[0]["loc"][-1]), fields)
        remedy = f"{meant} {remedy}" if meant else remedy
    return InputError(
        f"The body is not valid: {first['message']}",
        code="BODY_INVALID",
        path=first["path"] or None,
        remedy=remedy,
        details={"faults": listed},
    )
