"""Rows of CloudEvents that go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read
from alga_workflows_core.types.json import JsonObject

_ADD = text("""
    INSERT INTO outgoing_events (tenant, id, stream, type, event)
    VALUES (:tenant, :id, :stream, :type, :event) ON CONFLICT (id) DO NOTHING
""").bindparams(bindparam("event", type_=JSON))
_COLUMNS = """seq, id, stream, type, event, state, attempts, failures, due_at, reason,
    created_at, ended_at"""
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM outgoing_events
    WHERE tenant = :tenant AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:before AS bigint) IS NULL OR seq < :before)
    ORDER BY seq DESC LIMIT :at_most
""")  # noqa: S608 (the columns above)
_AGAIN = text("""
    UPDATE outgoing_events SET state = 'pending', due_at = clock_timestamp(), token = NULL,
        attempts = 0, failures = 0, ended_at = NULL
    WHERE tenant = :tenant AND (CAST(:id AS uuid) IS NULL OR id = :id)
      AND (state = 'dead' OR (state = 'delivered' AND CAST(:id AS uuid) IS NOT NULL))
    RETURNING id
""")
_THERE = text("SELECT state FROM outgoing_events WHERE tenant = :tenant AND id = :id")
_CLAIM = text("SELECT * FROM claim_outgoing_events(:token, :lease, :at_most)")
_END = text("""
    UPDATE outgoing_events SET state = :state, reason = :reason, token = NULL,
        attempts = :attempts, ended_at = clock_timestamp()
    WHERE tenant = :tenant AND seq = :seq AND token = :token AND state = 'pending'
    RETURNING seq
""")
_LATER = text("""
    UPDATE outgoing_events SET due_at = clock_timestamp() + :delay, reason = :reason,
        token = NULL, attempts = :attempts, failures = failures + 1
    WHERE tenant = :tenant AND seq = :seq AND token = :token AND state = 'pending'
    RETURNING seq
""")
_BACKLOG = text("""
    SELECT pending, dead,
        coalesce(extract(epoch FROM clock_timestamp() - oldest), 0)::float8 AS lag_seconds
    FROM outgoing_backlog()
""")
_FORGET = text("SELECT forget_outgoing_events(:kept, :at_most)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutgoing:
    """A CloudEvent in its JSON form. Events of a `stream` are delivered in their order."""

    id: UUID
    stream: str
    type: str
    event: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRow:
    """An event that goes out. `attempts`: answers that refused it; `failures`: all deliveries that
    came to nothing; `reason`: of the last one."""

    seq: int
    id: UUID
    stream: str
    type: str
    event: JsonObject
    state: str
    attempts: int
    failures: int
    due_at: datetime
    reason: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRow:
    """An event that this process delivers."""

    seq: int
    tenant: str
    id: UUID
    stream: str
    type: str
    event: JsonObject
    attempts: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogRow:
    """How much waits, how much was given up, and for how long the oldest has waited."""

    pending: int
    dead: int
    lag_seconds: float


class Outgoing:
    """The events of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, events: Sequence[NewOutgoing]) -> None:
        """Have events delivered; one whose id is there is there already."""
        if events:
            values = [
                {
                    "tenant": self._tenant,
                    "id": each.id,
                    "stream": each.stream,
                    "type": each.type,
                    "event": each.event,
                }
                for each in events
            ]
            await self._connection.execute(_ADD, values)

    async def page(self, state: str | None, before: int | None, at_most: int) -> list[OutgoingRow]:
        """The newest first; of one state or of all."""
        values = {"tenant": self._tenant, "state": state, "before": before, "at_most": at_most}
        rows = await self._connection.execute(_PAGE, values)
        return [read(OutgoingRow, row) for row in rows]

    async def again(self, event_id: UUID | None) -> int:
        """Have an event delivered again, or all that were given up; how many these are."""
        values = {"tenant": self._tenant, "id": event_id}
        return len((await self._connection.execute(_AGAIN, values)).all())

    async def state(self, event_id: UUID) -> str | None:
        """The state of an event; None if there is none."""
        values = {"tenant": self._tenant, "id": event_id}
        return (await self._connection.execute(_THERE, values)).scalar_one_or_none()

    async def end(self, row: ClaimedRow, token: UUID, *, state: str, reason: str | None) -> bool:
        """Have a claimed event be delivered or dead; whether it was still ours."""
        values = self._of(row, token, state=state, reason=reason)
        return (await self._connection.execute(_END, values)).one_or_none() is not None

    async def later(self, row: ClaimedRow, token: UUID, *, delay: timedelta, reason: str) -> bool:
        """Have a claimed event tried again; whether it was still ours."""
        values = self._of(row, token, delay=delay, reason=reason)
        return (await self._connection.execute(_LATER, values)).one_or_none() is not None

    def _of(self, row: ClaimedRow, token: UUID, **more: object) -> dict[str, object]:
        values = {"tenant": self._tenant, "seq": row.seq, "token": token}
        return {**values, "attempts": row.attempts, **more}


class OutgoingQueue:
    """The events of all tenants, for whoever delivers them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, token: UUID, *, lease: timedelta, at_most: int) -> list[ClaimedRow]:
        """Of each stream the oldest, if it is due; nobody else gets them for as long as `lease`."""
        values = {"token": token, "lease": lease, "at_most": at_most}
        rows = await self._connection.execute(_CLAIM, values)
        return sorted((read(ClaimedRow, row) for row in rows), key=lambda row: row.seq)

    async def backlog(self) -> BacklogRow:
        """How much there is to do."""
        return read(BacklogRow, (await self._connection.execute(_BACKLOG)).one())

    async def forget(self, kept: timedelta, at_most: int) -> int:
        """Delete what was delivered longer ago; how many these were."""
        values = {"kept": kept, "at_most": at_most}
        return int((await self._connection.execute(_FORGET, values)).scalar_one())
