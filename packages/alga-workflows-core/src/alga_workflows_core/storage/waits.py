"""Rows of waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.event_tables import workflow_event_deliveries as deliveries
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_run_waits as waits
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import WaitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """Something that a run waits for, or has waited for.

    `detail` and `resolution` are those of `interpreter.waits.Wait`.
    """

    id: UUID
    run_id: UUID
    key: str
    path: str
    kind: str
    status: WaitStatus
    due_at: datetime | None
    detail: Json
    resolution: JsonObject | None
    resolved_by: str | None
    epoch: int
    opened_at: datetime
    closed_at: datetime | None
    event_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWait:
    """A wait that opens."""

    id: UUID
    run_id: UUID
    key: str
    path: str
    kind: str
    due_at: datetime | None
    detail: Json
    epoch: int
    opened_at: datetime


_NEW = tuple(field.name for field in fields(NewWait))


class Waits:
    """The waits of one tenant's runs."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def open(self, new: Sequence[NewWait]) -> None:
        """Insert waits; one that is there already stays as it is."""
        if not new:
            return
        values = [
            {"tenant": self._tenant} | {name: getattr(each, name) for name in _NEW}
            for each in sorted(new, key=lambda each: each.id)
        ]
        await self._connection.execute(
            insert(waits).on_conflict_do_nothing(index_elements=["tenant", "id"]), values
        )

    async def close(self, wait_id: UUID, status: WaitStatus, at: datetime) -> bool:
        """End a wait without a resolution; whether it was WAITING."""
        result = await self._connection.execute(
            update(waits)
            .where(self._open_wait(wait_id))
            .values(status=status, closed_at=at)
            .returning(waits.c.id)
        )
        return result.one_or_none() is not None

    async def resolve(
        self,
        wait_id: UUID,
        resolution: JsonObject,
        by: str,
        *,
        event_id: UUID | None = None,
        deliver: bool = True,
    ) -> bool:
        """End a wait with a resolution, and have its run told; whether it was WAITING.

        The delivery is committed together with the row, so that neither is there alone. Without
        `deliver` it is the caller who tells the run. `event_id`: the row of the event that ended
        it; another wait of the run must not have had it.
        """
        result = await self._connection.execute(
            update(waits)
            .where(self._open_wait(wait_id))
            .values(
                status=WaitStatus.RESOLVED,
                resolution=resolution,
                resolved_by=by,
                closed_at=func.clock_timestamp(),
                event_id=event_id,
            )
            .returning(waits.c.run_id)
        )
        row = result.one_or_none()
        if row is not None and deliver:
            await self.deliver(wait_id)
        return row is not None

    async def deliver(self, wait_id: UUID) -> None:
        """Have the run of a wait told what has ended it, unless it was told or is to be."""
        ended = select(waits.c.tenant, waits.c.id, waits.c.run_id, waits.c.id, waits.c.event_id)
        await self._connection.execute(
            insert(deliveries)
            .from_select(
                ["tenant", "id", "run_id", "wait_id", "event_id"],
                ended.where(waits.c.tenant == self._tenant, waits.c.id == wait_id),
                include_defaults=False,
            )
            .on_conflict_do_nothing()
        )

    async def get(self, wait_id: UUID, *, lock: bool = False) -> WaitRow | None:
        query = select(waits).where(waits.c.tenant == self._tenant, waits.c.id == wait_id)
        found = await self._connection.execute(query.with_for_update() if lock else query)
        row = found.mappings().one_or_none()
        return None if row is None else read(WaitRow, row)

    async def list(
        self,
        run_id: UUID,
        *,
        after: tuple[datetime, UUID] | None = None,
        limit: int = 1000,
        status: WaitStatus | None = None,
    ) -> list[WaitRow]:
        """Waits in the order in which they were opened, behind `after` (time of opening and
        id of a wait)."""
        query = select(waits).where(waits.c.tenant == self._tenant, waits.c.run_id == run_id)
        if status is not None:
            query = query.where(waits.c.status == status)
        if after is not None:
            query = query.where(tuple_(waits.c.opened_at, waits.c.id) > tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(waits.c.opened_at, waits.c.id).limit(limit)
        )
        return [read(WaitRow, row) for row in rows.mappings()]

    async def lock(self, wait_ids: Collection[UUID]) -> None:
        """Keep others from ending these, until the transaction ends. Whoever ends several locks
        them first, so that no two hold what the other needs; one alone needs no lock."""
        if len(wait_ids) > 1:
            await self._connection.execute(
                self._locked(waits.c.id.in_(sorted(wait_ids))).with_for_update()
            )

    async def close_all(self, run_id: UUID) -> int:
        """Cancel what an ended run still waits for; how many that were."""
        await self._connection.execute(
            self._locked(
                waits.c.run_id == run_id, waits.c.status == WaitStatus.WAITING
            ).with_for_update()
        )
        result = await self._connection.execute(
            update(waits)
            .where(
                waits.c.tenant == self._tenant,
                waits.c.run_id == run_id,
                waits.c.status == WaitStatus.WAITING,
            )
            .values(status=WaitStatus.CANCELED, closed_at=func.clock_timestamp())
            .returning(waits.c.id)
        )
        return len(result.all())

    def _locked(self, *conditions: ColumnElement[bool]) -> Select[tuple[UUID]]:
        return (
            select(waits.c.id)
            .where(waits.c.tenant == self._tenant, *conditions)
            .order_by(waits.c.id)
        )

    def _open_wait(self, wait_id: UUID) -> ColumnElement[bool]:
        return (
            (waits.c.tenant == self._tenant)
            & (waits.c.id == wait_id)
            & (waits.c.status == WaitStatus.WAITING)
        )
