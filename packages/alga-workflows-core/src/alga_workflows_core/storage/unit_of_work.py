"""One transaction of one tenant.

Inside, the connection acts as the role `alga_workflows`, which no row of another tenant is visible
to, whoever the login is. What has to look or write across tenants (`Storage.claim_run_starts`,
`Storage.authenticate`, `Storage.advertise`) calls functions of the database that answer ids,
leases and roles only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.database import Database, first_line, sqlstate, strict_json
from alga_workflows_core.storage.advertised_actions import AdvertisedActions
from alga_workflows_core.storage.api_keys import ApiKeys
from alga_workflows_core.storage.data import Data
from alga_workflows_core.storage.definitions import Definitions
from alga_workflows_core.storage.events import Events
from alga_workflows_core.storage.open_runs import OpenRuns
from alga_workflows_core.storage.runs import Runs
from alga_workflows_core.storage.steps import Steps
from alga_workflows_core.storage.waits import Waits
from alga_workflows_core.types.json import JsonObject

# All three end with the transaction. The search path is written out before the role changes, since
# "$user" in it means the role.
_ENTER = text("""
    SELECT set_config('search_path', array_to_string(ARRAY(
               SELECT quote_ident(s) FROM unnest(current_schemas(false)) s), ', '), true),
           set_config('role', 'alga_workflows', true),
           set_config('alga.tenant', :tenant, true)
""")
_ADVERTISE = text("""
    SELECT alga_advertise_action(
        :owner, CAST(:contract AS json), :hash, CAST(:former AS text), :identity, :build, :lease)
""")
_NO_TENANT = ""
_ILLEGAL_TRANSITION = "AW001"
_IMMUTABLE = "AW002"


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """The repositories of one tenant in one transaction, which commits when the block ends well."""

    tenant: str
    definitions: Definitions
    runs: Runs
    open_runs: OpenRuns
    steps: Steps
    api_keys: ApiKeys
    advertised: AdvertisedActions
    waits: Waits
    data: Data
    events: Events

    @classmethod
    def of(cls, connection: AsyncConnection, tenant: str) -> UnitOfWork:
        """Over a connection whose transaction belongs to `tenant`."""
        return cls(
            tenant=tenant,
            definitions=Definitions(connection, tenant),
            runs=Runs(connection, tenant),
            open_runs=OpenRuns(connection, tenant),
            steps=Steps(connection, tenant),
            api_keys=ApiKeys(connection, tenant),
            waits=Waits(connection, tenant),
            data=Data(connection, tenant),
            advertised=AdvertisedActions(connection, tenant),
            events=Events(connection, tenant),
        )


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whom an API key belongs to."""

    tenant: str
    key_id: UUID
    role: str


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


class Storage:
    """The way to rows. UnavailableError when PostgreSQL cannot be reached."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def unit_of_work(self, tenant: str) -> AsyncGenerator[UnitOfWork]:
        """A READ COMMITTED transaction; ConflictError where a row refuses the change.

        Any exception rolls all of it back, a cancellation too.
        """
        async with self.transaction(tenant) as connection:
            yield UnitOfWork.of(connection, tenant)

    def within(self, transaction: object, tenant: str) -> UnitOfWork:
        """The repositories in a transaction that `transaction` has begun for this tenant and that
        its maker ends. TypeError for any other kind of transaction."""
        if not isinstance(transaction, AsyncConnection):
            raise TypeError(f"{type(transaction).__name__} is no connection of SQLAlchemy")
        return UnitOfWork.of(transaction, tenant)

    async def claim_run_starts(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take runs that are due to be started, as (tenant, run id), and set them to STARTING.

        The longest due come first. A claim that is not followed up within `lease` (database clock)
        is due again.
        """
        statement = text("SELECT tenant, run_id FROM alga_claim_run_starts(:at_most, :lease)")
        async with self.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.run_id) for row in rows]

    async def claim_deliveries(self, at_most: int, lease: timedelta) -> list[tuple[str, UUID]]:
        """Take deliveries that are due, as (tenant, delivery id); see `claim_run_starts`."""
        statement = text("SELECT tenant, delivery_id FROM alga_claim_deliveries(:at_most, :lease)")
        async with self.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"at_most": at_most, "lease": lease})
            return [(row.tenant, row.delivery_id) for row in rows]

    async def authenticate(self, key_hash: str) -> KeyHolder | None:
        """The holder of the key with this hash, unless it was revoked."""
        statement = text("SELECT tenant, key_id, role FROM alga_authenticate(:key_hash)")
        async with self.transaction(_NO_TENANT) as connection:
            row = (await connection.execute(statement, {"key_hash": key_hash})).one_or_none()
            return None if row is None else KeyHolder(row.tenant, row.key_id, row.role)

    async def advertise(self, new: NewAdvertisement) -> bool:
        """Write a contract into the catalogue; False if the row is not as `new.former` says.

        The same contract again moves only who serves it and until when.
        """
        async with self.transaction(_NO_TENANT) as connection:
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
        async with self.transaction(_NO_TENANT) as connection:
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
        async with self.transaction(_NO_TENANT) as connection:
            rows = await connection.execute(statement, {"ids": list(run_ids)})
            return [FoundRun(row.tenant, row.run_id, row.is_open) for row in rows]

    async def claim_sweep(self, namespace: str, every: timedelta) -> Sweep | None:
        """The turn to sweep this namespace, unless somebody had it within `every`."""
        statement = text("SELECT began_at, swept_until FROM alga_claim_sweep(:namespace, :every)")
        async with self.transaction(_NO_TENANT) as connection:
            row = (
                await connection.execute(statement, {"namespace": namespace, "every": every})
            ).one_or_none()
            return None if row is None else Sweep(row.began_at, row.swept_until)

    async def end_sweep(self, namespace: str, sweep: Sweep) -> None:
        """Everything that ended before `sweep` began has its row."""
        statement = text("SELECT alga_end_sweep(:namespace, :began_at)")
        async with self.transaction(_NO_TENANT) as connection:
            await connection.execute(
                statement, {"namespace": namespace, "began_at": sweep.began_at}
            )

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncGenerator[AsyncConnection]:
        """A unit of work without repositories, for what has SQL of its own."""
        with self.database.outage_as_unavailable(), _refusal_as_conflict():
            async with self.database.engine.begin() as connection:
                await connection.execute(_ENTER, {"tenant": tenant})
                yield connection


@contextmanager
def _refusal_as_conflict() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) not in (_ILLEGAL_TRANSITION, _IMMUTABLE):
            raise
        refusal = first_line(error)
        raise ConflictError(
            f"{refusal[0].upper()}{refusal[1:]}.",
            code="ILLEGAL_STATE_CHANGE",
            remedy="Read its present state and decide again.",
        ) from error
