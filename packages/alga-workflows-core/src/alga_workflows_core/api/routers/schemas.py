"""Schemas for editors and other programs."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from alga_workflows_core.definition.json_schema import definition_schema
from alga_workflows_core.infra.web.access import Reader

MEDIA_TYPE = "application/schema+json"


def router() -> APIRouter:
    """Endpoints that answer what the release knows."""
    routes = APIRouter(tags=["schemas"])

    @routes.get("/schemas/definition.json")
    async def describe_definition(_caller: Reader) -> JSONResponse:
        """The grammar of definitions as a JSON Schema."""
        return JSONResponse(definition_schema(), media_type=MEDIA_TYPE)

    return routes
