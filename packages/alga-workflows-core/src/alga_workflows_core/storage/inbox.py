"""What accepts events: open waits that they may meet, and what becomes of both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.infra.database import strict_json
from alga_workflows_core.storage.event_locks import NameAndKey, lock_shared
from alga_workflows_core.storage.event_rows import EventRow
from alga_workflows_core.storage.event_tables import (
    event_refusals,
    wait_matches,
    workflow_events,
)
from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import (
    workflow_run_waits,
)
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import EventState, WaitStatus

# Positions are drawn in the order of the ids, and once: a subquery that is joined may be run again
# for each row.
_ACCEPT = text("""
    WITH drawn AS MATERIALIZED (
        SELECT ordered.id, nextval('alga_event_position') AS position
        FROM (SELECT u.id FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS u(id, n)
              ORDER BY u.n) ordered
    )
    UPDATE workflow_events e
    SET state = 'ACCEPTED', accepted_at = statement_timestamp(), position = drawn.position
    FROM drawn
    WHERE e.tenant = :tenant AND e.id = drawn.id AND e.state = 'STAGED'
""")
# The waits are locked and WAITING; a delivery each tells their runs.
_RESOLVE = text("""
    WITH taken AS (
        SELECT * FROM unnest(CAST(:waits AS uuid[]), CAST(:events AS uuid[]),
                             CAST(:resolutions AS text[])) AS t(wait_id, event_id, resolution)
    ), resolved AS (
        UPDATE workflow_run_waits w
        SET status = 'RESOLVED', resolution = CAST(t.resolution AS json), resolved_by = 'event',
            closed_at = clock_timestamp(), event_id = t.event_id
        FROM taken t
        WHERE w.tenant = :tenant AND w.id = t.wait_id AND w.status = 'WAITING'
        RETURNING w.tenant, w.id, w.run_id, w.event_id
    )
    INSERT INTO workflow_event_deliveries (tenant, id, run_id, wait_id, event_id, position)
    SELECT r.tenant, r.id, r.run_id, r.id, r.event_id, e.position
    FROM resolved r JOIN workflow_events e ON e.tenant = r.tenant AND e.id = r.event_id
    ON CONFLICT DO NOTHING
