"""Work across tenants: functions of the database that answer ids, leases and roles only.

They run as the role `alga_workflows_scan`, which sees only what its policies name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from alga_workflows_core.infra.auth import KeyHolder
from alga_workflows_core.infra.database import strict_json
from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.storage.events import stage_in
from alga_workflows_core.storage.transactions import Transactions
from alga_workflows_core.types.json import JsonObject

_ADVERTISE = text("""
    SELECT alga_advertise_action(
        :owner, CAST(:contract AS json), :hash, CAST(:former AS text), :identity, :build, :lease)
""")
_FIND_WEBHOOK = text("SELECT alga_find_webhook(:id)")
_NO_TENANT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAdvertisement:
    """A contract to be written. `former`: the hash of the row as it was read, None without one.

    `tenant` is `ALL_TENANTS` where it is for all. `contract` is an `ActionSpec` as JSON.
    """

    tenant: str
    contract: JsonObject
    contract_hash: str
    former: str | None
    served_by: str
    build_id: str
    lease: timedelta


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run of any tenant."""

    tenant: str
    run_id: UUID
    is_open: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """A turn to sweep, by the database's clock. `swept_until` None: nobody has swept before."""

    began_at: datetime
    swept_until: datetime | None


class AcrossTenants:
    """What loops and authentication ask of all tenants; `Storage.across`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def claim_run_starts(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take runs that are due to be started, as (tenant, run id), and set them to STARTING.

        The longest due come first. A claim that is not followed up within `lease` (database clock)
        is due again.
        """
        statement = text("SELECT tenant, run_id FROM alga_claim_run_starts(:at_most, :lease)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.run_id) for row in rows]

    async def claim_events(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take STAGED events that are due, as (tenant, row id), in the order of their receipt. The
        lease grows with each time that one is taken; see `claim_run_starts`."""
        statement = text("SELECT tenant, event_id FROM alga_claim_events(:at_most, :lease)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.event_id) for row in rows]

    async def claim_deliveries(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take deliveries that are due, as (tenant, delivery id); see `claim_run_starts`."""
        statement = text("SELECT tenant, delivery_id FROM alga_claim_deliveries(:at_most, :lease)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.delivery_id) for row in rows]

    async def claim_tasks(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take tasks that there is something to tell of, as (tenant, task id); see
        `claim_run_starts`."""
        statement = text("SELECT tenant, task_id FROM alga_claim_tasks(:at_most, :lease)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.task_id) for row in rows]

    async def claim_schedules(self, at_most: int, lease: timedelta) -> list[tuple[str, str]]:
        """Take schedules whose turn it is to be kept, as (tenant, id); see `claim_run_starts`."""
        statement = text("SELECT tenant, schedule_id FROM alga_claim_schedules(:at_most, :lease)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.schedule_id) for row in rows]

    async def authenticate(self, key_hash: str) -> KeyHolder | None:
        """The holder of the key with this hash, unless it was revoked."""
        statement = text("SELECT tenant, key_id, role FROM alga_authenticate(:key_hash)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            row = (await connection.execute(statement, {"key_hash": key_hash})).one_or_none()
            return None if row is None else KeyHolder(row.tenant, row.key_id, row.role)

    async def stage_events(self, events: Sequence[tuple[str, NewEvent]]) -> list[bool]:
        """Stage events of several tenants in one transaction; of each whether it is a new one."""
        async with self._transactions.transaction(_NO_TENANT) as connection:
            return [await stage_in(connection, tenant, new) for tenant, new in events]

    async def tenants_with_events(self, behind: str, at_most: int) -> list[str]:
        """Tenants that have events, in order, beginning behind one."""
        statement = text("SELECT tenant FROM alga_tenants_with_events(:behind, :at_most)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"behind": behind, "at_most": at_most})
            return [row.tenant for row in rows]

    async def find_webhook(self, webhook_id: UUID) -> str | None:
        """Whose webhook has this address."""
        async with self._transactions.transaction(_NO_TENANT) as connection:
            found: str | None = await connection.scalar(_FIND_WEBHOOK, {"id": webhook_id})
            return found

    async def advertise(self, new: NewAdvertisement) -> bool:
        """Write a contract into the catalogue; False if the row is not as `new.former` says.

        The same contract again moves only who serves it and until when.
        """
        async with self._transactions.transaction(_NO_TENANT) as connection:
            written = await connection.scalar(
                _ADVERTISE,
                {
                    "owner": new.tenant,
                    "contract": strict_json(new.contract),
                    "hash": new.contract_hash,
                    "former": new.former,
                    "identity": new.served_by,
                    "build": new.build_id,
                    "lease": new.lease,
                },
            )
            return bool(written)

    async def claim_reconciling(
        self, at_most: int, *, namespace: str, unchanged: timedelta, longest: timedelta
    ) -> list[tuple[str, UUID, bool]]:
        """Open runs whose turn it is to be looked at, as (tenant, run id, whether to look).

        Not to be looked at is what changed within `unchanged`. A run's next turn comes after
        `unchanged`, then after twice that and so on, `longest` at most, until it changes.
        """
        statement = text(
            "SELECT tenant, run_id, look"
            " FROM alga_claim_reconciling(:at_most, :namespace, :unchanged, :longest)"
        )
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(
                statement,
                {
                    "at_most": at_most,
                    "namespace": namespace,
                    "unchanged": unchanged,
                    "longest": longest,
                },
            )
            return [(row.tenant, row.run_id, row.look) for row in rows]

    async def find_runs(self, run_ids: Collection[UUID]) -> list[FoundRun]:
        """Which of these runs have a row, in whatever tenant."""
        statement = text("SELECT tenant, run_id, is_open FROM alga_find_runs(:ids)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"ids": list(run_ids)})
            return [FoundRun(row.tenant, row.run_id, row.is_open) for row in rows]

    async def forgotten_slots(self, at_most: int) -> list[tuple[str, UUID]]:
        """Slots that no open run has, and the first in queues for which there is room, as (tenant,
        run id)."""
        statement = text("SELECT tenant, run_id FROM alga_forgotten_slots(:at_most)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most})
            return [(row.tenant, row.run_id) for row in rows]

    async def claim_sweep(self, namespace: str, every: timedelta) -> Sweep | None:
        """The turn to sweep this namespace, unless somebody had it within `every`."""
        statement = text("SELECT began_at, swept_until FROM alga_claim_sweep(:namespace, :every)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            row = (
                await connection.execute(statement, {"namespace": namespace, "every": every})
            ).one_or_none()
            return None if row is None else Sweep(row.began_at, row.swept_until)

    async def end_sweep(self, namespace: str, sweep: Sweep) -> None:
        """Everything that ended before `sweep` began has its row."""
        statement = text("SELECT alga_end_sweep(:namespace, :began_at)")
        async with self._transactions.transaction(_NO_TENANT) as connection:
            await connection.execute(
                statement, {"namespace": namespace, "began_at": sweep.began_at}
            )
