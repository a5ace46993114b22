"""Waits of runs: they open, and end once, whoever gets there first.

The row decides, the signal wakes: whoever ends a wait commits its row together with a delivery,
and the deliverer tells the run, as often as it takes. A run that closes a wait itself asks the row
whether something came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.storage.waits import NewWait, WaitRow
from alga_workflows_core.temporal.wire import ClosedWait, OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import WaitStatus

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


class WaitDesk:
    """Opens and closes waits in the transactions of their runs, and resolves them in its own."""

    def __init__(self, storage: Storage, rules: Mapping[str, WaitKindRules] | None = None) -> None:
        self._storage = storage
        self._rules = rules or {}

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

    async def close(
        self, work: UnitOfWork, identity: RunIdentity, wait: ClosedWait
    ) -> JsonObject | None:
        """Close the row, unless something has ended it: then what that was."""
        row = await work.waits.get(wait.id)
        rules = None if row is None else self._rules.get(row.kind)
        asks = rules is not None and wait.closing == "canceled"
        if asks and row is not None and row.status is WaitStatus.WAITING:
            may_close = rules is None or await rules.closing(work, identity, row)
            if not may_close:
                return None
        if await work.waits.close(wait.id, _CLOSINGS[wait.closing], wait.at):
            return None
        row = await work.waits.get(wait.id)
        return None if row is None else row.resolution

    async def resolve(self, tenant: str, wait_id: UUID, resolution: JsonObject, by: str) -> bool:
        """End a wait and have its run told; False if something has ended it before."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.waits.resolve(wait_id, resolution, by)


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
