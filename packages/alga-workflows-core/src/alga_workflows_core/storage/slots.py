"""Slots: how many runs of a schedule, a definition, or one key of it, there are at a time.

Counting and changing the slots of a key needs its lock (`Slots.lock`), in a statement before.
Whoever holds the lock of a key may lock the rows of runs that wait for one of its slots, and no
others; so whoever closes a run that waits takes the lock before the run's row. Locks of schedules
are taken before those of definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, and_, delete, func, select, text, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import run_slots as slots
from alga_workflows_core.storage.tables import workflow_runs as runs
from alga_workflows_core.types.states import RunStatus, SlotState

# Another seed than that of `event_locks`, which may have the same names for something else.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 11))")
# Those that make others leave go before those that queue.
_ORDER = (sql_cast(slots.c.displaces, Integer).desc(), slots.c.position)


class SlotKind(StrEnum):
    """Whose slots they are; a run takes them in this order."""

    SCHEDULE = "schedule"
    DEFINITION = "definition"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SlotKey:
    """What slots are counted by: the schedule or definition `owner`, and a `key`, which is JSON."""

    kind: SlotKind = SlotKind.DEFINITION
    owner: str
    key: str


def slot_of_schedule(schedule_id: str) -> SlotKey:
    """What the runs of a schedule are counted by."""
    return SlotKey(kind=SlotKind.SCHEDULE, owner=schedule_id, key="null")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRow:
    """A run that holds a slot, or waits for one. Runs of one `family` share a slot: it is the run
    that took it. `at_most`: the limit of its version; `leaving`: it was asked to make room."""

    run_id: UUID
    kind: SlotKind
    owner: str
    key: str
    state: SlotState
    position: int
    at_most: int
    displaces: bool
    family: UUID
    leaving: bool
    asked_at: datetime

    @property
    def of(self) -> SlotKey:
        return SlotKey(kind=self.kind, owner=self.owner, key=self.key)


class Slots:
    """The slots of one tenant's runs."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def lock(self, key: SlotKey) -> None:
        """Wait until nobody else counts or changes the slots of this key; until the end of the
        transaction nobody does."""
        # Neither a tenant nor an owner's id holds the separator.
        name = "\x1f".join((self._tenant, key.kind, key.owner, key.key))
        await self._connection.execute(_LOCK, {"name": name})

    async def of_run(self, run_id: UUID) -> Sequence[SlotRow]:
        """Its slots, in the order in which it takes them."""
        rows = await self._connection.execute(
            select(slots)
            .where(slots.c.tenant == self._tenant, slots.c.run_id == run_id)
            .order_by(slots.c.kind.desc())
        )
        return [read(SlotRow, row) for row in rows.mappings()]

    async def any_run(self, key: SlotKey) -> UUID | None:
        """The first of the runs that hold a slot of the key or wait for one."""
        query = select(slots.c.run_id).where(self._has(key)).order_by(slots.c.position).limit(1)
        found: UUID | None = await self._connection.scalar(query)
        return found

    async def held(self, key: SlotKey) -> int:
        """How many slots of the key are taken."""
        count = func.count(slots.c.family.distinct())
        query = select(count).where(self._has(key), slots.c.state == SlotState.HELD)
        return await self._connection.scalar(query) or 0

    async def waiting(self, key: SlotKey, *, limit: int = 1) -> Sequence[SlotRow]:
        """The first that wait for a slot of the key, in the order in which they get one; who was
        asked to leave gets none."""
        rows = await self._connection.execute(
            select(slots).where(self._has(key), self._queues()).order_by(*_ORDER).limit(limit)
        )
        return [read(SlotRow, row) for row in rows.mappings()]

    async def holders(self, key: SlotKey, *, limit: int) -> Sequence[SlotRow]:
        """Those that have taken slots of the key, the oldest first; of each family one."""
        first = (
            select(slots)
            .where(self._has(key), slots.c.state == SlotState.HELD)
            .ext(distinct_on(slots.c.family))
            .order_by(slots.c.family, slots.c.position)
            .subquery()
        )
        rows = await self._connection.execute(select(first).order_by(first.c.position).limit(limit))
        return [read(SlotRow, row) for row in rows.mappings()]

    async def displaceable(self, key: SlotKey) -> Sequence[SlotRow]:
        """Those that may be asked to make room, the oldest first: of each family that holds a slot
        and has not been asked one, and those that wait because they have displaced others."""
        holders = [each for each in await self.holders(key, limit=10_000) if not each.leaving]
        queue = await self.waiting(key, limit=10_000)
        displacing = [each for each in queue if each.displaces]
        return sorted([*holders, *displacing], key=lambda each: each.position)

    async def rank(self, slot: SlotRow) -> int:
        """Which one of those that wait it is; the first is 1."""
        before = (slots.c.displaces.is_(True) & (not slot.displaces)) | and_(
            slots.c.displaces.is_(slot.displaces), slots.c.position <= slot.position
        )
        query = select(func.count()).where(self._has(slot.of), self._queues(), before)
        return await self._connection.scalar(query) or 0

    async def add(
        self,
        run_id: UUID,
        key: SlotKey,
        *,
        state: SlotState,
        at_most: int,
        displaces: bool,
        family: UUID | None = None,
    ) -> None:
        """Have a run hold a slot, that of its `family` if one is given, or wait for one now or
        LATER."""
        await self._connection.execute(
            insert(slots)
            .values(
                tenant=self._tenant,
                run_id=run_id,
                kind=key.kind,
                owner=key.owner,
                key=key.key,
                state=state,
                at_most=at_most,
                displaces=displaces,
                family=family or run_id,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "run_id", "kind"])
        )

    async def family_above(self, run_id: UUID, key: SlotKey) -> UUID | None:
        """The slot of the key that the run, or the nearest of those that wait for it, holds; it is
        kept until the transaction ends."""
        up = (
            select(runs.c.id, runs.c.parent_run_id, runs.c.parent_wait_id, runs.c.depth)
            .where(runs.c.tenant == self._tenant, runs.c.id == run_id)
            .cte("up", recursive=True)
        )
        above = select(runs.c.id, runs.c.parent_run_id, runs.c.parent_wait_id, runs.c.depth).join(
            up,
            (runs.c.tenant == self._tenant)
            & (runs.c.id == up.c.parent_run_id)
            & up.c.parent_wait_id.is_not(None),
        )
        up = up.union_all(above)
        found: UUID | None = await self._connection.scalar(
            select(slots.c.family)
            .join(up, slots.c.run_id == up.c.id)
            .where(self._has(key), slots.c.state == SlotState.HELD)
            .order_by(up.c.depth.desc())
            .limit(1)
            .with_for_update(read=True, of=slots)
        )
        return found

    async def admit(self, slot: SlotRow) -> bool:
        """Give a slot to one that waits, and have its run started; False if that run does not wait,
        or is gone."""
        admitted = await self._connection.execute(
            update(runs)
            .where(
                runs.c.tenant == self._tenant,
                runs.c.id == slot.run_id,
                runs.c.status == RunStatus.QUEUED,
            )
            .values(start_due_at=func.clock_timestamp(), updated_at=func.clock_timestamp())
            .returning(runs.c.id)
        )
        if admitted.one_or_none() is None:
            return False
        await self.hold(slot)
        return True

    async def hold(self, slot: SlotRow) -> None:
        """Give a slot to one that waits; what else its run needs is seen to elsewhere."""
        await self._connection.execute(
            update(slots).where(self._is(slot)).values(state=SlotState.HELD)
        )

    async def line_up(self, slot: SlotRow) -> None:
        """Have one wait that was to do so LATER, behind all that wait already."""
        await self._connection.execute(
            update(slots)
            .where(self._is(slot))
            .values(
                state=SlotState.WAITING, position=text("DEFAULT"), asked_at=func.clock_timestamp()
            )
        )

    async def ask_to_leave(self, family: UUID, key: SlotKey) -> None:
        """Keep that the runs of a family were asked to make room."""
        await self._connection.execute(
            update(slots).where(self._has(key), slots.c.family == family).values(leaving=True)
        )

    async def remove(self, slot: SlotRow) -> None:
        """The run needs this slot no more, nor waits for it."""
        await self._connection.execute(delete(slots).where(self._is(slot)))

    def _is(self, slot: SlotRow) -> ColumnElement[bool]:
        return and_(
            slots.c.tenant == self._tenant,
            slots.c.run_id == slot.run_id,
            slots.c.kind == slot.kind,
        )

    def _queues(self) -> ColumnElement[bool]:
        return and_(slots.c.state == SlotState.WAITING, slots.c.leaving.is_(False))

    def _has(self, key: SlotKey) -> ColumnElement[bool]:
        return and_(
            slots.c.tenant == self._tenant,
            slots.c.kind == key.kind,
            slots.c.owner == key.owner,
            slots.c.key == key.key,
        )
