"""Schedules that start runs."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request, Response

from alga_workflows_core.api.etags import RemoveCondition, SaveCondition, answer_saved, etag
from alga_workflows_core.api.routers.runs import IdempotencyKey
from alga_workflows_core.api.schedule_views import (
    Backfill,
    BackfilledView,
    FireView,
    ScheduleDocumentView,
    SchedulePreviewView,
    ScheduleStateChange,
    ScheduleView,
    fire_view,
    line_view,
    schedule_document_view,
    schedule_view,
)
from alga_workflows_core.errors import InputError
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Author, Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_id,
    decode_time_and_key,
    page_of,
)
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.requests import ScheduleRequests, Span
from alga_workflows_core.schedules.service import ScheduleService
from alga_workflows_core.schedules.times import utc
from alga_workflows_core.types.identifiers import DEFINITION_ID

ScheduleId = Annotated[str, Path(pattern=DEFINITION_ID)]
From = Annotated[
    datetime | None, Query(alias="from", description="A time with its offset; absent: now.")
]
Count = Annotated[int, Query(ge=1, le=500, description="How many occurrences.")]
DEFAULT_COUNT = 10


def router(service: ScheduleService, requests: ScheduleRequests) -> APIRouter:
    """Endpoints over `service`; runs are asked for from `requests`."""
    routes = APIRouter(tags=["schedules"])
    _add_reading(routes, service)
    _add_writing(routes, service)
    _add_states(routes, service)
    _add_requests(routes, requests)
    return routes


def _add_reading(routes: APIRouter, service: ScheduleService) -> None:
    @routes.get("/schedules")
    async def list_schedules(
        caller: Reader,
        definition: Annotated[str | None, Query(pattern=DEFINITION_ID)] = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[ScheduleView]:
        """By id."""
        rows = await service.list(
            caller.tenant, after=decode_id(after), limit=limit + 1, definition_id=definition
        )
        return page_of(rows, limit, schedule_view, lambda row: (row.id,))

    @routes.get("/schedules/{schedule_id}")
    async def get_schedule(
        schedule_id: ScheduleId, response: Response, caller: Reader
    ) -> ScheduleDocumentView:
        """One schedule, and the ETag of its document."""
        row = await service.get(caller.tenant, schedule_id)
        # The ETag does not change with the state, which is shown here too.
        response.headers["Cache-Control"] = "no-store"
        response.headers["ETag"] = etag(row.hash)
        return schedule_document_view(row)

    @routes.get("/schedules/{schedule_id}/preview")
    async def preview_schedule(
        schedule_id: ScheduleId, caller: Reader, start: From = None, count: Count = DEFAULT_COUNT
    ) -> SchedulePreviewView:
        """Its next occurrences, with changes of clocks, and with what its calendar leaves out."""
        lines = await service.preview(
            caller.tenant, schedule_id, start=_checked(start), count=count
        )
        return SchedulePreviewView(lines=[line_view(line) for line in lines])

    @routes.get("/schedules/{schedule_id}/fires")
    async def list_fires(
        schedule_id: ScheduleId, caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[FireView]:
        """What has become of its occurrences, the newest first."""
        rows = await service.fires(
            caller.tenant, schedule_id, after=decode_time_and_key(after), limit=limit + 1
        )
        return page_of(rows, limit, fire_view, lambda row: (row.nominal_at, row.key))


def _add_writing(routes: APIRouter, service: ScheduleService) -> None:
    @routes.put(
        "/schedules/{schedule_id}",
        responses={HTTPStatus.CREATED.value: {"model": ScheduleDocumentView}},
        openapi_extra=openapi.body(ScheduleDocument),
    )
    async def save_schedule(
        schedule_id: ScheduleId,
        request: Request,
        response: Response,
        caller: Author,
        condition: SaveCondition,
    ) -> ScheduleDocumentView:
        """Store a schedule, 201 a new one. It fires within seconds."""
        saved = await service.save(
            caller.tenant,
            schedule_id,
            await read_model(request, ScheduleDocument),
            by=caller.name,
            condition=condition,
        )
        answer_saved(response, saved.row.hash, created=saved.created)
        return schedule_document_view(saved.row)

    @routes.delete("/schedules/{schedule_id}", status_code=HTTPStatus.NO_CONTENT)
    async def remove_schedule(
        schedule_id: ScheduleId, caller: Author, condition: RemoveCondition
    ) -> None:
        """Take a schedule away; its runs go on."""
        await service.remove(caller.tenant, schedule_id, by=caller.name, condition=condition)


def _add_states(routes: APIRouter, service: ScheduleService) -> None:
    nothing = openapi.body(ScheduleStateChange, required=False)

    @routes.post("/schedules/{schedule_id}/pause", openapi_extra=nothing)
    async def pause(schedule_id: ScheduleId, request: Request, caller: Operator) -> ScheduleView:
        """Start no runs until it is resumed; those that run go on."""
        await read_model(request, ScheduleStateChange, empty=ScheduleStateChange())
        return schedule_view(await service.pause(caller.tenant, schedule_id, by=caller.name))

    @routes.post("/schedules/{schedule_id}/resume", openapi_extra=nothing)
    async def resume(schedule_id: ScheduleId, request: Request, caller: Operator) -> ScheduleView:
        """Undo a pause. What came in the meantime is not made up for."""
        await read_model(request, ScheduleStateChange, empty=ScheduleStateChange())
        return schedule_view(await service.resume(caller.tenant, schedule_id, by=caller.name))


def _add_requests(routes: APIRouter, requests: ScheduleRequests) -> None:
    @routes.post(
        "/schedules/{schedule_id}/trigger",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": FireView}},
        openapi_extra=openapi.body(ScheduleStateChange, required=False),
    )
    async def trigger(
        schedule_id: ScheduleId,
        request: Request,
        response: Response,
        caller: Operator,
        idempotency_key: IdempotencyKey = None,
    ) -> FireView:
        """Start a run now: 201 a new one, 200 the one that this Idempotency-Key has started."""
        await read_model(request, ScheduleStateChange, empty=ScheduleStateChange())
        requested = await requests.trigger(
            caller.tenant, schedule_id, key=idempotency_key or str(uuid4()), by=caller.name
        )
        if not requested.created:
            response.status_code = HTTPStatus.OK.value
        return fire_view(requested.fire)

    @routes.post("/schedules/{schedule_id}/backfill", openapi_extra=openapi.body(Backfill))
    async def backfill(
        schedule_id: ScheduleId, request: Request, caller: Operator
    ) -> BackfilledView:
        """Start the runs of times that have been and have started none; repeating it starts no
        second ones."""
        body = await read_model(request, Backfill)
        rows = await requests.backfill(
            caller.tenant,
            schedule_id,
            Span(start=_moment(body.start, "/from"), end=_moment(body.to, "/to")),
            overlap=body.overlap,
            by=caller.name,
        )
        return BackfilledView(fires=[fire_view(row) for row in rows])


def _checked(start: datetime | None) -> datetime | None:
    if start is None:
        return None
    if start.tzinfo is None:
        raise _bad_moment("from", "It has no offset.")
    return _within_years(start, "from")


def _moment(text: str, path: str) -> datetime:
    return _within_years(datetime.fromisoformat(text), path)


def _within_years(moment: datetime, path: str) -> datetime:
    try:
        return utc(moment)
    except (ValueError, OverflowError) as error:
        raise _bad_moment(path, "Its year is too early or too late.") from error


def _bad_moment(path: str, sentence: str) -> InputError:
    example = datetime(2026, 12, 24, 18, tzinfo=UTC).isoformat()
    return InputError(
        f"This is no time for a schedule. {sentence}",
        code="PARAMETER_INVALID",
        path=path,
        remedy=f"Give a time as in {example}.",
    )
