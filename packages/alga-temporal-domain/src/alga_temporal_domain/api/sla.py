"""SLA clocks over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime

from alga_temporal_domain.api.projects import IdempotencyKey
from alga_temporal_domain.api.sla_views import (
    CancelItem,
    ChangesView,
    ChosenClocks,
    ItemSummary,
    KeptView,
    MoreClocks,
    NewCalendar,
    PauseItem,
    RetargetClock,
    StartItem,
    change_view,
    summary,
)
from alga_temporal_domain.sla.contracts import (
    CancelClocks,
    Change,
    ChangeCalendar,
    Command,
    CompleteClocks,
    ItemView,
    NewItem,
    PauseClocks,
    ResumeClocks,
    Retarget,
    StartClocks,
)
from alga_temporal_domain.sla.desk import SlaDesk
from alga_temporal_domain.sla.names import ITEM
from alga_workflows_core.infra.auth import Principal
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_time_and_key,
    page_of,
)
from alga_workflows_core.infra.web.problems import Responses

ItemName = Annotated[str, Path(pattern=ITEM)]
_KEPT: Responses = {HTTPStatus.ACCEPTED.value: {"model": KeptView}}


def router(desk: SlaDesk) -> APIRouter:
    """Endpoints over it."""
    routes = APIRouter(tags=["sla"])
    _add_looks(routes, desk)
    _add_start(routes, desk)
    _add_pauses(routes, desk)
    _add_ends(routes, desk)
    _add_targets(routes, desk)
    return routes


def _add_looks(routes: APIRouter, desk: SlaDesk) -> None:
    @routes.get("/sla")
    async def list_items(
        caller: Reader,
        open: Annotated[bool | None, Query()] = None,  # noqa: A002 - the name that callers use
        due_before: Annotated[
            AwareDatetime | None,
            Query(alias="dueBefore", description="What is next first; open items alone."),
        ] = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[ItemSummary]:
        """The newest first, or with `dueBefore` in the order of what is next."""
        key = decode_time_and_key(after)
        if due_before is None:
            rows = await desk.newest(caller.tenant, open, key, limit + 1)
            return page_of(
                rows,
                limit,
                lambda each: summary(each[1]),
                lambda each: (each[0].created_at, each[0].item),
            )
        rows = await desk.due(caller.tenant, due_before, key, limit + 1)
        return page_of(
            rows,
            limit,
            lambda each: summary(each[1]),
            lambda each: (each[0].next_due or due_before, each[0].item),
        )

    @routes.get("/sla/{item}")
    async def get_item(item: ItemName, caller: Reader) -> ItemView:
        """The clocks as they are now, and what is next."""
        return await desk.get(caller.tenant, item)

    @routes.get("/sla/{item}/changes")
    async def list_changes(
        item: ItemName,
        caller: Reader,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Limit = DEFAULT_LIMIT,
    ) -> ChangesView:
        """All that has happened, in order, behind the number `after`."""
        rows = await desk.changes(caller.tenant, item, after, limit)
        last = rows[-1].seq if rows else after
        return ChangesView(items=[change_view(row) for row in rows], next=last)


def _add_start(routes: APIRouter, desk: SlaDesk) -> None:
    @routes.post(
        "/sla/{item}/start",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": ItemView}},
        openapi_extra=openapi.body(StartItem),
    )
    async def start(
        item: ItemName, request: Request, response: Response, caller: Operator
    ) -> ItemView:
        """Start an item's clocks: 201, or 200 if the same ones were started before."""
        body = await read_model(request, StartItem)
        new = NewItem(
            tenant=caller.tenant,
            item=item,
            calendar=body.calendar,
            clocks=body.clocks,
            started_at=body.started_at or datetime.now(UTC),
        )
        is_dated = body.started_at is not None
        view, created = await desk.start(new, actor=caller.name, is_dated=is_dated)
        if not created:
            response.status_code = HTTPStatus.OK.value
        return view

    @routes.post("/sla/{item}/clocks", responses=_KEPT, openapi_extra=openapi.body(MoreClocks))
    async def start_clocks(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """Start further clocks, or again ones that have ended."""
        body = await read_model(request, MoreClocks)
        command = _command(caller, key, body.at, StartClocks(clocks=body.clocks))
        return await _changed(desk, caller, item, command, response)


def _add_pauses(routes: APIRouter, desk: SlaDesk) -> None:
    @routes.post("/sla/{item}/pause", responses=_KEPT, openapi_extra=openapi.body(PauseItem))
    async def pause(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """Have clocks stand still: those that are named, or all that run. 409 if none can."""
        body = await read_model(request, PauseItem)
        change = PauseClocks(clocks=body.clocks, reason=body.reason)
        return await _changed(desk, caller, item, _command(caller, key, body.at, change), response)

    @routes.post(
        "/sla/{item}/resume",
        responses=_KEPT,
        openapi_extra=openapi.body(ChosenClocks, required=False),
    )
    async def resume(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """Have clocks go on: those that are named, or all that are paused. 409 if none is."""
        body = await read_model(request, ChosenClocks, empty=ChosenClocks())
        command = _command(caller, key, body.at, ResumeClocks(clocks=body.clocks))
        return await _changed(desk, caller, item, command, response)


def _add_ends(routes: APIRouter, desk: SlaDesk) -> None:
    @routes.post(
        "/sla/{item}/complete",
        responses=_KEPT,
        openapi_extra=openapi.body(ChosenClocks, required=False),
    )
    async def complete(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """What clocks were for is done: those that are named, or all that are open."""
        body = await read_model(request, ChosenClocks, empty=ChosenClocks())
        command = _command(caller, key, body.at, CompleteClocks(clocks=body.clocks))
        return await _changed(desk, caller, item, command, response)

    @routes.post(
        "/sla/{item}/cancel",
        responses=_KEPT,
        openapi_extra=openapi.body(CancelItem, required=False),
    )
    async def cancel(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """Clocks are not wanted any more: those that are named, or all that are open."""
        body = await read_model(request, CancelItem, empty=CancelItem())
        change = CancelClocks(clocks=body.clocks, reason=body.reason)
        return await _changed(desk, caller, item, _command(caller, key, body.at, change), response)


def _add_targets(routes: APIRouter, desk: SlaDesk) -> None:
    @routes.post("/sla/{item}/retarget", responses=_KEPT, openapi_extra=openapi.body(RetargetClock))
    async def retarget(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """Give a clock another target. Percents that it has reached already are told at once."""
        body = await read_model(request, RetargetClock)
        change = Retarget(
            clock=body.clock,
            target=body.target,
            thresholds=body.thresholds,
            escalations=body.escalations,
            reason=body.reason,
        )
        return await _changed(desk, caller, item, _command(caller, key, body.at, change), response)

    @routes.put("/sla/{item}/calendar", responses=_KEPT, openapi_extra=openapi.body(NewCalendar))
    async def change_calendar(
        item: ItemName,
        request: Request,
        response: Response,
        caller: Operator,
        key: IdempotencyKey = None,
    ) -> ItemView | KeptView:
        """Count by another calendar from now on; what has passed stays counted."""
        body = await read_model(request, NewCalendar)
        command = _command(caller, key, body.at, ChangeCalendar(calendar=body.calendar))
        return await _changed(desk, caller, item, command, response)


def _command(caller: Principal, key: str | None, at: datetime | None, change: Change) -> Command:
    return Command(
        id=key or str(uuid4()),
        at=at or datetime.now(UTC),
        is_dated=at is not None,
        actor=caller.name,
        change=change,
    )


async def _changed(
    desk: SlaDesk, caller: Principal, item: str, command: Command, response: Response
) -> ItemView | KeptView:
    """200 with the item, or 202 if no worker has answered."""
    changed = await desk.change(caller.tenant, item, command)
    if changed.view is not None:
        return changed.view
    response.status_code = HTTPStatus.ACCEPTED.value
    return KeptView(item=item)
