"""Recurring jobs over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from alga_temporal_domain.api.job_views import (
    PutRecurring,
    RecurringDetailView,
    RecurringView,
    recurring_view,
)
from alga_temporal_domain.jobs.names import SCHEDULE_KEY
from alga_temporal_domain.jobs.recurring import Recurring, RecurringDefinition
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

Key = Annotated[str, Path(pattern=SCHEDULE_KEY)]


def router(recurring: Recurring) -> APIRouter:
    """Endpoints over it."""
    routes = APIRouter(tags=["jobs"])
    _add_looks(routes, recurring)
    _add_changes(routes, recurring)
    return routes


def _add_looks(routes: APIRouter, recurring: Recurring) -> None:
    @routes.get("/jobs/recurring")
    async def list_recurring(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[RecurringView]:
        """The newest first."""
        rows = await recurring.page(caller.tenant, decode_time_and_key(after), limit + 1)
        return page_of(rows, limit, recurring_view, lambda row: (row.created_at, row.key))

    @routes.get("/jobs/recurring/{key}")
    async def get_recurring(key: Key, caller: Reader) -> RecurringDetailView:
        """One, with its next times."""
        view = recurring_view(await recurring.get(caller.tenant, key))
        times = await recurring.next_times(caller.tenant, key)
        shown = {name: getattr(view, name) for name in RecurringView.model_fields}
        return RecurringDetailView(next_times=times, **shown)


def _add_changes(routes: APIRouter, recurring: Recurring) -> None:
    @routes.put(
        "/jobs/recurring/{key}",
        responses={HTTPStatus.CREATED.value: {"model": RecurringView}},
        openapi_extra=openapi.body(PutRecurring),
    )
    async def put_recurring(
        key: Key, request: Request, response: Response, caller: Operator
    ) -> RecurringView:
        """Have a job again and again: 201, or 200 if the key was there and is changed."""
        body = await read_model(request, PutRecurring)
        names = RecurringDefinition.model_fields
        definition = RecurringDefinition(**{name: getattr(body, name) for name in names})
        row, created = await recurring.put(
            caller.tenant, key, definition, paused=body.paused, actor=caller.name
        )
        if created:
            response.status_code = HTTPStatus.CREATED.value
        return recurring_view(row)

    @routes.delete("/jobs/recurring/{key}", status_code=HTTPStatus.NO_CONTENT)
    async def delete_recurring(key: Key, caller: Operator) -> None:
        """Take it away; a job of it that is under way goes on."""
        await recurring.delete(caller.tenant, key)

    @routes.post("/jobs/recurring/{key}/pause")
    async def pause(key: Key, caller: Operator) -> RecurringView:
        """Have it start no jobs."""
        return recurring_view(await recurring.pause(caller.tenant, key, paused=True))

    @routes.post("/jobs/recurring/{key}/resume")
    async def resume(key: Key, caller: Operator) -> RecurringView:
        """Have it start jobs again."""
        return recurring_view(await recurring.pause(caller.tenant, key, paused=False))

    @routes.post("/jobs/recurring/{key}/trigger", status_code=HTTPStatus.ACCEPTED)
    async def trigger(key: Key, caller: Operator) -> RecurringView:
        """Have a job of it now, unless one is under way."""
        await recurring.trigger(caller.tenant, key)
        return recurring_view(await recurring.get(caller.tenant, key))
