"""What people ask of runs: start one, wait for it, look at it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from alga_workflows_core.errors import NotFoundError
from alga_workflows_core.runs.blocked_slot import BlockedOnSlot, blocked_on_slot
from alga_workflows_core.runs.blocked_waits import BlockedOnWait, blocked_on_waits
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.launch import Launched, Launcher, LaunchRequest
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus, WaitStatus

LOOK_AGAIN_SECONDS = 1.0
MOST_WAITS = 100


class RunService:
    """Runs of any tenant, named in each call. Nobody waits any longer once `stopping` is set."""

    def __init__(
        self,
        *,
        storage: Storage,
        launcher: Launcher,
        closed: ClosedRuns,
        stopping: asyncio.Event | None = None,
    ) -> None:
        self._storage = storage
        self._launcher = launcher
        self._closed = closed
        self._stopping = stopping or asyncio.Event()

    async def start(self, request: LaunchRequest) -> Launched:
        """Commit the run, which is started at once; see `Launcher.launch`."""
        return await self._launcher.launch(request)

    async def wait(self, tenant: str, run_id: UUID, seconds: float) -> RunRow:
        """The run as it is when it has ended, after `seconds`, or when the process stops."""
        deadline = time.monotonic() + seconds
        with self._closed.watch(run_id) as hint:
            while True:
                hint.clear()
                run = await self.get(tenant, run_id)
                left = deadline - time.monotonic()
                if run.status in FINAL_RUN_STATES or left <= 0 or self._stopping.is_set():
                    return run
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, LOOK_AGAIN_SECONDS)):
                        await hint.wait()

    async def get(self, tenant: str, run_id: UUID) -> RunRow:
        """NotFoundError if this tenant has no such run."""
        async with self._storage.unit_of_work(tenant) as work:
            run = await work.runs.get(run_id)
        if run is None:
            raise NotFoundError(
                f"There is no run {run_id}.", remedy="GET /api/v1/runs lists the newest."
            )
        return run

    async def blocked_on(self, tenant: str, run: RunRow) -> list[BlockedOnSlot | BlockedOnWait]:
        """What rows say that the run waits for, the longest awaited first; a hundred at most."""
        async with self._storage.unit_of_work(tenant) as work:
            if run.status is RunStatus.QUEUED:
                slot = await blocked_on_slot(work, run.id)
                return [] if slot is None else [slot]
            waits = await work.waits.list(run.id, status=WaitStatus.WAITING, limit=MOST_WAITS)
            return [*await blocked_on_waits(work, tenant, waits)]

    async def list(
        self,
        tenant: str,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        definition_id: str | None,
        status: RunStatus | None,
        parent: UUID | None = None,
    ) -> list[RunRow]:
        """The newest first."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.runs.list(
                after=after,
                limit=limit,
                definition_id=definition_id,
                status=status,
                parent=parent,
            )

    async def steps(
        self, tenant: str, run_id: UUID, *, after: tuple[int, int] | None, limit: int
    ) -> list[StepRow]:
        """Steps in the order in which they began, behind `after` (epoch and position of a step);
        NotFoundError if there is no such run."""
        await self.get(tenant, run_id)
        async with self._storage.unit_of_work(tenant) as work:
            return await work.steps.list(run_id, after=after, limit=limit)
