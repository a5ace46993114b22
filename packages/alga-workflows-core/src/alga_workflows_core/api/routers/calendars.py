"""Calendars by which working time is counted."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from alga_workflows_core.api.calendar_views import (
    CalendarDocument,
    CalendarDocumentView,
    CalendarView,
    PreviewView,
    calendar_view,
    day_view,
    document_view,
)
from alga_workflows_core.api.etags import RemoveCondition, SaveCondition, answer_saved, etag
from alga_workflows_core.catalogue.calendars import CalendarService
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Author, Reader
from alga_workflows_core.infra.web.body import read_json
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_id,
    page_of,
)
from alga_workflows_core.types.identifiers import DEFINITION_ID

Name = Annotated[str, Path(pattern=DEFINITION_ID)]
From = Annotated[
    date | None, Query(alias="from", description="Absent: today, as it is in the calendar's zone.")
]
Days = Annotated[int, Query(ge=1, le=366)]
DEFAULT_DAYS = 14


def router(service: CalendarService) -> APIRouter:
    """Endpoints over `service`."""
    routes = APIRouter(tags=["calendars"])
    _add_reading(routes, service)
    _add_writing(routes, service)
    return routes


def _add_reading(routes: APIRouter, service: CalendarService) -> None:
    @routes.get("/calendars")
    async def list_calendars(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[CalendarView]:
        """By name."""
        rows = await service.list(caller.tenant, after=decode_id(after), limit=limit + 1)
        return page_of(rows, limit, calendar_view, lambda row: (row.name,))

    @routes.get("/calendars/{name}")
    async def get_calendar(name: Name, response: Response, caller: Reader) -> CalendarDocumentView:
        """One calendar and its ETag."""
        row = await service.get(caller.tenant, name)
        response.headers["Cache-Control"] = "no-store"
        response.headers["ETag"] = etag(row.hash)
        return document_view(row)

    @routes.get("/calendars/{name}/preview")
    async def preview_calendar(
        name: Name, caller: Reader, first: From = None, days: Days = DEFAULT_DAYS
    ) -> PreviewView:
        """When it is open, day by day, with holidays, exceptions and changes of clocks."""
        shown = await service.preview(caller.tenant, name, first=first, days=days)
        zone = shown.calendar.zone
        return PreviewView(zone=zone.key, days=[day_view(day, zone) for day in shown.days])


def _add_writing(routes: APIRouter, service: CalendarService) -> None:
    @routes.put(
        "/calendars/{name}",
        responses={HTTPStatus.CREATED.value: {"model": CalendarDocumentView}},
        openapi_extra=openapi.body(CalendarDocument),
    )
    async def save_calendar(
        name: Name,
        request: Request,
        response: Response,
        caller: Author,
        condition: SaveCondition,
    ) -> CalendarDocumentView:
        """Store a calendar, 201 a new one; what waits already is not moved."""
        saved = await service.save(
            caller.tenant,
            name,
            await read_json(request),
            by=caller.name,
            condition=condition,
        )
        answer_saved(response, saved.row.hash, created=saved.created)
        return document_view(saved.row)

    @routes.delete("/calendars/{name}", status_code=HTTPStatus.NO_CONTENT)
    async def remove_calendar(name: Name, caller: Author, condition: RemoveCondition) -> None:
        """Take a calendar away, unless something counts by it: 409 says what."""
        await service.remove(caller.tenant, name, condition=condition)
