"""The ledger of actions: who performs a call, and what came of it.

A call is claimed before its handler runs and completed after it. Each claim raises the row's
`fence`; only the newest claim may complete it. An authored key makes calls of several runs one and
the same: it is leased to one of them at a time, and what came of it is kept for thirty days. Leases
and expiry are by the database's clock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.database import first_line
from alga_workflows_core.storage.tables import action_ledger as ledger
from alga_workflows_core.storage.transactions import Transactions
from alga_workflows_core.types.json import Json, JsonObject

LEASE = timedelta(seconds=30)
"""How long others wait for whoever claimed an authored key and was not heard of since."""

KEY_LIFETIME = timedelta(days=30)
"""How long an authored key stands for its success."""

# The root of the ids of authored keys: uuid5(NAMESPACE_DNS, "alga-action-ledger").
_KEYS = UUID("8104d378-8b55-5794-a796-131fdecc5e4a")

LedgerConnection: TypeAlias = AsyncConnection
"""What a transactional action writes with."""


class LedgerState(StrEnum):
    """UNKNOWN: it may have taken effect or not, and nobody can tell."""

    CLAIMED = "CLAIMED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Which call this is. `invocation` is one run's; `input_hash` names the input."""

    tenant: str
    invocation: UUID
    run_id: UUID
    step: str
    series: int
    action_id: str
    version: int
    input_hash: str
    authored_key: str | None = None

    @property
    def id(self) -> UUID:
        """The invocation, or what all calls of this tenant and action with this key share."""
        if self.authored_key is None:
            return self.invocation
        return uuid5(
            _KEYS, json.dumps([self.tenant, self.action_id, self.version, self.authored_key])
        )


@dataclass(frozen=True, slots=True)
class Claimed:
    """The call is this attempt's to make; `fence` is needed to say what came of it."""

    fence: int


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It was made, and answered this."""

    output: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """It was made, and failed with this error."""

    error: JsonObject


class Standing(StrEnum):
    """Why a call is neither made nor answered.

    UNKNOWN: it may have been made. BUSY: somebody else is at it. REUSED: the key stands for a call
    with another input.
    """

    UNKNOWN = "UNKNOWN"
    BUSY = "BUSY"
    REUSED = "REUSED"


Verdict: TypeAlias = Claimed | Succeeded | Failed | Standing


class Ledger:
    """The ledger of one database. UnavailableError when that cannot be reached."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    async def claim(self, entry: Entry, *, repeatable: bool) -> Verdict:
        """Take the call, or learn what is known of it; committed when this returns.

        `repeatable`: making it twice does no harm. Otherwise one that was claimed and never
        completed is unknown from now on; it is made again only for a later series, which somebody
        asked for.
        """
        async with self._database.transaction(entry.tenant) as connection:
            return await _claim(connection, entry, repeatable=repeatable)

    async def extend(self, entry: Entry, fence: int) -> bool:
        """Keep the lease of an authored key; false if the claim is not the newest."""
        async with self._database.transaction(entry.tenant) as connection:
            extended = await connection.execute(
                update(ledger)
                .where(_is(entry), *_held(fence))
                .values(lease_until=func.clock_timestamp() + LEASE)
            )
            return extended.rowcount == 1

    async def complete(
        self,
        entry: Entry,
        fence: int,
        *,
        state: LedgerState,
        output: Json = None,
        error: JsonObject | None = None,
    ) -> Verdict:
        """Say what came of a claim; what the ledger says then.

        An attempt that was overtaken changes nothing and gets the other's answer.
        """
        async with self._database.transaction(entry.tenant) as connection:
            return await _complete(connection, entry, fence, state, output, error)

    async def transactional(
        self,
        entry: Entry,
        make: Callable[[AsyncConnection], Awaitable[Json]],
        *,
        patience: float,
    ) -> Verdict:
        """Make the call in one transaction with its entry, unless it was made.

        While another attempt makes it, this one waits for up to `patience` seconds, then it is
        BUSY. What `make` raises undoes everything and passes. ConflictError
        `ACTION_TRANSACTION_FAILED` if the database refuses to commit.
        """
        try:
            async with self._database.transaction(entry.tenant) as connection:
                verdict = await _claim_within(connection, entry, patience)
                if not isinstance(verdict, Claimed):
                    return verdict
                output = await make(connection)
                return await _complete(
                    connection, entry, verdict.fence, LedgerState.SUCCEEDED, output, None
                )
        except _BlockedError:
            return Standing.BUSY
        except SQLAlchemyError as error:
            raise ConflictError(
                f"The transaction of {entry.action_id} was not committed: {first_line(error)}.",
                code="ACTION_TRANSACTION_FAILED",
            ) from error


