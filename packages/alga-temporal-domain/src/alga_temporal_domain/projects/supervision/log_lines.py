"""Lines that projects' processes write, on their way to the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from alga_temporal_domain.projects.supervision.leases import Grant
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.worker_logs import MOST_LINES, LogLine, WorkerLogs
from alga_workflows_core.errors import UnavailableError

_LONGEST_LINE = 4000


class LogLines:
    """Keeps the newest lines of each project until they are written."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage
        self._waiting: dict[tuple[str, UUID], deque[LogLine]] = {}

    def listener(self, grant: Grant, instance_id: UUID) -> Callable[[str, str], None]:
        """What a process's lines are told to: (stream, line)."""

        def take(stream: str, line: str) -> None:
            of = (grant.tenant, grant.key.project_id)
            lines = self._waiting.setdefault(of, deque(maxlen=MOST_LINES))
            # PostgreSQL has no NUL in text.
            text = line[:_LONGEST_LINE].replace("\0", "\N{REPLACEMENT CHARACTER}")
            lines.append(
                LogLine(instance_id=instance_id, at=datetime.now(UTC), stream=stream, line=text)
            )

        return take

    async def write(self) -> None:
        """Write what there is. UnavailableError, and all is kept, when PostgreSQL is away."""
        for of in list(self._waiting):
            lines = self._waiting.pop(of)
            tenant, project_id = of
            try:
                async with self._storage.transaction(tenant) as connection:
                    await WorkerLogs(connection, tenant).add(project_id, lines)
            except UnavailableError:
                lines.extend(self._waiting.get(of, ()))
                self._waiting[of] = lines
                raise
