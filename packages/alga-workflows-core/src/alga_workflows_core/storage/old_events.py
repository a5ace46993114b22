"""Events that are old enough to be removed, and who may still need them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

_PAGE = text("""
    SELECT e.received_at, e.id FROM workflow_events e
    WHERE e.tenant = :tenant AND e.received_at < statement_timestamp() - :keep
      AND (e.received_at, e.id) > (:received_at, :id)
    ORDER BY e.received_at, e.id
    LIMIT :limit
""")
_FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))

# Who may look back: open runs; runs that an event is going to start, which begin with that event;
# and runs that may begin now. Where an expression decides how far, it is as far as events are kept.
# A look-back of months may be a day longer than its version says.
_NEEDED = text("""
    WITH looking AS (
        SELECT r.definition_id, r.version, least(r.created_at, (
            SELECT s.received_at FROM workflow_events s
            WHERE s.tenant = r.tenant
              AND s.id = CASE WHEN r.trigger_type = 'event' THEN CAST(r.execution_key AS uuid) END
        )) AS began
        FROM workflow_runs r
        WHERE r.tenant = :tenant
          AND r.status IN ('QUEUED', 'STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED')
        UNION ALL
        SELECT f.id, f.active_version, e.received_at
        FROM workflow_event_deliveries d
        JOIN workflow_definitions f ON f.tenant = d.tenant AND f.id = d.definition_id
        JOIN workflow_events e ON e.tenant = d.tenant AND e.id = d.event_id
        WHERE d.tenant = :tenant AND d.kind = 'trigger'
          AND (d.state = 'HELD' OR d.state = 'PENDING')
        UNION ALL
        SELECT f.id, f.active_version, statement_timestamp()
        FROM workflow_definitions f
        WHERE f.tenant = :tenant AND f.state IN ('ACTIVE', 'PAUSED')
    )
    SELECT u.event_name, min(l.began - CASE
        WHEN u.detail ->> 'lookback' IS NULL THEN :keep
        ELSE make_interval(secs => least(CAST(u.detail ->> 'lookback' AS float8), 6e9))
    END) - interval '1 day' AS since
    FROM looking l
    JOIN alga_version_events u
      ON u.tenant = :tenant AND u.definition_id = l.definition_id AND u.version = l.version
    WHERE u.use = 'wait'
    GROUP BY u.event_name
""")

# What somebody else is busy with is left for another time.
_LOCK_EVENTS = text("""
    SELECT e.id FROM workflow_events e
    WHERE e.tenant = :tenant AND e.id = ANY (CAST(:ids AS uuid[])) AND e.state <> 'STAGED'
    ORDER BY e.id
    FOR UPDATE SKIP LOCKED
""")
_LOCK_DELIVERIES = text("""
    SELECT d.id FROM workflow_event_deliveries d
    WHERE d.tenant = :tenant AND d.event_id = ANY (CAST(:ids AS uuid[]))
    ORDER BY d.id
    FOR UPDATE SKIP LOCKED
""")
_REMOVABLE = text("""
    SELECT e.id FROM workflow_events e
    LEFT JOIN unnest(CAST(:names AS text[]), CAST(:since AS timestamptz[])) AS needed (name, since)
      ON needed.name = e.type
    WHERE e.tenant = :tenant AND e.id = ANY (CAST(:ids AS uuid[]))
      AND CASE e.state
            WHEN 'ACCEPTED' THEN e.accepted_at < statement_timestamp() - :keep
                AND (needed.since IS NULL OR e.accepted_at < needed.since)
            WHEN 'REFUSED' THEN e.received_at < statement_timestamp() - :keep_failed
            ELSE false END
      AND NOT EXISTS (
        SELECT FROM workflow_event_deliveries d
        LEFT JOIN workflow_runs r
          ON r.tenant = d.tenant AND r.id = d.run_id
         AND r.status IN ('QUEUED', 'STARTING', 'RUNNING', 'WAITING', 'PAUSED', 'PARKED')
        WHERE d.tenant = e.tenant AND d.event_id = e.id
          AND (d.id <> ALL (CAST(:locked AS uuid[]))
               OR d.state IN ('PENDING', 'HELD')
               -- The run began with it, or was not told that its wait has ended.
               OR (r.id IS NOT NULL AND (d.kind = 'trigger' OR d.state = 'DEAD'))
               OR (d.state IN ('DEAD', 'REJECTED')
                   AND coalesce(d.closed_at, d.created_at)
                       >= statement_timestamp() - :keep_failed)))
""")
_OF_EVENT = ("workflow_event_deliveries", "alga_event_keys", "alga_event_refusals")
_REMOVE = [
    *(
        text(f"""
            DELETE FROM {table} t
            WHERE t.tenant = :tenant AND t.event_id = ANY (CAST(:ids AS uuid[]))
        """)  # noqa: S608 - our own names
        for table in _OF_EVENT
    ),
    text("""
        DELETE FROM workflow_events t
        WHERE t.tenant = :tenant AND t.id = ANY (CAST(:ids AS uuid[]))
    """),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAges:
    """For how long events are kept. `failed`: those that were refused, or whose deliveries were
    given up."""

    settled: timedelta
    failed: timedelta


class OldEvents:
    """The old events of one tenant, in one transaction."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def page(
        self, keep: timedelta, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[tuple[datetime, UUID]]:
        """Time of receipt and row id of events that are older than `keep`, the oldest first,
        beginning behind `after`; also of those that are not to be removed."""
        received_at, row_id = after or _FIRST
        rows = await self._connection.execute(
            _PAGE,
            {
                "tenant": self._tenant,
                "keep": keep,
                "received_at": received_at,
                "id": row_id,
                "limit": limit,
            },
        )
        return [(row.received_at, row.id) for row in rows]

    async def needed_since(self, keep: timedelta) -> dict[str, datetime]:
        """Since when runs may look back, by the names of events; `keep` before a run began where
        nobody knows how far."""
        rows = await self._connection.execute(_NEEDED, {"tenant": self._tenant, "keep": keep})
        return {row.event_name: row.since for row in rows}

    async def remove(
        self, row_ids: Collection[UUID], ages: EventAges, needed: Mapping[str, datetime]
    ) -> int:
        """Remove those of the events that nobody needs, with all that is about them; how many.

        Spared is what is staged, what is yet to be delivered, what began an open run, what a
        look-back may reach by `needed`, and what was refused or given up not so long ago.
        """
        events = await self._ids(_LOCK_EVENTS, ids=list(row_ids))
        deliveries = await self._ids(_LOCK_DELIVERIES, ids=events)
        # A statement of its own, which sees what those have committed who held the locks before.
        removable = await self._ids(
            _REMOVABLE,
            ids=events,
            locked=deliveries,
            names=list(needed),
            since=list(needed.values()),
            keep=ages.settled,
            keep_failed=ages.failed,
        )
        if removable:
            for statement in _REMOVE:
                await self._connection.execute(
                    statement, {"tenant": self._tenant, "ids": removable}
                )
        return len(removable)

    async def _ids(self, statement: TextClause, **parameters: object) -> list[UUID]:
        rows = await self._connection.execute(statement, {"tenant": self._tenant, **parameters})
        return [row.id for row in rows]
