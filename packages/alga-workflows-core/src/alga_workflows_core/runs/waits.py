"""Waits of runs: they open, and end once, whoever gets there first.

The row decides, the signal wakes: whoever ends a wait commits its row together with a delivery,
and the deliverer tells the run, as often as it takes. A run that closes a wait itself asks the row
whether something came first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from alga_workflows_core.errors import (
    Category,
    ConflictError,
    ErrorInfo,
    NotFoundError,
    TooLargeError,
)
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.waits import decided
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.storage.waits import NewWait, WaitRow
from alga_workflows_core.temporal.wire import ClosedWait, OpenedWait, RunIdentity
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import WaitStatus

log = structlog.get_logger()

MAX_VALUE_BYTES = 256 * 1024
"""Of what an operator gives, as JSON."""

_NO_CHILDREN = ErrorInfo(
    code="ENGINE_UNSUPPORTED",
    category=Category.VALIDATION,
    message="This release does not start other definitions.",
)
_CLOSINGS = {"timed_out": WaitStatus.TIMED_OUT, "canceled": WaitStatus.CANCELED}


class WaitKindRules(Protocol):
    """What a kind of wait does besides having a row."""

    async def opened(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject | None:
        """In the transaction that opens it; its resolution if there is one already."""
        ...

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:
        """In the transaction in which its run cancels it; whether the row may close now. If not,
        something else will resolve it."""
        ...


class StartsRuns(Protocol):
    """Starts what nobody waits for."""

    async def detached(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject:
        """Start the child that the run describes as if it waited for it; `{"runId"}` or
        `{"error"}`. Starting it again changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Closed:
    """What ended a wait before its run closed it, if something did. `still_open`: it was not
    closed; something else ends it, and tells the run."""

    resolution: JsonObject | None = None
    still_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator says of a step that waits. `do`: retry, skip or fail of a parked one."""

    path: str
    do: str
    value: Json
    by: str


class WaitDesk:
    """Opens and closes waits in the transactions of their runs, and resolves them in its own.

    `rules`: by kind of wait. Without `starts` no child can be detached. `poke` is called when
    something is to be delivered.
    """

    def __init__(
        self,
        storage: Storage,
        rules: Mapping[str, WaitKindRules] | None = None,
        *,
        starts: StartsRuns | None = None,
        poke: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._rules = rules or {}
        self._starts = starts
        self._poke = poke

    async def open(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject | None:
        """Insert the row, unless it is there; what has resolved it, if something has."""
        await work.waits.open([_new(identity, wait)])
        row = await work.waits.get(wait.id)
        if row is not None and row.status is not WaitStatus.WAITING:
            return row.resolution
        rules = self._rules.get(wait.kind)
        early = None if rules is None else await rules.opened(work, identity, wait)
        if early is not None:
            # The answer tells the run; nothing has to be delivered.
            await work.waits.resolve(wait.id, early, wait.kind, deliver=False)
        return early

    async def close(self, work: UnitOfWork, identity: RunIdentity, wait: ClosedWait) -> Closed:
        """Close the row, unless something has ended it or its kind keeps it open."""
        row = await work.waits.get(wait.id)
        if row is None:
            return Closed()
        rules = self._rules.get(row.kind) if wait.closing == "canceled" else None
        if (
            rules is not None
            and row.status is WaitStatus.WAITING
            and not await rules.closing(work, identity, row)
        ):
            return Closed(still_open=True)
        if await work.waits.close(wait.id, _CLOSINGS[wait.closing], wait.at):
            return Closed()
        row = await work.waits.get(wait.id)
        return Closed(None if row is None else row.resolution)

    async def detach(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> JsonObject:
        """Start a child that nobody waits for; `{"runId"}` or `{"error"}`."""
        if self._starts is None:
            return {"error": _NO_CHILDREN.as_json()}
        return await self._starts.detached(work, identity, wait)

    async def resolve(self, tenant: str, wait_id: UUID, resolution: JsonObject, by: str) -> bool:
        """End a wait and have its run told; False if something has ended it before."""
        async with self._storage.unit_of_work(tenant) as work:
            resolved = await work.waits.resolve(wait_id, resolution, by)
        if resolved:
            self._poke()
        return resolved

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
            return await self._decided(
                work, wait, Decision(path=wait.path, do="resolve", value=value, by=by)
            )

    async def _decided(self, work: UnitOfWork, wait: WaitRow, decision: Decision) -> WaitRow:
        resolution = decided(wait.kind, decision.do, decision.value)
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
        self._poke()
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


def _new(identity: RunIdentity, wait: OpenedWait) -> NewWait:
    return NewWait(
        id=wait.id,
        run_id=identity.run_id,
        key=wait.key,
        path=wait.path,
        kind=wait.kind,
        due_at=wait.due,
        detail=wait.detail,
        epoch=identity.epoch,
        opened_at=wait.at,
    )
