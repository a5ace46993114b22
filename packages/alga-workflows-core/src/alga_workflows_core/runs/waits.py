"""Waits of runs: they open, and end once, whoever gets there first.

The row decides, the signal wakes: whoever ends a wait commits its row together with a delivery,
and the deliverer tells the run, as often as it takes. A run that closes a wait itself asks the row
whether something came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alga_workflows_core.errors import (
    Category,
    ErrorInfo,
)
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.storage.waits import NewWait, WaitRow
from alga_workflows_core.temporal.wire import ClosedWait, OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import WaitStatus

_NO_CHILDREN = ErrorInfo(
    code="ENGINE_UNSUPPORTED",
    category=Category.VALIDATION,
    message="This release does not start other definitions.",
)
_CLOSINGS = {"timed_out": WaitStatus.TIMED_OUT, "canceled": WaitStatus.CANCELED}


class WaitKindRules(Protocol):
    """What a kind of wait does besides having a row."""

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        """In the transaction that opens it, before anything else: take the locks that others take
        before they touch rows."""
        ...

    async def opened(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject | None:
        """In the transaction that opens it, or finds it open, when its row is there; its resolution
        if there is one already."""
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


class WaitDesk:
    """Opens and closes waits in the transactions of their runs, and resolves them in its own.

    `rules`: by kind of wait. Without `starts` no child can be detached.
    """

    def __init__(
        self,
        storage: Storage,
        rules: Mapping[str, WaitKindRules] | None = None,
        *,
        starts: StartsRuns | None = None,
    ) -> None:
        self._storage = storage
        self._rules = rules or {}
        self._starts = starts

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        """Before anything else in the transaction that opens a wait."""
        rules = self._rules.get(wait.kind)
        if rules is not None:
            await rules.lock(work, identity, wait)

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

    async def reopen(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        """Make a row anew that was lost while the run waits. What ends it at once reaches the run
        by a delivery, since nobody has asked."""
        if await self.open(work, identity, wait) is not None:
            await work.waits.deliver(wait.id)
            work.leaves(Due.DELIVERIES)

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
                work.leaves(Due.DELIVERIES)
        return resolved


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
