"""Server-sent events: states of processes, and lines that they write."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from alga_temporal_domain.projects.watching import Happened, Watching
from alga_temporal_domain.storage.observed import LineRow, StateRow
from alga_workflows_core.infra.web.access import Reader
from alga_workflows_core.types.model import Model

LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=2**63 - 1,
        description="The id of the last event that came: lines behind it are sent again.",
    ),
]
_SILENCE = ": nothing new\n\n"
_TICKS = 15


class StateEvent(Model):
    """`instance`: a process is in this state now. At the start each live one is told."""

    project_id: UUID
    instance_id: UUID
    hash: str
    slot: int
    state: str
    reason: str | None


class LineEvent(Model):
    """`line`: a process has written something."""

    project_id: UUID
    instance_id: UUID
    at: Any
    stream: str
    line: str


def router(watching: Watching) -> APIRouter:
    """Streams that last until the client leaves."""
    routes = APIRouter(tags=["events"])

    @routes.get("/events", response_class=StreamingResponse)
    async def all_events(caller: Reader, last_event_id: LastEventId = None) -> StreamingResponse:
        """Events of all projects."""
        return _stream(watching.watch(caller.tenant, None, last_event_id))

    @routes.get("/projects/{project_id}/events", response_class=StreamingResponse)
    async def project_events(
        project_id: UUID, caller: Reader, last_event_id: LastEventId = None
    ) -> StreamingResponse:
        """Events of one project."""
        await watching.exists(caller.tenant, project_id)
        return _stream(watching.watch(caller.tenant, project_id, last_event_id))

    return routes


def _stream(happening: AsyncGenerator[Happened]) -> StreamingResponse:
    return StreamingResponse(
        _texts(happening),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _texts(happening: AsyncGenerator[Happened]) -> AsyncGenerator[str]:
    yield "retry: 1000\n\n"
    silent = 0
    async for happened in happening:
        text = "".join(
            [
                *(_state(row, happened.last_line) for row in happened.states),
                *(_line(row) for row in happened.lines),
            ]
        )
        silent = 0 if text else silent + 1
        # So that both ends notice when the other one is gone.
        if text or silent % _TICKS == 0:
            yield text or _SILENCE


def _state(row: StateRow, last_line: int) -> str:
    event = StateEvent(
        project_id=row.project_id,
        instance_id=row.id,
        hash=row.hash,
        slot=row.slot,
        state=row.state,
        reason=row.reason,
    )
    return _event("instance", event, last_line)


def _line(row: LineRow) -> str:
    event = LineEvent(
        project_id=row.project_id,
        instance_id=row.instance_id,
        at=row.at,
        stream=row.stream,
        line=row.line,
    )
    return _event("line", event, row.id)


def _event(kind: str, event: Model, number: int) -> str:
    return f"id: {number}\nevent: {kind}\ndata: {event.model_dump_json(by_alias=True)}\n\n"
