"""Rows of what project workers write to their standard streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

MOST_LINES = 2000
"""Of one project; older ones go."""

_ADD = text("""
    INSERT INTO worker_logs (tenant, project_id, instance_id, at, stream, line)
    SELECT :tenant, :project_id, l.instance_id, l.at, l.stream, l.line
    FROM unnest(CAST(:instances AS uuid[]), CAST(:times AS timestamptz[]),
                CAST(:streams AS text[]), CAST(:lines AS text[]))
        AS l (instance_id, at, stream, line)
""")
_TRIM = text("""
    DELETE FROM worker_logs WHERE tenant = :tenant AND project_id = :project_id AND id <= (
        SELECT id FROM worker_logs WHERE tenant = :tenant AND project_id = :project_id
        ORDER BY id DESC OFFSET :most LIMIT 1)
""")
_TAIL = text("""
    SELECT id, instance_id, at, stream, line FROM worker_logs
    WHERE tenant = :tenant AND project_id = :project_id AND id > :after
    ORDER BY id DESC LIMIT :at_most
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line. `stream`: stdout or stderr."""

    instance_id: UUID
    at: datetime
    stream: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLineRow:
    """A line with its number, which grows."""

    id: int
    instance_id: UUID
    at: datetime
    stream: str
    line: str


class WorkerLogs:
    """Lines of one tenant's projects."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, project_id: UUID, lines: Sequence[LogLine]) -> None:
        """Keep them, and the newest `MOST_LINES` of the project in all."""
        of = {"tenant": self._tenant, "project_id": project_id}
        values = {
            "instances": [one.instance_id for one in lines],
            "times": [one.at for one in lines],
            "streams": [one.stream for one in lines],
            "lines": [one.line for one in lines],
        }
        await self._connection.execute(_ADD, {**of, **values})
        await self._connection.execute(_TRIM, {**of, "most": MOST_LINES})

    async def tail(self, project_id: UUID, at_most: int, after: int = 0) -> list[LogLineRow]:
        """The newest lines behind a number, in the order in which they were written."""
        values = {
            "tenant": self._tenant,
            "project_id": project_id,
            "at_most": at_most,
            "after": after,
        }
        rows = await self._connection.execute(_TAIL, values)
        return [read(LogLineRow, row) for row in rows][::-1]
