"""Rows of runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_runs as runs
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as people see it. `error` is an `ErrorInfo` as JSON.

    `stop_request` is what somebody asked of a run that was being started then. Of a run that
    another one has started: `parent_run_id` is that, `parent_wait_id` its wait for this one (None:
    it does not wait), `root_run_id` the first of them all, `depth` how many are above it.
    """

    id: UUID
    definition_id: str
    version: int
    status: RunStatus
    trigger_type: str
    execution_key: str
    request_hash: str | None
    payload: Json
    result: Json
    error: JsonObject | None
    epoch: int
    seq: int
    temporal_run_id: str | None
    stop_request: JsonObject | None
    start_attempts: int
    created_at: datetime
    created_by: str
    started_at: datetime | None
    closed_at: datetime | None
    label: str | None
    parent_run_id: UUID | None = None
    parent_wait_id: UUID | None = None
    root_run_id: UUID | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a launch writes."""

    id: UUID
    definition_id: str
    version: int
    trigger_type: str
    execution_key: str
    request_hash: str
    payload: Json
    created_by: str
    parent_run_id: UUID | None = None
    parent_wait_id: UUID | None = None
    root_run_id: UUID | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What a batch of facts says of a run; (`epoch`, `seq`) is that of its newest fact.

    `label` is the newest that the batch knows of, else None.
    `started_at` and `payload` are given together, by the batch with which the epoch begins;
    `closed_at`, `result` and `error` by the one with which it ends.
    """

    id: UUID
    definition_id: str
    version: int
    trigger_type: str
    execution_key: str
    created_by: str
    status: RunStatus
    epoch: int
    seq: int
    temporal_run_id: str
    payload: Json = None
    started_at: datetime | None = None
    closed_at: datetime | None = None
    result: Json = None
    error: JsonObject | None = None
    label: str | None = None
    parent_run_id: UUID | None = None
    parent_wait_id: UUID | None = None
    root_run_id: UUID | None = None
    depth: int = 0


_NEW = fields(NewRun)
_CHANGE = fields(RunChange)
_OF_NEWEST_FACT = (
    "version",
    "status",
    "epoch",
    "seq",
    "temporal_run_id",
    "closed_at",
    "result",
    "error",
)


class Runs:
    """The runs of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, new: NewRun, *, due: bool = True) -> bool:
        """Insert as QUEUED; False if a run with this id is there already, which stays as it is.

        One that is not `due` waits for its slot (`Slots`).
        """
        when = {} if due else {"start_due_at": None}
        result = await self._connection.execute(
            insert(runs)
            .values(
                tenant=self._tenant,
                status=RunStatus.QUEUED,
                **when,
                **{field.name: getattr(new, field.name) for field in _NEW},
            )
            .on_conflict_do_nothing(index_elements=["tenant", "id"])
            .returning(runs.c.id)
        )
        return result.one_or_none() is not None

    async def get(self, run_id: UUID, *, lock: bool = False) -> RunRow | None:
        query = select(runs).where(runs.c.tenant == self._tenant, runs.c.id == run_id)
        found = await self._connection.execute(query.with_for_update() if lock else query)
        row = found.mappings().one_or_none()
        return None if row is None else read(RunRow, row)

    async def states(self, run_ids: Collection[UUID]) -> Mapping[UUID, RunStatus]:
        """Where each of these runs stands that are there."""
        if not run_ids:
            return {}
        rows = await self._connection.execute(
            select(runs.c.id, runs.c.status).where(
                runs.c.tenant == self._tenant, runs.c.id.in_(run_ids)
            )
        )
        return {row.id: RunStatus(row.status) for row in rows}

    async def list(
        self,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        definition_id: str | None = None,
        status: RunStatus | None = None,
        parent: UUID | None = None,
    ) -> list[RunRow]:
        """The newest first, beginning behind `after` (creation time and id of a run)."""
        query = select(runs).where(runs.c.tenant == self._tenant)
        if definition_id is not None:
            query = query.where(runs.c.definition_id == definition_id)
        if status is not None:
            query = query.where(runs.c.status == status)
        if parent is not None:
            query = query.where(runs.c.parent_run_id == parent)
        if after is not None:
            query = query.where(tuple_(runs.c.created_at, runs.c.id) < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
        )
        return [read(RunRow, row) for row in rows.mappings()]

    async def postpone_start(self, run_id: UUID, seconds: float) -> None:
        """Make a claimed start due again after `seconds` (database clock).

        A run that is not STARTING any more stays as it is.
        """
        await self._connection.execute(
            update(runs)
            .where(
                runs.c.tenant == self._tenant,
                runs.c.id == run_id,
                runs.c.status == RunStatus.STARTING,
            )
            .values(
                start_due_at=func.clock_timestamp() + timedelta(seconds=seconds),
                updated_at=func.clock_timestamp(),
            )
        )

    async def apply(self, change: RunChange) -> bool:
        """Write what facts say; whether the row knew nothing as new or newer.

        The row ends the same in whatever order, and however often, changes are applied: it tells of
        the newest epoch only. A row that is missing is made, so that it can be rebuilt.
        """
        statement = insert(runs).values(
            tenant=self._tenant, **{field.name: getattr(change, field.name) for field in _CHANGE}
        )
        new = statement.excluded
        newer = tuple_(runs.c.epoch, runs.c.seq) < tuple_(new.epoch, new.seq)
        # A batch that was overtaken still knows how its epoch began.
        begins = and_(
            runs.c.epoch == new.epoch, runs.c.started_at.is_(None), new.started_at.is_not(None)
        )
        latest = {name: case((newer, new[name]), else_=runs.c[name]) for name in _OF_NEWEST_FACT}
        result = await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "id"],
                set_={
                    **latest,
                    "started_at": case(
                        (runs.c.epoch < new.epoch, new.started_at),
                        else_=func.coalesce(runs.c.started_at, new.started_at),
                    ),
                    "payload": case(
                        (new.started_at.is_not(None), new.payload), else_=runs.c.payload
                    ),
                    "label": case(
                        (newer, func.coalesce(new.label, runs.c.label)), else_=runs.c.label
                    ),
                    "updated_at": func.clock_timestamp(),
                },
                where=or_(newer, begins),
            ).returning(runs.c.epoch, runs.c.seq)
        )
        written = result.one_or_none()
        return written is not None and (written.epoch, written.seq) == (change.epoch, change.seq)
