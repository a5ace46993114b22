"""Rows of waits, and of what is to be delivered to the runs that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_event_deliveries as deliveries
from alga_workflows_core.storage.tables import workflow_run_waits as waits
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import DeliveryState, WaitStatus


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a run has to be told: the resolution of one of its waits."""

    id: UUID
    run_id: UUID
    wait_id: UUID
    attempts: int
    resolution: JsonObject


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
        self, wait_id: UUID, resolution: JsonObject, by: str, *, deliver: bool = True
    ) -> bool:
        """End a wait with a resolution, and have its run told; whether it was WAITING.

        The delivery is committed together with the row, so that neither is there alone. Without
        `deliver` it is the caller who tells the run.
        """
        result = await self._connection.execute(
            update(waits)
            .where(self._open_wait(wait_id))
            .values(
                status=WaitStatus.RESOLVED,
                resolution=resolution,
                resolved_by=by,
                closed_at=func.clock_timestamp(),
            )
            .returning(waits.c.run_id)
        )
        row = result.one_or_none()
        if row is not None and deliver:
            await self._connection.execute(
                insert(deliveries)
                .values(tenant=self._tenant, id=wait_id, run_id=row.run_id, wait_id=wait_id)
                .on_conflict_do_nothing()
            )
        return row is not None

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

    async def close_all(self, run_id: UUID) -> int:
        """Cancel what an ended run still waits for; how many that were."""
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

    async def delivery(self, delivery_id: UUID) -> Delivery | None:
        """A delivery that is PENDING, with what it delivers."""
        found = await self._connection.execute(
            select(
                deliveries.c.id,
                deliveries.c.run_id,
                deliveries.c.wait_id,
                deliveries.c.attempts,
                waits.c.resolution,
            )
            .join(
                waits,
                (waits.c.tenant == deliveries.c.tenant) & (waits.c.id == deliveries.c.wait_id),
            )
            .where(self._pending(delivery_id))
        )
        row = found.mappings().one_or_none()
        return None if row is None else read(Delivery, row)

    async def delivered(self, delivery_id: UUID, state: DeliveryState) -> None:
        """The delivery is over, in this state."""
        await self._connection.execute(
            update(deliveries)
            .where(self._pending(delivery_id))
            .values(state=state, closed_at=func.clock_timestamp())
        )

    async def postpone_delivery(
        self, delivery_id: UUID, seconds: float, error: str, *, counts: bool
    ) -> None:
        """Try it again after `seconds`; the attempt is forgotten unless it `counts`."""
        attempts = deliveries.c.attempts if counts else deliveries.c.attempts - 1
        await self._connection.execute(
            update(deliveries)
            .where(self._pending(delivery_id))
            .values(
                next_at=func.clock_timestamp() + timedelta(seconds=seconds),
                attempts=attempts,
                last_error=error,
            )
        )

    def _open_wait(self, wait_id: UUID) -> ColumnElement[bool]:
        return (
            (waits.c.tenant == self._tenant)
            & (waits.c.id == wait_id)
            & (waits.c.status == WaitStatus.WAITING)
        )

    def _pending(self, delivery_id: UUID) -> ColumnElement[bool]:
        return (
            (deliveries.c.tenant == self._tenant)
            & (deliveries.c.id == delivery_id)
            & (deliveries.c.state == DeliveryState.PENDING)
        )
