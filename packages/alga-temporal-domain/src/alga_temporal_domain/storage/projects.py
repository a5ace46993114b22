"""Rows of projects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, bindparam, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read
from alga_workflows_core.errors import ConflictError

_COLUMNS = """id, name, description, created_by, task_queue_name, is_active, created_at, desired,
    asleep, generation, slots, most_slots, idle_seconds, limit_activities, limit_workflows,
    limit_memory_mb, code_seq, collected_seq,
    total_workflow_executions, total_activity_executions, avg_execution_duration_ms,
    last_execution_at"""

_ADD = text(f"""
    INSERT INTO projects (id, name, description, created_by, task_queue_name)
    VALUES (:id, :name, :description, :created_by, :queue) RETURNING {_COLUMNS}
""")  # noqa: S608 (the columns above)
_GET = text(f"SELECT {_COLUMNS} FROM projects WHERE tenant = :tenant AND id = :id")  # noqa: S608
_LOCK = text(
    f"SELECT {_COLUMNS} FROM projects WHERE tenant = :tenant AND id = :id FOR UPDATE"  # noqa: S608
)
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM projects
    WHERE tenant = :tenant AND (CAST(:at AS timestamptz) IS NULL OR (created_at, id) < (:at, :id))
    ORDER BY created_at DESC, id DESC LIMIT :at_most
""")  # noqa: S608
_WISH = text("""
    UPDATE projects SET desired = :desired, asleep = false, generation = generation + :more,
        updated_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id AND is_active
    RETURNING id
""")
_SIZE = text("""
    UPDATE projects SET slots = :slots, most_slots = :most_slots, idle_seconds = :idle_seconds,
        updated_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id
""")
# Who runs has its limits from its start: with others, other processes take their places.
_LIMIT = text("""
    UPDATE projects SET limit_activities = :activities, limit_workflows = :workflows,
        limit_memory_mb = :memory_mb, generation = generation + 1, updated_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id
      AND (limit_activities, limit_workflows, limit_memory_mb)
          IS DISTINCT FROM (:activities, :workflows, :memory_mb)
""").bindparams(
    bindparam("activities", type_=Integer),
    bindparam("workflows", type_=Integer),
    bindparam("memory_mb", type_=Integer),
)
_COLLECTED = text("""
    UPDATE projects SET collected_seq = greatest(collected_seq, :seq)
    WHERE tenant = :tenant AND id = :id
""")
_RUNNING = text("""
    SELECT id FROM projects WHERE tenant = :tenant AND is_active AND desired = 'RUNNING'
    ORDER BY created_at, id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """A project. `desired`: RUNNING or STOPPED. `generation` counts restarts that were asked for.
    `idle_seconds`: after so long without work its workers end until there is some; None: never.
    `limit_…`: in place of its bundles'; None: theirs."""

    id: UUID
    name: str
    description: str | None
    created_by: str
    task_queue_name: str
    is_active: bool
    created_at: datetime
    desired: str
    asleep: bool
    generation: int
    slots: int
    most_slots: int
    idle_seconds: int | None
    limit_activities: int | None
    limit_workflows: int | None
    limit_memory_mb: int | None
    code_seq: int
    collected_seq: int
    total_workflow_executions: int
    total_activity_executions: int
    avg_execution_duration_ms: int
    last_execution_at: datetime | None


class Projects:
    """The projects of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(
        self, project_id: UUID, *, name: str, description: str | None, actor: str, queue: str | None
    ) -> ProjectRow:
        """A new project, stopped; its queue is `project-<id>` unless named. ConflictError if this
        person has one of that name, or another project that queue."""
        values = {
            "id": project_id,
            "name": name,
            "description": description,
            "created_by": actor,
            "queue": queue,
        }
        try:
            async with self._connection.begin_nested():
                row = (await self._connection.execute(_ADD, values)).one()
        except IntegrityError as error:
            raise ConflictError(
                f"There is a project with this id, this queue, or the name {name!r} already.",
                code="PROJECT_EXISTS",
                remedy="Take another name or queue.",
            ) from error
        return read(ProjectRow, row)

    async def get(self, project_id: UUID, *, lock: bool = False) -> ProjectRow | None:
        """The project, locked until the transaction ends if asked for."""
        values = {"tenant": self._tenant, "id": project_id}
        row = (await self._connection.execute(_LOCK if lock else _GET, values)).one_or_none()
        return None if row is None else read(ProjectRow, row)

    async def page(self, after: tuple[datetime, UUID] | None, at_most: int) -> list[ProjectRow]:
        """Projects behind one, the newest first."""
        at, project_id = after or (None, None)
        values = {"tenant": self._tenant, "at": at, "id": project_id, "at_most": at_most}
        rows = await self._connection.execute(_PAGE, values)
        return [read(ProjectRow, row) for row in rows]

    async def running(self) -> list[UUID]:
        """Those that are wanted to run, the oldest first."""
        rows = await self._connection.execute(_RUNNING, {"tenant": self._tenant})
        return [row.id for row in rows]

    async def wish(self, project_id: UUID, desired: str, *, restart: bool = False) -> bool:
        """Have the project's workers RUNNING or STOPPED, awake, and anew if `restart`; whether
        there is such an active project."""
        values = {
            "tenant": self._tenant,
            "id": project_id,
            "desired": desired,
            "more": int(restart),
        }
        return (await self._connection.execute(_WISH, values)).one_or_none() is not None

    async def size(
        self, project_id: UUID, *, slots: int, most_slots: int, idle_seconds: int | None
    ) -> None:
        """How many workers there are of a version, how many with much to do, and for how long
        without anything."""
        values = {
            "tenant": self._tenant,
            "id": project_id,
            "slots": slots,
            "most_slots": most_slots,
            "idle_seconds": idle_seconds,
        }
        await self._connection.execute(_SIZE, values)

    async def limit(
        self,
        project_id: UUID,
        *,
        activities: int | None,
        workflows: int | None,
        memory_mb: int | None,
    ) -> None:
        """What its workers may have, None: what the bundle says. If that is a change, they are
        replaced."""
        values = {
            "tenant": self._tenant,
            "id": project_id,
            "activities": activities,
            "workflows": workflows,
            "memory_mb": memory_mb,
        }
        await self._connection.execute(_LIMIT, values)

    async def collected(self, project_id: UUID, seq: int) -> None:
        """The builder's rows up to this change have been dealt with."""
        values = {"tenant": self._tenant, "id": project_id, "seq": seq}
        await self._connection.execute(_COLLECTED, values)
