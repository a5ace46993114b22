"""Tasks that runs ask people: inboxes, and what people do in them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from alga_workflows_core.api.task_views import (
    Acting,
    Complete,
    Delegate,
    Dismiss,
    Name,
    TaskDetailView,
    TaskView,
    Unclaim,
    task_detail_view,
    task_view,
)
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
from alga_workflows_core.storage.task_records import EVERYBODY, Candidate
from alga_workflows_core.storage.tasks import TaskFilter
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.service import TaskService
from alga_workflows_core.types.identifiers import TASK_TYPE
from alga_workflows_core.types.states import TaskState

States = Annotated[list[TaskState] | None, Query(description="Those in any of these states.")]
PersonQuery = Annotated[
    Name | None,
    Query(description="Those that ask this person by name, or everybody, or that they claimed."),
]
GroupQuery = Annotated[
    list[Name] | None, Query(max_length=100, description="Also those that ask one of these groups.")
]


def router(tasks: TaskService, answers: TaskAnswers) -> APIRouter:
    """Endpoints over both."""
    routes = APIRouter(tags=["tasks"])
    _add_reading(routes, tasks)
    _add_taking(routes, tasks)
    _add_ending(routes, answers)
    return routes


def _add_reading(routes: APIRouter, tasks: TaskService) -> None:
    @routes.get("/tasks")
    async def list_tasks(
        caller: Reader,
        state: States = None,
        person: PersonQuery = None,
        group: GroupQuery = None,
        task_type: Annotated[str | None, Query(alias="type", pattern=TASK_TYPE)] = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[TaskView]:
        """The newest first; with `person` or `group`, what any of these may answer."""
        wanted = TaskFilter(
            states=state or (), task_type=task_type, candidates=_asked(person, group or [])
        )
        found = await tasks.list(
            caller.tenant, wanted, after=decode_time_and_id(after), limit=limit + 1
        )
        return page_of(found, limit, task_view, lambda row: (row.task.created_at, row.task.id))

    @routes.get("/tasks/{task_id}")
    async def get_task(task_id: UUID, caller: Reader) -> TaskDetailView:
        """One task with its form, its answers, and who did what."""
        return task_detail_view(await tasks.get(caller.tenant, task_id))


def _add_taking(routes: APIRouter, tasks: TaskService) -> None:
    @routes.post("/tasks/{task_id}/claim", openapi_extra=openapi.body(Acting, required=False))
    async def claim_task(task_id: UUID, request: Request, caller: Operator) -> TaskView:
        """Take it, so that nobody else answers it."""
        body = await read_model(request, Acting, empty=Acting())
        return task_view(await tasks.claim(caller.tenant, task_id, body.person(caller)))

    @routes.post("/tasks/{task_id}/unclaim", openapi_extra=openapi.body(Unclaim, required=False))
    async def unclaim_task(task_id: UUID, request: Request, caller: Operator) -> TaskView:
        """Give it back to all whom it asks."""
        body = await read_model(request, Unclaim, empty=Unclaim())
        person = body.person(caller)
        return task_view(await tasks.unclaim(caller.tenant, task_id, person, force=body.force))

    @routes.post("/tasks/{task_id}/delegate", openapi_extra=openapi.body(Delegate))
    async def delegate_task(task_id: UUID, request: Request, caller: Operator) -> TaskView:
        """Have somebody else asked in the person's place."""
        body = await read_model(request, Delegate)
        person = body.person(caller)
        return task_view(await tasks.delegate(caller.tenant, task_id, person, to=body.to))


def _add_ending(routes: APIRouter, answers: TaskAnswers) -> None:
    @routes.post("/tasks/{task_id}/complete", openapi_extra=openapi.body(Complete))
    async def complete_task(task_id: UUID, request: Request, caller: Operator) -> TaskView:
        """Answer it: 422 with `errors` if the answer does not fit the form."""
        body = await read_model(request, Complete)
        person = body.person(caller)
        return task_view(await answers.complete(caller.tenant, task_id, person, body.answer))

    @routes.post("/tasks/{task_id}/dismiss", openapi_extra=openapi.body(Dismiss, required=False))
    async def dismiss_task(task_id: UUID, request: Request, caller: Operator) -> TaskView:
        """End it without an answer: its step fails with `TASK_DISMISSED`."""
        body = await read_model(request, Dismiss, empty=Dismiss())
        person = body.person(caller)
        return task_view(await answers.dismiss(caller.tenant, task_id, person, reason=body.reason))


def _asked(person: str | None, groups: list[str]) -> list[Candidate]:
    asked = [Candidate("group", name) for name in groups]
    if person is not None:
        asked += [Candidate("person", person), Candidate("claimer", person), EVERYBODY]
    return asked
