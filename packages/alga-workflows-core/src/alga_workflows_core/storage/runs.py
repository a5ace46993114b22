"""Rows of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_runs as runs
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as people see it. `error` is an `ErrorInfo` as JSON."""

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
    start_attempts: int
    created_at: datetime
    created_by: str
    started_at: datetime | None
    closed_at: datetime | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What facts say of a run. Fields that are None are left as they are."""

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


class Runs:
    """The runs of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, new: NewRun) -> bool:
        """Insert as QUEUED; False if a run with this id is there already, which stays as it is."""
        result = await self._connection.execute(
            insert(runs)
            .values(
                tenant=self._tenant,
                id=new.id,
                definition_id=new.definition_id,
                version=new.version,
                status=RunStatus.QUEUED,
                trigger_type=new.trigger_type,
                execution_key=new.execution_key,
                request_hash=new.request_hash,
                payload=new.payload,
                created_by=new.created_by,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "id"])
            .returning(runs.c.id)
        )
        return result.one_or_none() is not None

    async def get(self, run_id: UUID) -> RunRow | None:
        row = (
            (
                await self._connection.execute(
                    select(runs).where(runs.c.tenant == self._tenant, runs.c.id == run_id)
                )
            )
            .mappings()
            .one_or_none()
        )
        return None if row is None else read(RunRow, row)

    async def list(
        self,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        definition_id: str | None = None,
        status: RunStatus | None = None,
    ) -> list[RunRow]:
        """The newest first, beginning behind `after` (creation time and id of a run)."""
        query = select(runs).where(runs.c.tenant == self._tenant)
        if definition_id is not None:
            query = query.where(runs.c.definition_id == definition_id)
        if status is not None:
            query = query.where(runs.c.status == status)
        if after is not None:
            query = query.where(tuple_(runs.c.created_at, runs.c.id) < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
        )
        return [read(RunRow, row) for row in rows.mappings()]

    async def postpone_start(self, run_id: UUID, seconds: float) -> None:
        """Make a claimed start due again after `seconds` (database clock)."""
        await self._connection.execute(
            update(runs)
            .where(
                runs.c.tenant == self._tenant,
                runs.c.id == run_id,
                runs.c.status == RunStatus.STARTING,
            )
            .values(
                start_due_at=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
            )
        )

    async def fail_start(self, run_id: UUID, error: JsonObject) -> None:
        """Close a run that can never be started."""
        await self._connection.execute(
            update(runs)
            .where(
                runs.c.tenant == self._tenant,
                runs.c.id == run_id,
                runs.c.status == RunStatus.STARTING,
            )
            .values(
                status=RunStatus.FAILED,
                error=error,
                closed_at=func.clock_timestamp(),
                updated_at=func.clock_timestamp(),
            )
        )

    async def apply(self, change: RunChange) -> bool:
        """Write what facts say, unless the row knows something newer; False in that case.

        A row that is missing is made, so that it can be rebuilt.
        """
        newer = {
            "status": change.status,
            "epoch": change.epoch,
            "seq": change.seq,
            "temporal_run_id": change.temporal_run_id,
            "updated_at": func.clock_timestamp(),
        }
        for name in ("started_at", "closed_at", "error"):
            value = getattr(change, name)
            if value is not None:
                newer[name] = value
        if change.closed_at is not None:
            newer["result"] = change.result
        statement = insert(runs).values(
            tenant=self._tenant,
            id=change.id,
            definition_id=change.definition_id,
            version=change.version,
            trigger_type=change.trigger_type,
            execution_key=change.execution_key,
            created_by=change.created_by,
            payload=change.payload,
            **newer,
        )
        result = await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "id"],
                set_=newer,
                where=tuple_(runs.c.epoch, runs.c.seq)
                < tuple_(statement.excluded.epoch, statement.excluded.seq),
            ).returning(runs.c.id)
        )
        return result.one_or_none() is not None
