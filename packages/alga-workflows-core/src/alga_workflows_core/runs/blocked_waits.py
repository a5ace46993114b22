"""What a run waits for, as its open waits say: since when, and who or what ends it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from alga_workflows_core.runs.blocked_tasks import BlockedOnTask, on_tasks
from alga_workflows_core.runs.called import called_run
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import BY_KIND, Model
from alga_workflows_core.types.states import RunStatus


class LookedFor(Model):
    """Events that would end a wait. `correlationKey` null: with any key, or none."""

    event_name: str
    correlation_key: str | None
    filters: list[JsonObject]


class BlockedOnEvent(Model):
    """A step that has been waiting for one of these events since `since`. `until`: when it gives
    up, null for never."""

    kind: Literal["event"] = "event"
    wait_id: UUID
    step: str
    since: datetime
    until: datetime | None
    events: list[LookedFor]


class BlockedOnTime(Model):
    """A step that has been waiting since `since`, and goes on at `until`."""

    kind: Literal["time"] = "time"
    wait_id: UUID
    step: str
    since: datetime
    until: datetime | None


class BlockedOnDecision(Model):
    """A step that has been parked since `since`, with this error: an operator decides."""

    kind: Literal["decision"] = "decision"
    wait_id: UUID
    step: str
    since: datetime
    error: JsonObject | None


class BlockedOnRun(Model):
    """A step that has been waiting since `since` for the end of the run that it has started.

    `status` is where that run stands; what it waits for itself is in its own `blockedOn`. Null: its
    row is lost, and will be made anew.
    """

    kind: Literal["run"] = "run"
    wait_id: UUID
    step: str
    since: datetime
    run_id: UUID
    definition_id: str
    status: RunStatus | None


BlockedOnWait: TypeAlias = Annotated[
    BlockedOnEvent | BlockedOnTime | BlockedOnDecision | BlockedOnRun | BlockedOnTask, BY_KIND
]


async def blocked_on_waits(
    work: UnitOfWork, tenant: str, waits: Sequence[WaitRow]
) -> list[BlockedOnWait]:
    """What each of these open waits is for, in their order."""
    tasks = await on_tasks(work, [wait for wait in waits if wait.kind == "task"])
    calls = {wait.id: called_run(tenant, wait) for wait in waits if wait.kind == "child"}
    states = await work.runs.states(set(calls.values()))
    found: list[BlockedOnWait] = []
    for wait in waits:
        if wait.kind == "event":
            found.append(_on_event(wait))
        elif wait.kind == "time":
            found.append(_on_time(wait))
        elif wait.kind == "park":
            found.append(_on_decision(wait))
        elif wait.id in calls:
            found.append(_on_run(wait, calls[wait.id], states.get(calls[wait.id])))
        elif wait.id in tasks:
            found.append(tasks[wait.id])
    return found


def _on_event(wait: WaitRow) -> BlockedOnEvent:
    return BlockedOnEvent(
        wait_id=wait.id,
        step=wait.path,
        since=wait.opened_at,
        until=wait.due_at,
        events=[
            LookedFor(
                event_name=match["eventName"],
                correlation_key=match["correlationKey"],
                filters=match["filters"],
            )
            for match in wait.detail["matches"]
        ],
    )


def _on_time(wait: WaitRow) -> BlockedOnTime:
    return BlockedOnTime(wait_id=wait.id, step=wait.path, since=wait.opened_at, until=wait.due_at)


def _on_decision(wait: WaitRow) -> BlockedOnDecision:
    return BlockedOnDecision(
        wait_id=wait.id, step=wait.path, since=wait.opened_at, error=wait.detail.get("error")
    )


def _on_run(wait: WaitRow, run_id: UUID, status: RunStatus | None) -> BlockedOnRun:
    return BlockedOnRun(
        wait_id=wait.id,
        step=wait.path,
        since=wait.opened_at,
        run_id=run_id,
        definition_id=wait.detail["workflowId"],
        status=status,
    )
