"""Rows of tasks for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.task_records import Candidate
from alga_workflows_core.storage.task_tables import task_candidates as candidates
from alga_workflows_core.storage.task_tables import workflow_tasks as tasks
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task that opens; `id` is that of its wait."""

    id: UUID
    run_id: UUID
    definition_id: str
    path: str
    task_type: str
    title: str
    description: str | None
    form: JsonObject
    quorum: int
    due_at: datetime | None
    remind_every: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task, besides its description and form.

    `overdue_at` and `escalated_at`: when that was noticed. `reminders`: how many were told.
    """

    id: UUID
    run_id: UUID
    definition_id: str
    path: str
    task_type: str
    title: str
    state: TaskState
    claimed_by: str | None
    quorum: int
    due_at: datetime | None
    overdue_at: datetime | None
    escalated_at: datetime | None
    remind_every: timedelta | None
    next_reminder_at: datetime | None
    reminders: int
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContent:
    """What people read of a task, and the JSON Schema that an answer has to meet."""

    description: str | None
    form: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks are meant: of `candidates`, those that have any of them."""

    states: Collection[TaskState] = ()
    task_type: str | None = None
    candidates: Collection[Candidate] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTold:
    """What was told of a task, and when there is more (`look_at`; None: never)."""

    reminders: int
    next_reminder_at: datetime | None
    overdue: bool
    escalated: bool
    look_at: datetime | None


_NEW = tuple(field.name for field in fields(NewTask))
_ROW = tuple(tasks.c[field.name] for field in fields(TaskRow))


class Tasks:
    """The tasks of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def open(self, new: NewTask) -> bool:
        """Insert as OPEN; False if the task is there already, which stays as it is.

        Reminders are counted from now, by the database's clock.
        """
        every = new.remind_every
        next_reminder = None if every is None else func.clock_timestamp() + every
        result = await self._connection.execute(
            insert(tasks)
            .values(
                tenant=self._tenant,
                next_reminder_at=next_reminder,
                look_at=func.least(literal(new.due_at, tasks.c.due_at.type), next_reminder),
                **{name: getattr(new, name) for name in _NEW},
            )
            .on_conflict_do_nothing(index_elements=["tenant", "id"])
            .returning(tasks.c.id)
        )
        return result.one_or_none() is not None

    async def get(self, task_id: UUID, *, lock: bool = False) -> TaskRow | None:
        """A task. Who locks it and is going to end its wait locks the wait first: so do those who
        end it from elsewhere."""
        query = select(*_ROW).where(self._is(task_id))
        found = await self._connection.execute(query.with_for_update() if lock else query)
        row = found.mappings().one_or_none()
        return None if row is None else read(TaskRow, row)

    async def several(self, task_ids: Collection[UUID]) -> Mapping[UUID, TaskRow]:
        """Those of these tasks that are there, by id."""
        if not task_ids:
            return {}
        found = await self._connection.execute(
            select(*_ROW).where(tasks.c.tenant == self._tenant, tasks.c.id.in_(task_ids))
        )
        return {row["id"]: read(TaskRow, row) for row in found.mappings()}

    async def content(self, task_id: UUID) -> TaskContent | None:
        found = await self._connection.execute(
            select(tasks.c.description, tasks.c.form).where(self._is(task_id))
        )
        row = found.mappings().one_or_none()
        return None if row is None else read(TaskContent, row)

    async def list(
        self, wanted: TaskFilter, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[TaskRow]:
        """The newest first, beginning behind `after` (creation time and id of a task)."""
        query = select(*_ROW).where(tasks.c.tenant == self._tenant)
        if wanted.states:
            query = query.where(tasks.c.state.in_(wanted.states))
        if wanted.task_type is not None:
            query = query.where(tasks.c.task_type == wanted.task_type)
        if wanted.candidates:
            query = query.where(self._is_for(wanted.candidates))
        if after is not None:
            query = query.where(tuple_(tasks.c.created_at, tasks.c.id) < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit)
        )
        return [read(TaskRow, row) for row in rows.mappings()]

    async def claim(self, task_id: UUID, person: str | None) -> None:
        """It is taken by this person; None: by nobody."""
        state = TaskState.OPEN if person is None else TaskState.CLAIMED
        await self._connection.execute(
            update(tasks).where(self._is(task_id)).values(state=state, claimed_by=person)
        )

    async def cancel(self, task_id: UUID, by: str) -> None:
        """End it as CANCELED; its wait is the caller's to end, in the same transaction."""
        await self._connection.execute(
            update(tasks)
            .where(self._is(task_id))
            .values(
                state=TaskState.CANCELED,
                closed_at=func.clock_timestamp(),
                closed_by=by,
                next_reminder_at=None,
                look_at=func.clock_timestamp(),
            )
        )

    async def now(self) -> datetime:
        """The database's clock."""
        found = await self._connection.execute(select(func.clock_timestamp()))
        return found.scalar_one()

    async def told_end(self, task_id: UUID) -> None:
        """Its end was told, in this transaction: there will be nothing more to tell."""
        await self._connection.execute(update(tasks).where(self._is(task_id)).values(look_at=None))

    async def told(self, task_id: UUID, told: TaskTold) -> None:
        """Keep what was told of it, in the transaction that tells it."""
        stamps = {
            name: func.coalesce(tasks.c[name], func.clock_timestamp())
            for name, happened in (
                ("overdue_at", told.overdue),
                ("escalated_at", told.escalated),
            )
            if happened
        }
        await self._connection.execute(
            update(tasks)
            .where(self._is(task_id))
            .values(
                reminders=told.reminders,
                next_reminder_at=told.next_reminder_at,
                look_at=told.look_at,
                **stamps,
            )
        )

    def _is(self, task_id: UUID) -> ColumnElement[bool]:
        return (tasks.c.tenant == self._tenant) & (tasks.c.id == task_id)

    def _is_for(self, any_of: Collection[Candidate]) -> ColumnElement[bool]:
        return exists().where(
            candidates.c.tenant == tasks.c.tenant,
            candidates.c.tenant == self._tenant,
            candidates.c.task_id == tasks.c.id,
            tuple_(candidates.c.kind, candidates.c.name).in_(
                [(each.kind, each.name) for each in any_of]
            ),
        )