""")
_KEYS = text("""
    INSERT INTO alga_event_keys (tenant, event_name, key, event_id, accepted_at)
    SELECT e.tenant, e.type, pair.key, e.id, e.accepted_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[])) AS pair(id, key)
    JOIN workflow_events e ON e.tenant = :tenant AND e.id = pair.id
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWait:
    """An event wait that is WAITING, and locked until the transaction ends."""

    id: UUID
    run_id: UUID
    detail: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An event that a wait, or a trigger, looks for by name and key, and whose filter of index
    `filter` (of the wait's match of index `match`) it does not meet."""

    event_id: UUID
    match: int
    filter: int
    run_id: UUID | None = None
    wait_id: UUID | None = None
    definition_id: str | None = None
    version: int | None = None


class Inbox:
    """The inbox of one tenant, in one transaction."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def take(self, row_ids: Collection[UUID]) -> list[EventRow]:
        """Those of the events that are still STAGED, in the order in which they were received;
        nobody else accepts them meanwhile."""
        rows = await self._connection.execute(
            select(workflow_events)
            .where(
                workflow_events.c.tenant == self._tenant,
                workflow_events.c.id.in_(row_ids),
                workflow_events.c.state == EventState.STAGED,
            )
            .order_by(workflow_events.c.received_at, workflow_events.c.id)
            .with_for_update()
        )
        return [read(EventRow, row) for row in rows.mappings()]

    async def lock_to_accept(self, found_by: Iterable[NameAndKey]) -> None:
        """Keep waits from opening that look for any of these, until the transaction ends."""
        names = {NameAndKey(each.name, key) for each in found_by for key in (None, each.key)}
        await lock_shared(self._connection, self._tenant, names)

    async def open_waits(self, found_by: Collection[NameAndKey]) -> list[OpenWait]:
        """The waits that look for any of these, and that nobody closes until the transaction ends;
        those of a run in the order in which they opened."""
        if not found_by:
            return []
        keyed = [(each.name, each.key) for each in found_by if each.key is not None]
        names = sorted({each.name for each in found_by})
        by_any_key = wait_matches.c.event_name.in_(names) & wait_matches.c.correlation_key.is_(None)
        by_key = tuple_(wait_matches.c.event_name, wait_matches.c.correlation_key).in_(keyed)
        looking = select(wait_matches.c.wait_id).where(
            wait_matches.c.tenant == self._tenant,
            or_(by_any_key, by_key) if keyed else by_any_key,
        )
        waits = workflow_run_waits
        position = select(func.min(wait_matches.c.position)).where(
            wait_matches.c.tenant == waits.c.tenant, wait_matches.c.wait_id == waits.c.id
        )
        rows = await self._connection.execute(
            select(
                waits.c.id,
                waits.c.run_id,
                waits.c.detail,
                position.scalar_subquery().label("position"),
            )
            .where(
                waits.c.tenant == self._tenant,
                waits.c.id.in_(looking),
                waits.c.status == WaitStatus.WAITING,
            )
            # All who lock several do so in this order.
            .order_by(waits.c.id)
            .with_for_update()
        )
        found = sorted(rows, key=lambda row: row.position)
        return [OpenWait(id=row.id, run_id=row.run_id, detail=row.detail) for row in found]

    async def accept(self, keys: Sequence[tuple[UUID, Collection[str]]]) -> None:
        """Make events ACCEPTED, in this order; each with the keys that it is found by."""
        if not keys:
            return
        await self._connection.execute(
            _ACCEPT, {"tenant": self._tenant, "ids": [row_id for row_id, _ in keys]}
        )
        pairs = [(row_id, key) for row_id, found_by in keys for key in sorted(set(found_by))]
        await self._connection.execute(
            _KEYS,
            {
                "tenant": self._tenant,
                "ids": [row_id for row_id, _ in pairs],
                "keys": [key for _, key in pairs],
            },
        )

    async def resolve(self, taken: Sequence[tuple[UUID, UUID, JsonObject]]) -> None:
        """End waits of `open_waits` that take accepted events, and have their runs told: wait, row
        of the event, resolution."""
        if taken:
            await self._connection.execute(
                _RESOLVE,
                {
                    "tenant": self._tenant,
                    "waits": [wait_id for wait_id, _, _ in taken],
                    "events": [event_id for _, event_id, _ in taken],
                    "resolutions": [strict_json(resolution) for _, _, resolution in taken],
                },
            )

    async def refuse(self, row_id: UUID, refusal: JsonObject) -> None:
        """Make a STAGED event REFUSED, for that reason (an `ErrorInfo` as JSON)."""
        await self._connection.execute(
            update(workflow_events)
            .where(
                workflow_events.c.tenant == self._tenant,
                workflow_events.c.id == row_id,
                workflow_events.c.state == EventState.STAGED,
            )
            .values(state=EventState.REFUSED, refusal=refusal)
        )

    async def add_refusals(self, refusals: Sequence[Refusal]) -> None:
        """Note which filters have refused events. One that is noted already stays as it is."""
        if not refusals:
            return
        await self._connection.execute(
            insert(event_refusals).on_conflict_do_nothing(),
            [
                {
                    "tenant": self._tenant,
                    "event_id": each.event_id,
                    "target": each.definition_id or str(each.wait_id),
                    "run_id": each.run_id,
                    "wait_id": each.wait_id,
                    "definition_id": each.definition_id,
                    "version": each.version,
                    "match": each.match,
                    "filter": each.filter,
                }
                for each in refusals
            ],
        )

    async def refusals(self, event_id: UUID) -> list[Refusal]:
        """Who looked for an event and did not take it."""
        rows = await self._connection.execute(
            select(event_refusals)
            .where(event_refusals.c.tenant == self._tenant, event_refusals.c.event_id == event_id)
            .order_by(event_refusals.c.target)
        )
        return [read(Refusal, row) for row in rows.mappings()]
