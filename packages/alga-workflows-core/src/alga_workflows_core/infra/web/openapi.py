"""What the OpenAPI document says beyond what FastAPI finds out: bodies, problems, keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from fastapi import FastAPI

from alga_workflows_core.infra.web.problems import MEDIA_TYPE, Problem, Responses
from alga_workflows_core.types.model import Model

_COMPONENT = "#/components/schemas/{model}"
_KEY = "key"

PROBLEMS: Responses = {
    "default": {
        "description": "What went wrong, where, and what to do (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _COMPONENT.format(model="Problem")}}},
    }
}
"""Every operation may answer with a problem."""

OPEN: dict[str, Any] = {"security": []}
"""For operations that need no key."""


ANY_JSON: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"title": "Json"}}},
    }
}
"""`openapi_extra` of an operation whose body may be any JSON."""


def body(model: type[Model], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of an operation whose body the functions of `api.body` read as `model`."""
    schema = model.model_json_schema(by_alias=True, ref_template=_COMPONENT)
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`."""
    made = app.openapi()
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(by_alias=True, ref_template=_COMPONENT)
    for schema in _bodies(made):
        schemas.update(schema.pop("$defs", {}))
    components["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer"}}
    made["security"] = [{_KEY: []}]
    return made


def _bodies(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in cast("dict[str, dict[str, Any]]", made["paths"]).values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield content["schema"]
