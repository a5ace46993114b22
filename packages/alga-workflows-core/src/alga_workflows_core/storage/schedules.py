"""Rows of schedules."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.schedule_tables import workflow_schedules as schedules
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import ScheduleState


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule. `document` is JSON text, `hash` its identity; `revision` counts what people have
    changed of it, from 1.

    `reason` says why it is BROKEN. What has become of each occurrence up to `counted_until` is
    known. `removed_at`: it was taken away, and Temporal may not know yet.
    """

    id: str
    definition_id: str
    document: str
    hash: str
    state: ScheduleState
    reason: str | None
    revision: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    removed_at: datetime | None
    counted_until: datetime
    keep_failures: int

    def parsed(self) -> JsonObject:
        """The document as JSON."""
        return json.loads(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleContent:
    """What people have written. `calendar` is the one that its document names."""

    definition_id: str
    calendar: str | None
    document: str
    hash: str


class Schedules:
    """The schedules of one tenant. Those that were taken away are seen by `get_kept` only."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def now(self) -> datetime:
        """The time by the database's clock."""
        return (await self._connection.execute(select(func.clock_timestamp()))).scalar_one()

    async def get(self, schedule_id: str, *, lock: bool = False) -> ScheduleRow | None:
        """One schedule; with `lock`, nobody else changes it until this transaction ends."""
        return await self._one(schedule_id, schedules.c.removed_at.is_(None), lock=lock)

    async def get_kept(self, schedule_id: str, *, lock: bool = False) -> ScheduleRow | None:
        """The same, even if it was taken away."""
        return await self._one(schedule_id, lock=lock)

    async def list(
        self, *, after: str | None, limit: int, definition_id: str | None = None
    ) -> list[ScheduleRow]:
        """By id, beginning behind `after`."""
        query = select(schedules).where(
            schedules.c.tenant == self._tenant, schedules.c.removed_at.is_(None)
        )
        if definition_id is not None:
            query = query.where(schedules.c.definition_id == definition_id)
        if after is not None:
            query = query.where(schedules.c.id > after)
        rows = await self._connection.execute(query.order_by(schedules.c.id).limit(limit))
        return [read(ScheduleRow, row) for row in rows.mappings()]

    async def existing(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these are there, taken away or not."""
        query = select(schedules.c.id).where(
            schedules.c.tenant == self._tenant, schedules.c.id.in_(list(ids))
        )
        return frozenset(await self._connection.scalars(query))

    async def naming_calendar(self, calendar: str) -> list[str]:
        """The ids of those that count by a calendar."""
        query = select(schedules.c.id).where(
            schedules.c.tenant == self._tenant,
            schedules.c.removed_at.is_(None),
            schedules.c.calendar == calendar,
        )
        return list(await self._connection.scalars(query.order_by(schedules.c.id)))

    async def insert(
        self, schedule_id: str, content: ScheduleContent, *, by: str
    ) -> ScheduleRow | None:
        """A new schedule, ACTIVE; None if there is one, taken away or not."""
        written = await self._connection.execute(
            insert(schedules)
            .values(
                tenant=self._tenant,
                id=schedule_id,
                **asdict(content),
                created_by=by,
                updated_by=by,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "id"])
            .returning(schedules)
        )
        row = written.mappings().one_or_none()
        return None if row is None else read(ScheduleRow, row)

    async def replace(
        self, schedule_id: str, content: ScheduleContent, *, state: ScheduleState, by: str
    ) -> ScheduleRow:
        """Change the schedule, whose lock the caller holds; also one that was taken away."""
        return await self._change(
            schedule_id,
            by=by,
            **asdict(content),
            state=state,
            reason=None,
            removed_at=None,
            counted_until=func.clock_timestamp(),
        )

    async def pause(self, schedule_id: str, *, by: str) -> ScheduleRow:
        """Make it PAUSED. The database refuses an illegal change."""
        return await self._change(schedule_id, by=by, state=ScheduleState.PAUSED, reason=None)

    async def resume(self, schedule_id: str, *, by: str) -> ScheduleRow:
        """Make it ACTIVE; what came until now does not count."""
        return await self._change(
            schedule_id,
            by=by,
            state=ScheduleState.ACTIVE,
            reason=None,
            counted_until=func.clock_timestamp(),
        )

    async def take_away(self, schedule_id: str, *, by: str) -> None:
        """Have it seen no more; its row goes with `forget`, when Temporal has none of it."""
        await self._change(schedule_id, by=by, removed_at=func.clock_timestamp())

    async def forget(self, schedule_id: str, revision: int) -> None:
        """Delete the row of a schedule that was taken away, if nobody has changed it since."""
        await self._connection.execute(
            delete(schedules).where(
                self._is(schedule_id),
                schedules.c.revision == revision,
                schedules.c.removed_at.is_not(None),
            )
        )

    async def settle(
        self,
        schedule_id: str,
        *,
        was: ScheduleState,
        state: ScheduleState,
        reason: str | None = None,
    ) -> None:
        """Write the state that follows from how things are, if it still is what it was; people
        have not changed anything."""
        await self._connection.execute(
            update(schedules)
            .where(
                self._is(schedule_id),
                schedules.c.state == was,
                or_(schedules.c.state != state, schedules.c.reason.is_distinct_from(reason)),
            )
            .values(state=state, reason=reason)
        )

    async def keep_soon(self, schedule_id: str) -> None:
        """Make it the keeper's turn now."""
        await self._connection.execute(
            update(schedules)
            .where(self._is(schedule_id))
            .values(keep_due_at=func.clock_timestamp())
        )

    async def kept(
        self,
        schedule_id: str,
        revision: int,
        *,
        counted_until: datetime,
        again: timedelta,
    ) -> bool:
        """End the keeper's turn, the next of which comes `again` later; False, and nothing is
        written, if somebody has changed the schedule since it had this revision."""
        return await self._end_turn(
            schedule_id,
            revision,
            counted_until=func.greatest(schedules.c.counted_until, counted_until),
            keep_due_at=_next_turn(again),
            keep_failures=0,
        )

    async def not_kept(self, schedule_id: str, revision: int, *, again: timedelta) -> bool:
        """The same for a turn that has failed."""
        return await self._end_turn(
            schedule_id,
            revision,
            keep_due_at=_next_turn(again),
            keep_failures=schedules.c.keep_failures + 1,
        )

    async def _end_turn(self, schedule_id: str, revision: int, **changed: object) -> bool:
        written = await self._connection.execute(
            update(schedules)
            .where(self._is(schedule_id), schedules.c.revision == revision)
            .values(**changed)
            .returning(schedules.c.id)
        )
        return written.one_or_none() is not None

    async def _change(self, schedule_id: str, *, by: str, **changed: object) -> ScheduleRow:
        written = await self._connection.execute(
            update(schedules)
            .where(self._is(schedule_id))
            .values(
                revision=schedules.c.revision + 1,
                updated_at=func.clock_timestamp(),
                updated_by=by,
                keep_due_at=func.clock_timestamp(),
                keep_failures=0,
                **changed,
            )
            .returning(schedules)
        )
        return read(ScheduleRow, written.mappings().one())

    async def _one(
        self, schedule_id: str, *conditions: ColumnElement[bool], lock: bool
    ) -> ScheduleRow | None:
        query = select(schedules).where(self._is(schedule_id), *conditions)
        found = await self._connection.execute(query.with_for_update() if lock else query)
        row = found.mappings().one_or_none()
        return None if row is None else read(ScheduleRow, row)

    def _is(self, schedule_id: str) -> ColumnElement[bool]:
        return and_(schedules.c.tenant == self._tenant, schedules.c.id == schedule_id)


def _next_turn(again: timedelta) -> ColumnElement[datetime]:
    """`again` later; or what it is, if somebody has made it due during this turn."""
    now = func.clock_timestamp()
    return case((schedules.c.keep_due_at <= now, schedules.c.keep_due_at), else_=now + again)