class _BlockedError(Exception):
    """Another transaction holds the entry; the connection is of no use any more."""


async def _claim_within(connection: AsyncConnection, entry: Entry, patience: float) -> Verdict:
    try:
        async with asyncio.timeout(patience):
            return await _claim(connection, entry, repeatable=True)
    except TimeoutError as error:
        raise _BlockedError from error


async def _claim(connection: AsyncConnection, entry: Entry, *, repeatable: bool) -> Verdict:
    claim = _claim_values(entry)
    # Another transaction that is making the same call holds this one up here until it ends.
    inserted = await connection.execute(
        insert(ledger)
        .values(tenant=entry.tenant, id=entry.id, fence=1, **_described(entry), **claim)
        .on_conflict_do_nothing()
        .returning(ledger.c.fence)
    )
    if inserted.first() is not None:
        return Claimed(1)
    found = await _look(connection, entry, lock=True)
    verdict = _known(found, entry, repeatable=repeatable)
    if verdict is None:
        return await _take(connection, entry, found["fence"] + 1, claim)
    if verdict is Standing.UNKNOWN and found["state"] == LedgerState.CLAIMED:
        lost = {"state": LedgerState.UNKNOWN, "lease_until": None}
        await _take(connection, entry, found["fence"] + 1, lost, described=False)
    return verdict


def _known(found: RowMapping, entry: Entry, *, repeatable: bool) -> Verdict | None:
    """What is known of a call; None if it may be made."""
    state, own = found["state"], found["claimed_by"] == entry.invocation
    if state == LedgerState.SUCCEEDED and not found["expired"]:
        same = entry.authored_key is None or found["input_hash"] == entry.input_hash
        return Succeeded(found["output"]) if same else Standing.REUSED
    if state == LedgerState.CLAIMED and not own and found["leased"]:
        return Standing.BUSY
    if state in (LedgerState.CLAIMED, LedgerState.UNKNOWN) and not repeatable:
        asked_for = not own and entry.series > 1
        return None if asked_for else Standing.UNKNOWN
    return None


async def _take(
    connection: AsyncConnection,
    entry: Entry,
    fence: int,
    values: dict[str, Any],
    *,
    described: bool = True,
) -> Claimed:
    about = _described(entry) if described else {}
    await connection.execute(
        update(ledger)
        .where(_is(entry))
        .values(
            fence=fence,
            output=None,
            error=None,
            expires_at=None,
            updated_at=func.clock_timestamp(),
            **about,
            **values,
        )
    )
    return Claimed(fence)


async def _complete(
    connection: AsyncConnection,
    entry: Entry,
    fence: int,
    state: LedgerState,
    output: Json,
    error: JsonObject | None,
) -> Verdict:
    expires = entry.authored_key is not None and state is LedgerState.SUCCEEDED
    completed = await connection.execute(
        update(ledger)
        .where(_is(entry), *_held(fence))
        .values(
            state=state,
            output=output,
            error=error,
            lease_until=None,
            expires_at=func.clock_timestamp() + KEY_LIFETIME if expires else None,
            updated_at=func.clock_timestamp(),
        )
    )
    if completed.rowcount == 1 and state is LedgerState.SUCCEEDED:
        return Succeeded(output)
    found = await _look(connection, entry)
    match found["state"]:
        case LedgerState.SUCCEEDED:
            return Succeeded(found["output"])
        case LedgerState.FAILED:
            return Failed(found["error"])
        case LedgerState.UNKNOWN:
            return Standing.UNKNOWN
        case _:
            return Standing.BUSY


async def _look(connection: AsyncConnection, entry: Entry, *, lock: bool = False) -> RowMapping:
    query = select(
        ledger,
        (ledger.c.lease_until > func.clock_timestamp()).label("leased"),
        func.coalesce(ledger.c.expires_at <= func.clock_timestamp(), False).label("expired"),
    ).where(_is(entry))
    found = await connection.execute(query.with_for_update() if lock else query)
    return found.mappings().one()


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "run_id": entry.run_id,
        "step": entry.step,
        "series": entry.series,
        "action_id": entry.action_id,
        "version": entry.version,
        "authored_key": entry.authored_key,
        "input_hash": entry.input_hash,
    }


def _claim_values(entry: Entry) -> dict[str, Any]:
    leased = entry.authored_key is not None
    return {
        "state": LedgerState.CLAIMED,
        "claimed_by": entry.invocation,
        "lease_until": func.clock_timestamp() + LEASE if leased else None,
    }


def _is(entry: Entry) -> ColumnElement[bool]:
    return (ledger.c.tenant == entry.tenant) & (ledger.c.id == entry.id)


def _held(fence: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ledger.c.fence == fence, ledger.c.state == LedgerState.CLAIMED
