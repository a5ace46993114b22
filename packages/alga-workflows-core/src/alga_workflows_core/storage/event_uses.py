"""What published versions have to do with events: their triggers, and what they wait for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.event_tables import version_events
from alga_workflows_core.storage.tables import workflow_definitions
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import DefinitionState

Use: TypeAlias = Literal["trigger", "wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUse:
    """A version starts on events of this name, or waits for them. `detail`: of a trigger that part
    of the document; of waits `{"lookback": seconds}`, null where an expression decides it."""

    event_name: str
    use: Use
    detail: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRow:
    """The trigger of the active version of a definition that is ACTIVE or PAUSED."""

    definition_id: str
    version: int
    event_name: str
    detail: JsonObject
    paused: bool


class EventUses:
    """The uses that one tenant's definitions make of events."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, definition_id: str, version: int, uses: Sequence[EventUse]) -> None:
        """Note the uses of a version that is being published."""
        if uses:
            await self._connection.execute(
                insert(version_events),
                [
                    {
                        "tenant": self._tenant,
                        "definition_id": definition_id,
                        "version": version,
                        "event_name": each.event_name,
                        "use": each.use,
                        "detail": each.detail,
                    }
                    for each in uses
                ],
            )

    async def triggers(self, names: Collection[str]) -> list[TriggerRow]:
        """The triggers for events of these names. Nobody pauses, resumes or activates their
        definitions until the transaction ends."""
        definitions = workflow_definitions
        concerned = select(version_events.c.definition_id).where(
            version_events.c.tenant == self._tenant,
            version_events.c.event_name.in_(names),
            version_events.c.use == "trigger",
        )
        # First locked, then read: a row that a lock has waited for is not joined anew.
        locked = await self._connection.execute(
            select(definitions.c.id)
            .where(definitions.c.tenant == self._tenant, definitions.c.id.in_(concerned))
            .order_by(definitions.c.id)
            .with_for_update(read=True)
        )
        ids = [row.id for row in locked]
        if not ids:
            return []
        rows = await self._connection.execute(
            select(version_events, definitions.c.state)
            .join(
                definitions,
                (definitions.c.tenant == version_events.c.tenant)
                & (definitions.c.id == version_events.c.definition_id)
                & (definitions.c.active_version == version_events.c.version),
            )
            .where(
                version_events.c.tenant == self._tenant,
                version_events.c.definition_id.in_(ids),
                version_events.c.event_name.in_(names),
                version_events.c.use == "trigger",
                definitions.c.state.in_((DefinitionState.ACTIVE, DefinitionState.PAUSED)),
            )
            .order_by(version_events.c.definition_id)
        )
        return [
            TriggerRow(
                definition_id=row.definition_id,
                version=row.version,
                event_name=row.event_name,
                detail=row.detail,
                paused=row.state == DefinitionState.PAUSED,
            )
            for row in rows
        ]
