"""Event types, and what becomes of events of other types."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from alga_workflows_core.catalogue.event_types import EventTypeContent, EventTypeService
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Admin, Author, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_event_name,
    decode_number,
    page_of,
)
from alga_workflows_core.storage.event_types import EventTypeRow, PolicyRow
from alga_workflows_core.types.identifiers import EVENT_NAME
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model

Name = Annotated[str, Path(pattern=EVENT_NAME)]


class EventTypeView(Model):
    """A version of an event type. `active`: it is the one that counts now."""

    name: str
    version: int
    json_schema: Annotated[JsonObject | None, Field(alias="schema")]
    keys: dict[str, str]
    active: bool
    created_at: datetime
    created_by: str


class EventPolicy(Model):
    """What becomes of events of unknown types: they are accepted, or refused."""

    unknown_types: Literal["accept", "refuse"]


class EventPolicyView(EventPolicy):
    """The same, and who has said so; null where nobody has."""

    updated_at: datetime | None
    updated_by: str | None


def router(service: EventTypeService) -> APIRouter:
    """Endpoints over `service`."""
    routes = APIRouter(tags=["events"])
    _add_types(routes, service)
    _add_policy(routes, service)
    return routes


def _add_types(routes: APIRouter, service: EventTypeService) -> None:
    @routes.get("/event-types")
    async def list_event_types(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[EventTypeView]:
        """The active version of each, by name."""
        rows = await service.list(caller.tenant, after=decode_event_name(after), limit=limit + 1)
        return page_of(rows, limit, _view, lambda row: (row.name,))

    # Names may hold slashes, so what ends in more is looked at first.
    @routes.get("/event-types/{event_name:path}/versions")
    async def list_event_type_versions(
        event_name: Name, caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[EventTypeView]:
        """The newest first."""
        rows = await service.versions(
            caller.tenant, event_name, after=decode_number(after), limit=limit + 1
        )
        return page_of(rows, limit, _view, lambda row: (row.version,))

    @routes.get("/event-types/{event_name:path}")
    async def get_event_type(event_name: Name, caller: Reader) -> EventTypeView:
        """The active version."""
        return _view(await service.get(caller.tenant, event_name))

    @routes.put(
        "/event-types/{event_name:path}",
        responses={HTTPStatus.CREATED.value: {"model": EventTypeView}},
        openapi_extra=openapi.body(EventTypeContent),
    )
    async def save_event_type(
        event_name: Name, request: Request, response: Response, caller: Author
    ) -> EventTypeView:
        """Make this the active version: 201 a new one, 200 the one with this content."""
        content = await read_model(request, EventTypeContent)
        saved = await service.save(caller.tenant, event_name, content, by=caller.name)
        if saved.created:
            response.status_code = HTTPStatus.CREATED.value
        return _view(saved.row)


def _add_policy(routes: APIRouter, service: EventTypeService) -> None:
    @routes.get("/event-policy")
    async def get_event_policy(caller: Reader) -> EventPolicyView:
        """What becomes of events of unknown types."""
        return _policy(await service.policy(caller.tenant))

    @routes.put("/event-policy", openapi_extra=openapi.body(EventPolicy))
    async def save_event_policy(request: Request, caller: Admin) -> EventPolicyView:
        """Decide it; what was accepted already stays so."""
        body = await read_model(request, EventPolicy)
        return _policy(await service.set_policy(caller.tenant, body.unknown_types, by=caller.name))


def _view(row: EventTypeRow) -> EventTypeView:
    same = set(EventTypeView.model_fields) - {"json_schema"}
    return EventTypeView(json_schema=row.schema, **{name: getattr(row, name) for name in same})


def _policy(row: PolicyRow) -> EventPolicyView:
    return EventPolicyView(
        unknown_types=row.unknown_types, updated_at=row.updated_at, updated_by=row.updated_by
    )
