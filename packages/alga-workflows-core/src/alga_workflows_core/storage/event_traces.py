"""What became of one event, and who else looks for events of its name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.event_tables import (
    event_keys,
    version_events,
    wait_matches,
)
from alga_workflows_core.storage.event_waits import EVENT_TRIGGER
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import (
    workflow_definitions,
    workflow_run_waits,
    workflow_runs,
)
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import DefinitionState, WaitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenWait:
    """An event wait as somebody sees it who asks about an event. `run_created_at`: when its run was
    asked for; `starter`: the row of the event that started it, as text."""

    id: UUID
    run_id: UUID
    path: str
    status: WaitStatus
    detail: JsonObject
    resolution: JsonObject | None
    opened_at: datetime
    run_created_at: datetime
    starter: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTrigger:
    """A version that starts on events of a name, and what its definition is now."""

    definition_id: str
    version: int
    detail: JsonObject
    state: DefinitionState
    active_version: int | None


class EventTraces:
    """The traces of one tenant's events."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def keys(self, event_id: UUID) -> list[str]:
        """All keys that an accepted event is found by."""
        rows = await self._connection.execute(
            select(event_keys.c.key)
            .where(event_keys.c.tenant == self._tenant, event_keys.c.event_id == event_id)
            .order_by(event_keys.c.key)
        )
        return [row.key for row in rows]

    async def taken_by(self, event_id: UUID, *, limit: int) -> list[SeenWait]:
        """The waits that an event has ended."""
        return await self._waits(workflow_run_waits.c.event_id == event_id, limit=limit)

    async def waits(self, wait_ids: Collection[UUID]) -> list[SeenWait]:
        """These."""
        if not wait_ids:
            return []
        return await self._waits(workflow_run_waits.c.id.in_(wait_ids), limit=len(wait_ids))

    async def open_waits(self, event_name: str, *, limit: int) -> list[SeenWait]:
        """Waits that look for events of this name now, whatever their key."""
        looking = select(wait_matches.c.wait_id).where(
            wait_matches.c.tenant == self._tenant, wait_matches.c.event_name == event_name
        )
        return await self._waits(
            workflow_run_waits.c.id.in_(looking),
            workflow_run_waits.c.status == WaitStatus.WAITING,
            limit=limit,
        )

    async def spent(self, event_id: UUID, run_ids: Collection[UUID]) -> set[UUID]:
        """Those of the runs of which another wait has had the event."""
        rows = await self._connection.execute(
            select(workflow_run_waits.c.run_id).where(
                workflow_run_waits.c.tenant == self._tenant,
                workflow_run_waits.c.event_id == event_id,
                workflow_run_waits.c.run_id.in_(run_ids),
            )
        )
        return {row.run_id for row in rows}

    async def triggers(self, event_name: str, *, limit: int) -> list[SeenTrigger]:
        """Of each definition that has a version that starts on events of this name the active one,
        or else the newest of them."""
        definitions = workflow_definitions
        rows = await self._connection.execute(
            select(
                version_events.c.definition_id,
                version_events.c.version,
                version_events.c.detail,
                definitions.c.state,
                definitions.c.active_version,
            )
            .join(
                definitions,
                (definitions.c.tenant == version_events.c.tenant)
                & (definitions.c.id == version_events.c.definition_id),
            )
            .where(
                version_events.c.tenant == self._tenant,
                version_events.c.event_name == event_name,
                version_events.c.use == "trigger",
            )
            .distinct(version_events.c.definition_id)
            .order_by(
                version_events.c.definition_id,
                func.coalesce(
                    definitions.c.active_version == version_events.c.version, False
                ).desc(),
                version_events.c.version.desc(),
            )
            .limit(limit)
        )
        return [read(SeenTrigger, row) for row in rows.mappings()]

    async def trigger_details(
        self, event_name: str, versions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], JsonObject]:
        """The triggers of these versions, by definition and version."""
        if not versions:
            return {}
        rows = await self._connection.execute(
            select(version_events).where(
                version_events.c.tenant == self._tenant,
                version_events.c.event_name == event_name,
                version_events.c.use == "trigger",
                tuple_(version_events.c.definition_id, version_events.c.version).in_(versions),
            )
        )
        return {(row.definition_id, row.version): row.detail for row in rows}

    async def _waits(self, *conditions: ColumnElement[bool], limit: int) -> list[SeenWait]:
        waits, runs = workflow_run_waits, workflow_runs
        query = (
            select(
                waits,
                runs.c.created_at.label("run_created_at"),
                case((runs.c.trigger_type == EVENT_TRIGGER, runs.c.execution_key)).label("starter"),
            )
            .join(runs, (runs.c.tenant == waits.c.tenant) & (runs.c.id == waits.c.run_id))
            .where(waits.c.tenant == self._tenant, *conditions)
            .order_by(waits.c.opened_at, waits.c.id)
            .limit(limit)
        )
        rows = await self._connection.execute(query)
        return [read(SeenWait, row) for row in rows.mappings()]
