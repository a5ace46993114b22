"""What people decide about the waits of runs: they see them, and end them by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, NotFoundError, TooLargeError
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.waits import decided
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.states import WaitStatus
from alga_workflows_core.validation.answer import check_answer

log = structlog.get_logger()

MAX_VALUE_BYTES = 256 * 1024
"""Of what an operator gives, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator says of a step that waits. `do`: retry, skip or fail of a parked one."""

    path: str
    do: str
    value: Json
    by: str


class Decisions:
    """Lists waits and ends them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def list(
        self,
        tenant: str,
        run_id: UUID,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[WaitRow]:
        """Waits in the order in which they were opened, behind `after`; NotFoundError if there is
        no such run."""
        async with self._storage.unit_of_work(tenant) as work:
            await _require_run(work, run_id)
            return await work.waits.list(run_id, after=after, limit=limit)

    async def decide(self, tenant: str, run_id: UUID, decision: Decision) -> WaitRow:
        """Say what becomes of the parked step at a path; the wait, resolved.

        NotFoundError if there is no such run, ConflictError `STEP_NOT_PARKED` if that step is not
        parked, or not any more. TooLargeError for a value over 256 KiB.
        """
        _check_size(decision.value)
        async with self._storage.unit_of_work(tenant) as work:
            await _require_run(work, run_id)
            parked = await work.waits.list(run_id, status=WaitStatus.WAITING)
            for wait in parked:
                if wait.kind == "park" and wait.path == decision.path:
                    return await self._decided(work, wait, decision)
        raise ConflictError(
            f"The step {decision.path!r} of run {run_id} is not parked.",
            code="STEP_NOT_PARKED",
            remedy=f"GET /api/v1/runs/{run_id}/waits lists what the run waits for.",
        )

    async def end(self, tenant: str, wait_id: UUID, value: Json, by: str) -> WaitRow:
        """End an open wait as if what it waits for had come, with `value`; the wait, resolved.

        NotFoundError, ConflictError `WAIT_CLOSED`; a parked step wants a decision (`decide`).
        InputError `ANSWER_INVALID` for what does not fit the form of a task: nobody gets past it.
        """
        _check_size(value)
        async with self._storage.unit_of_work(tenant) as work:
            wait = await work.waits.get(wait_id)
            if wait is None:
                raise NotFoundError(f"There is no wait {wait_id}.")
            if wait.kind == "park":
                raise ConflictError(
                    f"The step {wait.path!r} is parked: it wants a decision.",
                    code="DECISION_NEEDED",
                    remedy=f"POST /api/v1/runs/{wait.run_id}/steps/{wait.path}/resolve.",
                )
            if wait.kind == "task":
                await asyncio.to_thread(check_answer, wait.detail["form"], value, member="value")
            return await self._decided(
                work, wait, Decision(path=wait.path, do="resolve", value=value, by=by)
            )

    async def _decided(self, work: UnitOfWork, wait: WaitRow, decision: Decision) -> WaitRow:
        quorum: int = wait.detail["quorum"] if wait.kind == "task" else 1
        resolution = decided(wait.kind, decision.do, decision.value, by=decision.by, quorum=quorum)
        resolved = await work.waits.resolve(wait.id, resolution, decision.by)
        found = await work.waits.get(wait.id)
        if not resolved or found is None:
            raise ConflictError(
                f"The wait {wait.id} is over.",
                code="WAIT_CLOSED",
                remedy=f"GET /api/v1/runs/{wait.run_id}/waits tells how it ended.",
            )
        log.info(
            f"A wait of run {wait.run_id} was ended by {decision.by}: {decision.do}",
            action="wait.decided",
            run_id=str(wait.run_id),
            wait_id=str(wait.id),
            step=wait.path,
            do=decision.do,
        )
        work.leaves(Due.DELIVERIES)
        return found


async def _require_run(work: UnitOfWork, run_id: UUID) -> None:
    if await work.runs.get(run_id) is None:
        raise NotFoundError(
            f"There is no run {run_id}.", remedy="GET /api/v1/runs lists the newest."
        )


def _check_size(value: Json) -> None:
    size = encoded_size(value)
    if size > MAX_VALUE_BYTES:
        raise TooLargeError(
            f"The value has {size} bytes; {MAX_VALUE_BYTES} is the limit.", path="/value"
        )
