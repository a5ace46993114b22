"""Messages of a stream that could not be taken as events."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from alga_workflows_core.events.parked import ParkedMessageService
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_time_and_id,
    page_of,
)
from alga_workflows_core.storage.parked_messages import ParkedMessageRow, readable
from alga_workflows_core.types.model import Model

Which = Annotated[bool, Query(description="Those that have become events instead.")]


class ParkedMessageView(Model):
    """A message that could not be taken, and why. `retriedAt`: since when it is an event."""

    id: UUID
    stream: str
    message_id: str
    code: str
    reason: str
    parked_at: datetime
    retried_at: datetime | None
    retried_by: str | None


class FieldView(Model):
    """A field of a message; `base64` instead of `value` where it is no text."""

    name: str
    value: str | None = None
    base64: str | None = None


class WholeMessageView(ParkedMessageView):
    """A message with its fields as they were."""

    fields: list[FieldView]


class Retry(Model):
    """Nothing has to be said."""


class RetriedView(Model):
    """Which event it is. `duplicate`: there was such an event, which stays as it is."""

    tenant: str
    source: str
    event_id: str
    duplicate: bool


def router(service: ParkedMessageService) -> APIRouter:
    """Endpoints over `service`."""
    routes = APIRouter(tags=["events"])

    @routes.get("/parked-messages")
    async def list_parked(
        caller: Reader, retried: Which = False, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[ParkedMessageView]:
        """The newest first, without their fields."""
        rows = await service.list(
            caller.tenant, retried=retried, after=decode_time_and_id(after), limit=limit + 1
        )
        return page_of(rows, limit, _view, lambda row: (row.parked_at, row.id))

    @routes.get("/parked-messages/{message_id}")
    async def get_parked(message_id: UUID, caller: Reader) -> WholeMessageView:
        """One message, whole."""
        found = await service.get(caller.tenant, message_id)
        return WholeMessageView(
            **_view(found.row).model_dump(),
            fields=[_field(name, value) for name, value in found.fields],
        )

    @routes.post(
        "/parked-messages/{message_id}/retry", openapi_extra=openapi.body(Retry, required=False)
    )
    async def retry(message_id: UUID, request: Request, caller: Operator) -> RetriedView:
        """Take it as an event after all; 409 if that is still not possible."""
        await read_model(request, Retry, empty=Retry())
        done = await service.retry(caller.tenant, message_id, by=caller.name)
        return RetriedView(
            tenant=done.tenant,
            source=done.source,
            event_id=done.event_id,
            duplicate=done.duplicate,
        )

    return routes


def _view(row: ParkedMessageRow) -> ParkedMessageView:
    return ParkedMessageView(
        **{name: getattr(row, name) for name in ParkedMessageView.model_fields}
    )


def _field(name: bytes, value: bytes) -> FieldView:
    shown = name.decode("utf-8", "backslashreplace")
    text = readable(value)
    if text is None:
        return FieldView(name=shown, base64=base64.b64encode(value).decode())
    return FieldView(name=shown, value=text)
