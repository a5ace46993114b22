"""The locks that events and the waits for them take before they look for each other.

Nobody accepts an event while a wait for its name and key opens, nor the other way round: both take
the same advisory locks, in a statement of their own, in a READ COMMITTED transaction. So each sees
what the other has committed, and an event meets a wait either when it is accepted or when the wait
looks back. Under REPEATABLE READ, or with the lock in the statement that looks, both miss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

_SEED = 7
# In the order of the hashes: who takes several waits for nobody who waits for one of them.
_LOCK = """
    SELECT {function}(hash) FROM (
        SELECT DISTINCT hashtextextended(name, :seed) AS hash
        FROM unnest(CAST(:names AS text[])) name ORDER BY 1) ordered
"""
_SHARED = text(_LOCK.format(function="pg_advisory_xact_lock_shared"))
_ALONE = text(_LOCK.format(function="pg_advisory_xact_lock"))


@dataclass(frozen=True, slots=True)
class NameAndKey:
    """What events are found by. `key` None: any, and events without one."""

    name: str
    key: str | None = None


async def lock_shared(
    connection: AsyncConnection, tenant: str, found_by: Iterable[NameAndKey]
) -> None:
    """Keep waits from opening that look for any of these, until the transaction ends."""
    await _lock(connection, _SHARED, {_lock_name(tenant, each.name, each.key) for each in found_by})


async def lock_alone(
    connection: AsyncConnection, tenant: str, looked_for: Iterable[NameAndKey], run_id: str
) -> None:
    """Keep events from being accepted that these look for, and other waits of the run from opening,
    until the transaction ends."""
    names = {_lock_name(tenant, each.name, each.key) for each in looked_for}
    await _lock(connection, _ALONE, names | {_lock_name(tenant, "", run_id)})


async def _lock(connection: AsyncConnection, lock: TextClause, names: Iterable[str]) -> None:
    await connection.execute(lock, {"names": list(names), "seed": _SEED})


def _lock_name(tenant: str, name: str, key: str | None) -> str:
    # A unit separator is in none of them, so that no two names run together. (Two that share a hash
    # wait for each other, no more.)
    return "\x1f".join((tenant, name) if key is None else (tenant, name, key))
