"""Events are told, looked at, explained and tried again."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from alga_workflows_core.api.event_bodies import ReadEvents, read_events, request_body
from alga_workflows_core.api.event_views import (
    BatchView,
    DeliveryView,
    EventDetailView,
    EventView,
    ExplanationView,
    Redeliver,
    RedeliveredView,
    RedeliverMany,
    TakenItemView,
    TakenView,
    delivery_view,
    event_detail_view,
    event_view,
    explanation_view,
    refused_item,
)
from alga_workflows_core.errors import InputError
from alga_workflows_core.events.cloud_event import moment, read_event
from alga_workflows_core.events.desk import EventDesk, Repeated
from alga_workflows_core.events.ingress import Answer, Ingress, Taken
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
from alga_workflows_core.storage.event_rows import EventFilter, NewEvent
from alga_workflows_core.storage.redeliveries import GivenUp
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line
from alga_workflows_core.types.states import DeliveryState, EventState

_Text = Annotated[Line | None, Query(max_length=512)]
_Moment = Annotated[AwareDatetime | None, Query(description="A time with its zone.")]


def router(ingress: Ingress, desk: EventDesk) -> APIRouter:
    """Endpoints over both."""
    routes = APIRouter(tags=["events"])
    _add_telling(routes, ingress)
    _add_repeating(routes, desk)
    _add_reading(routes, desk)
    return routes


def _add_telling(routes: APIRouter, ingress: Ingress) -> None:
    @routes.post("/events", status_code=HTTPStatus.ACCEPTED, openapi_extra=request_body())
    async def tell_events(request: Request, caller: Operator) -> TakenView | BatchView:
        """Tell an event, or several: CloudEvents, structured, binary or in a batch.

        Telling one again changes nothing: its source and id say that it is the same.
        """
        read = await read_events(request)
        answers = await _tell(ingress, caller.tenant, read)
        if read.is_batch:
            return BatchView(
                items=[
                    TakenItemView(event_id=each.row_id, duplicate=each.duplicate)
                    if isinstance(each, Taken)
                    else refused_item(each)
                    for each in answers
                ]
            )
        (answer,) = answers
        if not isinstance(answer, Taken):
            raise answer
        return TakenView(event_id=answer.row_id, duplicate=answer.duplicate)


def _add_repeating(routes: APIRouter, desk: EventDesk) -> None:
    @routes.post(
        "/events/redeliver",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(RedeliverMany, required=False),
    )
    async def redeliver_many(request: Request, caller: Operator) -> RedeliveredView:
        """Have many deliveries that were given up, and refused events, tried again, or count
        them."""
        body = await read_model(request, RedeliverMany, empty=RedeliverMany())
        which = GivenUp(
            type=body.type, since=_time(body.since, "since"), until=_time(body.until, "until")
        )
        state = (
            None
            if body.state is None
            else EventState.REFUSED
            if body.state == "REFUSED"
            else DeliveryState(body.state)
        )
        return _repeated(
            await desk.redeliver_all(
                caller.tenant, which, state=state, dry_run=body.dry_run, by=caller.name
            )
        )

    @routes.post(
        "/events/{event_id}/redeliver",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(Redeliver, required=False),
    )
    async def redeliver(event_id: UUID, request: Request, caller: Operator) -> RedeliveredView:
        """Have what was given up of an event tried again."""
        await read_model(request, Redeliver, empty=Redeliver())
        return _repeated(await desk.redeliver(caller.tenant, event_id, by=caller.name))


def _add_reading(routes: APIRouter, desk: EventDesk) -> None:
    @routes.get("/events")
    async def list_events(
        caller: Reader,
        type: _Text = None,  # noqa: A002 - the name that callers use
        state: Annotated[EventState | None, Query()] = None,
        source: _Text = None,
        key: _Text = None,
        since: _Moment = None,
        until: _Moment = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[EventView]:
        """The newest first; `since` and `until` are about the time of receipt."""
        which = EventFilter(
            type=type, state=state, source=source, correlation_key=key, since=since, until=until
        )
        rows = await desk.list(
            caller.tenant, which, after=decode_time_and_id(after), limit=limit + 1
        )
        return page_of(rows, limit, event_view, lambda row: (row.received_at, row.id))

    @routes.get("/events/{event_id}")
    async def get_event(event_id: UUID, caller: Reader) -> EventDetailView:
        """One event with its data."""
        return event_detail_view(await desk.get(caller.tenant, event_id))

    @routes.get("/events/{event_id}/explain")
    async def explain_event(event_id: UUID, caller: Reader) -> ExplanationView:
        """Who has had an event, who was considered and did not get it, and why."""
        return explanation_view(*await desk.explain(caller.tenant, event_id))

    @routes.get("/deliveries")
    async def list_deliveries(
        caller: Reader,
        state: Annotated[DeliveryState | None, Query()] = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[DeliveryView]:
        """The newest first."""
        rows = await desk.deliveries(
            caller.tenant, state=state, after=decode_time_and_id(after), limit=limit + 1
        )
        return page_of(rows, limit, delivery_view, lambda row: (row.created_at, row.id))


async def _tell(ingress: Ingress, tenant: str, read: ReadEvents) -> list[Answer]:
    """An answer for each, also for those that are no events."""
    new = [_new(value) for value in read.values]
    taken = iter(await ingress.take(tenant, [one for one in new if isinstance(one, NewEvent)]))
    return [next(taken) if isinstance(one, NewEvent) else one for one in new]


def _new(value: Json) -> NewEvent | InputError:
    try:
        return read_event(value).staged()
    except InputError as error:
        return error


def _time(written: str | None, field: str) -> datetime | None:
    if written is None:
        return None
    try:
        return moment(written)
    except ValueError as error:
        raise InputError(
            f"The body is not valid: {error}.", code="BODY_INVALID", path=f"/{field}"
        ) from error


def _repeated(repeated: Repeated) -> RedeliveredView:
    return RedeliveredView(
        deliveries=repeated.deliveries, events=repeated.events, more=repeated.more
    )
