"""Transactions of a supervisor, which change nothing once it has lost what it acts for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.instances import Instances
from alga_temporal_domain.storage.slots import SlotKey
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import Versions
from alga_workflows_core.errors import ConflictError

# A supervisor that is paused in the middle of a transaction would keep its locks, and nobody could
# take its slots over: the server ends such a transaction.
_LIMITS = text("""
    SELECT set_config('idle_in_transaction_session_timeout', :patience, true),
           set_config('lock_timeout', :patience, true),
           set_config('statement_timeout', :patience, true)
""")
# Locked, so that nobody takes the slot over before what follows is committed.
_HELD = text("""
    SELECT tenant FROM worker_slots
    WHERE project_id = :project_id AND hash = :hash AND number = :number
      AND epoch = :epoch AND holder = :holder AND expires_at > clock_timestamp()
    FOR SHARE
""")


class LeaseLostError(ConflictError):
    """Somebody else holds the slot, or may hold it soon."""

    code = "LEASE_LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSlot:
    """What the holder of a slot may change, in one transaction."""

    instances: Instances
    versions: Versions


@asynccontextmanager
async def bounded(
    storage: DomainStorage, patience: timedelta, tenant: str = ""
) -> AsyncGenerator[AsyncConnection]:
    """A transaction that the server ends when it waits or is left alone for `patience`."""
    async with storage.transaction(tenant) as connection:
        milliseconds = str(max(1, round(patience.total_seconds() * 1000)))
        await connection.execute(_LIMITS, {"patience": milliseconds})
        yield connection


@asynccontextmanager
async def fenced(
    storage: DomainStorage,
    key: SlotKey,
    *,
    tenant: str,
    holder: str,
    epoch: int,
    patience: timedelta,
) -> AsyncGenerator[HeldSlot]:
    """A transaction of the slot's holder; LeaseLostError, and nothing changed, if it is not."""
    async with bounded(storage, patience, tenant) as connection:
        values = {**key._asdict(), "holder": holder, "epoch": epoch}
        if (await connection.execute(_HELD, values)).one_or_none() is None:
            raise LeaseLostError(
                f"Slot {key.number} of project {key.project_id} is no longer held by {holder} in "
                f"epoch {epoch}."
            )
        yield HeldSlot(
            instances=Instances(connection, tenant, key, epoch=epoch, holder=holder),
            versions=Versions(connection, tenant),
        )
