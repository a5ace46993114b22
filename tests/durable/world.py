"""Runs on real servers: published and started over HTTP; all their executions are looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.builtin.rows import NoRows
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.temporal.names import workflow_id
from alga_workflows_core.temporal.pure import Externals, ExternalsInterceptor
from alga_workflows_core.temporal.workflow import RunWorkflow
from alga_workflows_core.types.states import FINAL_RUN_STATES
from tests.durable.actions import actions
from tests.services.command import eventually

PATIENCE = 120.0
FINAL = frozenset(state.value for state in FINAL_RUN_STATES)
MOST_EVENTS = 5_000
MOST_REPLAY_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Execution:
    """One of the executions that a run went through."""

    run_id: str
    history: WorkflowHistory

    @property
    def events(self) -> int:
        return len(self.history.events)

    @property
    def kinds(self) -> Counter[str]:
        """How many events it has of each type."""
        names = (EventType.Name(event.event_type) for event in self.history.events)
        return Counter(name.removeprefix("EVENT_TYPE_") for name in names)


class World:
    """Runs of one service. `api` is a client of `/api/v1` without need for a key."""

    def __init__(self, api: httpx.AsyncClient, temporal: Client) -> None:
        self.api = api
        self.temporal = temporal

    async def publish(self, document: dict[str, Any]) -> None:
        """Make `document` the active version of its definition."""
        saved = await self.api.put(f"/definitions/{document['id']}/draft", json=document)
        errors = [each for each in saved.json()["findings"] if each["severity"] == "error"]
        assert not errors, errors
        published = await self.api.post(f"/definitions/{document['id']}/publish")
        assert published.is_success, published.text

    async def start(self, document: dict[str, Any], payload: Any = None) -> UUID:
        """Publish `document` and start a run of it."""
        await self.publish(document)
        return await self.start_again(document["id"], payload)

    async def start_again(
        self, identity: str, payload: Any = None, *, key: str | None = None
    ) -> UUID:
        """Start a run of what was published; with a `key` the same one again."""
        headers = {} if key is None else {"idempotency-key": key}
        answer = await self.api.post(
            f"/definitions/{identity}/runs", json={"payload": payload}, headers=headers
        )
        assert answer.is_success, answer.text
        return UUID(answer.json()["runId"])

    def handle(self, run_id: UUID) -> WorkflowHandle[Any, Any]:
        """Temporal's, of whichever execution is the newest."""
        return self.temporal.get_workflow_handle(workflow_id(run_id))

    async def row(self, run_id: UUID) -> dict[str, Any]:
        """The run as the API shows it."""
        return (await self.api.get(f"/runs/{run_id}")).json()

    async def ended(self, run_id: UUID, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """The same, as soon as Temporal says that the run has ended."""

        async def look() -> bool:
            return await self._has_ended(run_id)

        await eventually(look, f"run {run_id} ended", seconds=seconds)
        return await self.row(run_id)

    async def ran(self, document: dict[str, Any], payload: Any = None) -> tuple[UUID, Any]:
        """A run of `document` that has SUCCEEDED: its id and its result."""
        run_id = await self.start(document, payload)
        row = await self.ended(run_id)
        assert row["status"] == "SUCCEEDED", row
        return run_id, row["result"]

    async def steps(self, run_id: UUID) -> list[dict[str, Any]]:
        """All steps as the API shows them."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 500}
        while True:
            page = (await self.api.get(f"/runs/{run_id}/steps", params=query)).json()
            found += page["items"]
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    async def executions(self, run_id: UUID) -> list[Execution]:
        """All that it went through, the first one first."""
        found: list[Execution] = []
        current = (await self.handle(run_id).describe()).run_id
        while current:
            handle = self.temporal.get_workflow_handle(workflow_id(run_id), run_id=current)
            history = await handle.fetch_history()
            found.append(Execution(current, history))
            started = history.events[0].workflow_execution_started_event_attributes
            current = started.continued_execution_run_id
        return found[::-1]

    async def _has_ended(self, run_id: UUID) -> bool:
        # The row is written first; whether there is an execution yet is not asked before.
        if (await self.row(run_id)).get("status") not in FINAL:
            return False
        status = (await self.handle(run_id).describe()).status
        return status is not WorkflowExecutionStatus.RUNNING


@asynccontextmanager
async def replaying(workflow: type[Any] = RunWorkflow) -> AsyncGenerator[Replays]:
    """Replays with the same actions as those that ran."""
    async with httpx.AsyncClient() as http:
        registry = Registry([*builtin_actions(http, NoRows()), *actions()])
        yield Replays(
            Replayer(
                workflows=[workflow],
                workflow_runner=UnsandboxedWorkflowRunner(),
                interceptors=[ExternalsInterceptor(Externals(registry, perf_counter))],
                data_converter=pydantic_data_converter,
                # Without one the SDK reads all code there is, which takes seconds.
                build_id="test",
            )
        )


class Replays:
    """Decides again what was decided."""

    def __init__(self, replayer: Replayer) -> None:
        self._replayer = replayer

    async def seconds(self, execution: Execution) -> float:
        """How long it took; an AssertionError if it decided anything else."""
        began = perf_counter()
        replayed = await self._replayer.replay_workflow(
            execution.history, raise_on_replay_failure=False
        )
        assert replayed.replay_failure is None, replayed.replay_failure
        return perf_counter() - began


async def check_executions(
    executions: Sequence[Execution], workflow: type[Any] = RunWorkflow
) -> list[float]:
    """Seconds of their replays, after it was seen that each is short enough."""
    async with replaying(workflow) as replays:
        seconds = [await replays.seconds(execution) for execution in executions]
        for index, execution in enumerate(executions):
            if seconds[index] >= MOST_REPLAY_SECONDS:
                # Other processes may have had the processor.
                seconds[index] = min(seconds[index], await replays.seconds(execution))
    assert max(execution.events for execution in executions) < MOST_EVENTS
    assert max(seconds) < MOST_REPLAY_SECONDS, seconds
    return seconds
