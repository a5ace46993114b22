"""The domain's queues over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter

from alga_temporal_domain.queues.desk import QueueDesk, QueueState
from alga_workflows_core.infra.web.access import Reader
from alga_workflows_core.types.model import Model


class PollerView(Model):
    """A worker that has polled in the last minutes."""

    identity: str
    kind: Literal["workflow", "activity"]
    last_poll: datetime


class QueueLimits(Model):
    """How many are under way in a process at a time."""

    activities: int
    workflow_tasks: int


class QueueView(Model):
    """A queue. `served`: whether anything happens to what is put on it. `polled`: by this process,
    as `identity`, whose `lastPoll` it is. `pollers`: of all processes; null if Temporal does not
    answer."""

    name: str
    served: bool
    polled: bool
    workflows: list[str]
    activities: list[str]
    limits: QueueLimits
    identity: str | None
    last_poll: datetime | None
    pollers: list[PollerView] | None


class QueuesView(Model):
    """All queues of the domain."""

    items: list[QueueView]


def router(desk: QueueDesk) -> APIRouter:
    """Endpoints over `desk`."""
    routes = APIRouter(tags=["queues"])

    @routes.get("/queues")
    async def list_queues(_caller: Reader) -> QueuesView:
        """What is served where, and who polls."""
        return QueuesView(items=[_view(state) for state in await desk.queues()])

    return routes


def _view(state: QueueState) -> QueueView:
    return QueueView(
        name=state.spec.name,
        served=state.spec.is_served,
        polled=state.is_polled,
        workflows=state.workflows,
        activities=state.activities,
        limits=QueueLimits(
            activities=state.spec.activity_slots, workflow_tasks=state.spec.workflow_slots
        ),
        identity=state.identity,
        last_poll=state.last_poll,
        pollers=None
        if state.pollers is None
        else [
            PollerView(identity=each.identity, kind=each.kind, last_poll=each.last_poll)
            for each in state.pollers
        ],
    )
