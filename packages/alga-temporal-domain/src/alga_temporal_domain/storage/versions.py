"""Rows of what each bundle of a project is to new and running executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_LIST = text("""
    SELECT hash, state, ramp_percent, seq, told_seq, moved_seq, move_findings, since, deleted_at,
        crashes, retry_at, quarantined_at, reason, extra
    FROM code_versions WHERE tenant = :tenant AND project_id = :project_id
    ORDER BY since DESC, hash
""")
# After a crash long ago the count begins anew in the window, and in the row when it was well since.
_CRASHED = text("""
    UPDATE code_versions SET crashes = crashes + 1, reason = :reason,
        crash_times = ARRAY(SELECT t FROM unnest(crash_times) AS t
                            WHERE t > clock_timestamp() - :window) || clock_timestamp()
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash
    RETURNING crashes, cardinality(crash_times) AS recent
""")
_RETRY = text("""
    UPDATE code_versions SET retry_at = clock_timestamp() + :delay
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash
""")
_QUARANTINE = text("""
    UPDATE code_versions SET quarantined_at = clock_timestamp(), reason = :reason, retry_at = NULL
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash
""")
_FORGIVE = text("""
    UPDATE code_versions SET crashes = 0, crash_times = '{}', retry_at = NULL, reason = NULL
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash
      AND quarantined_at IS NULL AND crashes > 0
""")
_TOLD = text("""
    UPDATE code_versions SET told_seq = seq
    WHERE tenant = :tenant AND project_id = :project_id AND seq <= :seq
      AND state IN ('CURRENT', 'RAMPING')
""")
_MOVED = text("""
    UPDATE code_versions SET moved_seq = :seq, move_findings = :findings
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash AND seq = :seq
""").bindparams(bindparam("findings", type_=JSON(none_as_null=True)))
_BECOMES = text("""
    UPDATE code_versions SET state = :state, since = clock_timestamp()
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash AND state = :was
    RETURNING hash
""")
_DELETED = text("""
    UPDATE code_versions SET deleted_at = clock_timestamp()
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash AND state = 'DRAINED'
""")
_SCALE = text("""
    UPDATE code_versions v SET extra = least(v.extra + :by, p.most_slots - p.slots),
        scaled_at = clock_timestamp()
    FROM projects p
    WHERE v.tenant = :tenant AND v.project_id = :project_id AND v.hash = :hash
      AND p.id = v.project_id AND v.extra + :by BETWEEN 0 AND p.most_slots - p.slots
      AND (v.scaled_at IS NULL OR v.scaled_at < clock_timestamp() - :cool_down)
    RETURNING v.extra
""")
_SLEEP = text("""
    UPDATE projects p SET asleep = true
    WHERE p.tenant = :tenant AND p.id = :project_id AND p.desired = 'RUNNING' AND NOT p.asleep
      AND p.idle_seconds IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM worker_instances i
          WHERE i.project_id = p.id AND i.state IN ('pending', 'starting', 'ready', 'draining')
            AND (i.ready_at IS NULL OR greatest(i.busy_at, i.ready_at)
                 > clock_timestamp() - make_interval(secs => p.idle_seconds)))
      AND NOT EXISTS (
          SELECT FROM code_versions v WHERE v.project_id = p.id
            AND v.state IN ('CURRENT', 'RAMPING') AND v.told_seq IS DISTINCT FROM v.seq)
    RETURNING p.id
""")
_WAKE = text("""
    UPDATE projects SET asleep = false WHERE tenant = :tenant AND id = :project_id AND asleep
    RETURNING id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A bundle since it was activated: CURRENT, RAMPING, DRAINING or DRAINED.

    `seq` is the activation that last had to do with it, `told_seq` the one that Temporal knows.
    `move_findings`: why running executions were not moved to it. `reason`: of the last crash.
    """

    hash: str
    state: str
    ramp_percent: int
    seq: int
    told_seq: int | None
    moved_seq: int | None
    move_findings: list[dict[str, Any]] | None
    since: datetime
    deleted_at: datetime | None
    crashes: int
    retry_at: datetime | None
    quarantined_at: datetime | None
    reason: str | None
    extra: int


class Versions:
    """The versions of one tenant's projects."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def of_project(self, project_id: UUID) -> list[VersionRow]:
        """All that were ever activated, what changed last first."""
        rows = await self._connection.execute(_LIST, self._of(project_id))
        return [read(VersionRow, row) for row in rows]

    async def crashed(
        self, project_id: UUID, bundle_hash: str, reason: str, window: timedelta
    ) -> tuple[int, int]:
        """A process of it has crashed; how often in a row that makes, and how often of late."""
        values = self._of(project_id, hash=bundle_hash, reason=reason, window=window)
        row = (await self._connection.execute(_CRASHED, values)).one()
        return row.crashes, row.recent

    async def retry(self, project_id: UUID, bundle_hash: str, delay: timedelta) -> None:
        """No process of it is to be started before `delay` is over."""
        values = self._of(project_id, hash=bundle_hash, delay=delay)
        await self._connection.execute(_RETRY, values)

    async def quarantine(self, project_id: UUID, bundle_hash: str, reason: str) -> None:
        """No process of it is to be started until somebody says so."""
        values = self._of(project_id, hash=bundle_hash, reason=reason)
        await self._connection.execute(_QUARANTINE, values)

    async def forgive(self, project_id: UUID, bundle_hash: str) -> None:
        """It has worked for long enough for its crashes to be forgotten."""
        await self._connection.execute(_FORGIVE, self._of(project_id, hash=bundle_hash))

    async def told(self, project_id: UUID, seq: int) -> None:
        """Temporal knows the project's activations up to this one."""
        await self._connection.execute(_TOLD, self._of(project_id, seq=seq))

    async def moved(
        self,
        project_id: UUID,
        bundle_hash: str,
        seq: int,
        findings: list[dict[str, Any]] | None,
    ) -> None:
        """Running executions are on it by this activation, or are not, for these reasons."""
        values = self._of(project_id, hash=bundle_hash, seq=seq, findings=findings)
        await self._connection.execute(_MOVED, values)

    async def becomes(self, project_id: UUID, bundle_hash: str, was: str, state: str) -> bool:
        """Whether it was what it was said to be; then it is `state` now."""
        values = self._of(project_id, hash=bundle_hash, was=was, state=state)
        return (await self._connection.execute(_BECOMES, values)).one_or_none() is not None

    async def deleted(self, project_id: UUID, bundle_hash: str) -> None:
        """Temporal has forgotten it."""
        await self._connection.execute(_DELETED, self._of(project_id, hash=bundle_hash))

    async def scale(
        self, project_id: UUID, bundle_hash: str, by: int, cool_down: timedelta
    ) -> bool:
        """One slot more or less, unless the project has no room for it or it is too soon."""
        values = self._of(project_id, hash=bundle_hash, by=by, cool_down=cool_down)
        return (await self._connection.execute(_SCALE, values)).one_or_none() is not None

    async def sleep(self, project_id: UUID) -> bool:
        """Have the project sleep if none of its processes has done anything for long enough."""
        row = (await self._connection.execute(_SLEEP, self._of(project_id))).one_or_none()
        return row is not None

    async def wake(self, project_id: UUID) -> bool:
        """Whether it slept; it is awake now."""
        row = (await self._connection.execute(_WAKE, self._of(project_id))).one_or_none()
        return row is not None

    def _of(self, project_id: UUID, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "project_id": project_id, **more}
