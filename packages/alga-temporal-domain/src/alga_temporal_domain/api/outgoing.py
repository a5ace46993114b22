"""Events that go out, over HTTP."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from alga_temporal_domain.outgoing.desk import OutgoingDesk
from alga_temporal_domain.storage.outgoing import OutgoingRow
from alga_workflows_core.infra.web.access import Operator, Reader
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_numbers,
    page_of,
)
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model


class OutgoingView(Model):
    """An event that goes out. `attempts`: answers that refused it; `reason`: of the last delivery
    that came to nothing; `dueAt`: when it is tried next."""

    id: UUID
    type: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    failures: int
    due_at: datetime | None
    reason: str | None
    created_at: datetime
    ended_at: datetime | None
    event: JsonObject


class RedeliveredView(Model):
    """How many events are delivered again."""

    events: int


def router(desk: OutgoingDesk) -> APIRouter:
    """Endpoints over it."""
    routes = APIRouter(tags=["outgoing events"])

    @routes.get("/outgoing-events")
    async def list_outgoing(
        caller: Reader,
        state: Annotated[Literal["pending", "delivered", "dead"] | None, Query()] = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[OutgoingView]:
        """The newest first."""
        key = decode_numbers(after)
        before = None if key is None else key[1]
        rows = await desk.page(caller.tenant, state=state, before=before, at_most=limit + 1)
        return page_of(rows, limit, _view, lambda row: (0, row.seq))

    @routes.post("/outgoing-events/redeliver", status_code=HTTPStatus.ACCEPTED)
    async def redeliver_dead(caller: Operator) -> RedeliveredView:
        """Have all events that were given up delivered again."""
        return RedeliveredView(events=await desk.redeliver_dead(caller.tenant))

    @routes.post("/outgoing-events/{event_id}/redeliver", status_code=HTTPStatus.ACCEPTED)
    async def redeliver(event_id: UUID, caller: Operator) -> RedeliveredView:
        """Have an event delivered again that was delivered or given up."""
        await desk.redeliver(caller.tenant, event_id)
        return RedeliveredView(events=1)

    return routes


def _view(row: OutgoingRow) -> OutgoingView:
    return OutgoingView.model_validate(
        {
            "id": row.id,
            "type": row.type,
            "state": row.state,
            "attempts": row.attempts,
            "failures": row.failures,
            "due_at": row.due_at if row.state == "pending" else None,
            "reason": row.reason,
            "created_at": row.created_at,
            "ended_at": row.ended_at,
            "event": row.event,
        }
    )
