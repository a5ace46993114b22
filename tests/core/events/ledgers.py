"""The rows of one tenant's inbox as they are, and what they mean: for the judge, who knows nothing
of how they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Row = Mapping[str, Any]
Json = dict[str, Any]


@dataclass(slots=True)
class Ledger:
    """All rows of one tenant, and what its runs were told (by wait id as text)."""

    tenant: str
    runs: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    events: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    waits: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    deliveries: list[Row] = field(default_factory=list[Row])
    refusals: set[tuple[UUID, UUID, int, int]] = field(
        default_factory=set[tuple[UUID, UUID, int, int]]
    )
    matches: Counter[UUID] = field(default_factory=Counter[UUID])
    notes: list[Json] = field(default_factory=list[Json])
    opened: dict[str, Json | None] = field(default_factory=dict[str, "Json | None"])
    closed: dict[str, Json | None] = field(default_factory=dict[str, "Json | None"])


def keys_of(event: Row) -> set[str]:
    """What an event is found by."""
    own = set[str]() if event["correlation_key"] is None else {event["correlation_key"]}
    return own if event["for_run"] is not None else own | set(event["data"]["more"])


def is_refused(event: Row) -> bool:
    """Whether its type refuses it. What is for one run alone is not judged."""
    return event["data"]["bad"] and event["for_run"] is None


def began(ledger: Ledger, run: Row) -> datetime:
    """When a run, or the event that started it, came."""
    starter = starter_of(run)
    if starter is None or starter not in ledger.events:
        return run["created_at"]
    return min(run["created_at"], ledger.events[starter]["received_at"])


def starter_of(run: Row) -> UUID | None:
    """The event that started a run."""
    return UUID(run["execution_key"]) if run["trigger_type"] == "event" else None


def reaches(ledger: Ledger, run: Row, match: Json, event: Row) -> bool:
    """Whether the match looks back to the event."""
    earliest = began(ledger, run) - timedelta(seconds=match["lookback"])
    return event["accepted_at"] >= earliest


def looks_for(match: Json, event: Row) -> bool:
    """Whether the match is about events of this name and key."""
    key = match["correlationKey"]
    return match["eventName"] == event["type"] and (key is None or key in keys_of(event))


def first_unmet(match: Json, event: Row) -> int | None:
    """The index of the filter that refuses the event. Filters compare `payload.n`."""
    for index, each in enumerate(match["filters"]):
        n = event["data"]["n"]
        if not (n == each["value"] if each["op"] == "=" else n >= each["value"]):
            return index
    return None


async def read_ledgers(url: str) -> list[Ledger]:
    """Of all tenants of a database. `xid` of a row is the transaction that wrote it last."""
    ledgers: dict[str, Ledger] = {}

    def of(row: Row) -> Ledger:
        return ledgers.setdefault(row["tenant"], Ledger(row["tenant"]))

    for row in await _rows(url, "workflow_runs"):
        of(row).runs[row["id"]] = row
    for row in await _rows(url, "workflow_events"):
        of(row).events[row["id"]] = row
    for row in await _rows(url, "workflow_run_waits"):
        of(row).waits[row["id"]] = row
    for row in await _rows(url, "workflow_event_deliveries"):
        of(row).deliveries.append(row)
    for row in await _rows(url, "alga_event_refusals"):
        where = (row["event_id"], row["wait_id"], row["match"], row["filter"])
        of(row).refusals.add(where)
    for row in await _rows(url, "alga_wait_matches"):
        of(row).matches[row["wait_id"]] += 1
    for row in await _rows(url, "test_notes", "seq"):
        of(row).notes.append(row["note"] | {"xid": row["xid"]})
    return list(ledgers.values())


async def _rows(url: str, table: str, order: str = "tenant") -> list[Row]:
    query = sql.SQL("SELECT *, xmin::text AS xid FROM {} ORDER BY {}")
    async with (
        await psycopg.AsyncConnection.connect(url) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        await cursor.execute(query.format(sql.Identifier(table), sql.Identifier(order)))
        return [*await cursor.fetchall()]
