"""Rows of project workers' processes, one per process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read
from alga_temporal_domain.storage.slots import SlotKey

_COLUMNS = """id, project_id, hash, slot, epoch, generation, holder, host, pid, state, created_at,
    started_at, ready_at, stopped_at, beat_at, busy_at, exit_kind, reason, cpu_percent, memory_mb,
    tasks_completed, tasks_failed,
    coalesce(sum_ms / nullif(tasks_completed + tasks_failed, 0), 0) AS average_ms"""

_ADD = text("""
    INSERT INTO worker_instances
        (tenant, id, project_id, hash, slot, epoch, generation, holder, host, state)
    VALUES (:tenant, :id, :project_id, :hash, :number, :epoch, :generation, :holder, :host,
        'pending')
""")
_MOVE = text("""
    UPDATE worker_instances SET state = :state, pid = coalesce(:pid, pid),
        beat_at = clock_timestamp(),
        started_at = CASE WHEN :state = 'starting' THEN clock_timestamp() ELSE started_at END,
        ready_at = CASE WHEN :state = 'ready' THEN clock_timestamp() ELSE ready_at END
    WHERE tenant = :tenant AND id = :id AND epoch = :epoch AND holder = :holder
      AND state IN ('pending', 'starting', 'ready', 'draining')
""")
_END = text("""
    UPDATE worker_instances SET state = :state, exit_kind = :exit_kind, reason = :reason,
        beat_at = clock_timestamp(), stopped_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id AND epoch = :epoch AND holder = :holder
      AND state IN ('pending', 'starting', 'ready', 'draining')
""")
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM worker_instances
    WHERE tenant = :tenant AND project_id = :project_id
      AND (CAST(:at AS timestamptz) IS NULL OR (created_at, id) < (:at, :id))
    ORDER BY created_at DESC, id DESC LIMIT :at_most
""")  # noqa: S608 (the columns above)
_LIVE = text(f"""
    SELECT {_COLUMNS} FROM worker_instances
    WHERE tenant = :tenant AND project_id = :project_id
      AND state IN ('pending', 'starting', 'ready', 'draining')
    ORDER BY created_at, id
""")  # noqa: S608 (the columns above)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """A process, or one that was. `busy_at`: when it last ended a task. `beat_at`: when its
    supervisor last wrote about it."""

    id: UUID
    project_id: UUID
    hash: str
    slot: int
    epoch: int
    generation: int
    holder: str
    host: str
    pid: int | None
    state: str
    created_at: datetime
    started_at: datetime | None
    ready_at: datetime | None
    stopped_at: datetime | None
    beat_at: datetime
    busy_at: datetime | None
    exit_kind: str | None
    reason: str | None
    cpu_percent: float | None
    memory_mb: float | None
    tasks_completed: int
    tasks_failed: int
    average_ms: float


class Instances:
    """The processes of one held slot."""

    def __init__(
        self, connection: AsyncConnection, tenant: str, key: SlotKey, *, epoch: int, holder: str
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._key = key
        self._epoch = epoch
        self._holder = holder

    async def add(self, instance_id: UUID, *, generation: int, host: str) -> None:
        """A process that is about to be started."""
        values = self._of(instance_id, generation=generation, host=host, **self._key._asdict())
        await self._connection.execute(_ADD, values)

    async def move(self, instance_id: UUID, state: str, pid: int | None = None) -> None:
        """It is starting, ready or draining; nothing if it has ended."""
        await self._connection.execute(_MOVE, self._of(instance_id, state=state, pid=pid))

    async def end(self, instance_id: UUID, state: str, exit_kind: str, reason: str | None) -> None:
        """It has ended: stopped, crashed, fenced or quarantined."""
        values = self._of(instance_id, state=state, exit_kind=exit_kind, reason=reason)
        await self._connection.execute(_END, values)

    def _of(self, instance_id: UUID, **more: Any) -> dict[str, Any]:
        return {
            "tenant": self._tenant,
            "id": instance_id,
            "epoch": self._epoch,
            "holder": self._holder,
            **more,
        }


class InstanceHistory:
    """The processes of a tenant's projects, to be read."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def page(
        self, project_id: UUID, after: tuple[datetime, UUID] | None, at_most: int
    ) -> list[InstanceRow]:
        """Processes of a project behind one, the newest first."""
        at, instance_id = after or (None, None)
        values = {
            "tenant": self._tenant,
            "project_id": project_id,
            "at": at,
            "id": instance_id,
            "at_most": at_most,
        }
        rows = await self._connection.execute(_PAGE, values)
        return [read(InstanceRow, row) for row in rows]

    async def live(self, project_id: UUID) -> list[InstanceRow]:
        """Those that have not ended, the oldest first."""
        values = {"tenant": self._tenant, "project_id": project_id}
        rows = await self._connection.execute(_LIVE, values)
        return [read(InstanceRow, row) for row in rows]
