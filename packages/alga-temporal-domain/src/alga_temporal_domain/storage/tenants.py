"""Rows of tenants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read
from alga_temporal_domain.storage.tenant_records import Deletions, Exports, Ledger, Seeds
from alga_temporal_domain.storage.tenant_users import TenantUsers
from alga_workflows_core.errors import InputError
from alga_workflows_core.infra.database import first_line, is_outage

COLUMNS = """tenant, name, state, creation_key, creation_hash, created_by, created_at, updated_at,
    suspension, suspended_at, deleted_at"""

_ADD = text("""
    INSERT INTO tenants (tenant, name, creation_key, creation_hash, created_by)
    VALUES (:tenant, :name, :key, :hash, :by)
    ON CONFLICT (tenant) DO NOTHING RETURNING tenant
""")
_GET = text(f"SELECT {COLUMNS} FROM tenants WHERE tenant = :tenant")  # noqa: S608 (as above)
_LOCK = text(f"SELECT {COLUMNS} FROM tenants WHERE tenant = :tenant FOR UPDATE")  # noqa: S608
_MOVE = text("""
    UPDATE tenants SET state = :state, updated_at = clock_timestamp()
    WHERE tenant = :tenant AND state <> :state
""")
_SUSPENDED = text("""
    UPDATE tenants SET suspension = :suspension,
        suspended_at = CASE WHEN CAST(:suspension AS uuid) IS NOT NULL THEN clock_timestamp() END
    WHERE tenant = :tenant
""")
_BURY = text("""
    UPDATE tenants SET state = 'deleted', name = '', suspension = NULL, suspended_at = NULL,
        deleted_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE tenant = :tenant AND state <> 'deleted'
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """A tenant. `suspension`: what has deactivated its users, if anything. `creation_hash`: of what
    was asked for under `creation_key`."""

    tenant: str
    name: str
    state: str
    creation_key: str
    creation_hash: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    suspension: UUID | None
    suspended_at: datetime | None
    deleted_at: datetime | None


class Tenants:
    """The row of one tenant, its people, and what has become of it."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self.users = TenantUsers(connection, tenant)
        self.seeds = Seeds(connection, tenant)
        self.exports = Exports(connection, tenant)
        self.deletions = Deletions(connection, tenant)
        self.ledger = Ledger(connection, tenant)

    async def add(self, *, name: str, key: str, content_hash: str, actor: str) -> bool:
        """Whether the row is new; it is left alone where there is one.

        InputError if another tenant was made under this key.
        """
        values = {"name": name, "key": key, "hash": content_hash, "by": actor}
        try:
            async with self._connection.begin_nested():
                made = await self._connection.execute(_ADD, self._of(**values))
        except IntegrityError as error:
            raise key_reused() from error
        return made.one_or_none() is not None

    async def get(self, *, lock: bool = False) -> TenantRow | None:
        """The row, locked until the transaction ends if asked for."""
        row = (await self._connection.execute(_LOCK if lock else _GET, self._of())).one_or_none()
        return None if row is None else read(TenantRow, row)

    async def move(self, state: str) -> None:
        """Into a state; nothing if it is there already. ConflictError if that is no way to go."""
        await self._connection.execute(_MOVE, self._of(state=state))

    async def set_suspension(self, suspension: UUID | None) -> None:
        """What has deactivated the users."""
        await self._connection.execute(_SUSPENDED, self._of(suspension=suspension))

    async def bury(self) -> None:
        """Deleted, and without a name."""
        await self._connection.execute(_BURY, self._of())

    async def run_script(self, sql: str) -> None:
        """Statements in this transaction, as they are. InputError if they cannot be run."""
        try:
            # Without parameters the driver takes several statements and leaves % alone.
            await self._connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        except DBAPIError as error:
            if is_outage(error):
                raise
            raise InputError(f"PostgreSQL refused it: {first_line(error)}.") from error

    def _of(self, **more: object) -> dict[str, object]:
        return {"tenant": self._tenant, **more}


def key_reused() -> InputError:
    """The same key, and another tenant."""
    return InputError(
        "Another tenant was asked for under this Idempotency-Key.",
        code="IDEMPOTENCY_KEY_REUSED",
        path="Idempotency-Key",
        remedy="Take a new key for another tenant, or send what was sent first.",
    )
