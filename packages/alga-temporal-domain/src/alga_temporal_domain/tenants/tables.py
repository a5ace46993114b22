"""Which tables hold what is a tenant's, and which rows stay when it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.tenant_rows import ERASING_ROLE
from alga_temporal_domain.storage.tenant_tables import (
    ForeignKey,
    TenantCatalogue,
    TenantTable,
    tenant_catalogue,
)
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError

# What tells that there was a tenant: states, checksums, times; its name is not in them.
_STAYING = frozenset({"tenants", "tenant_deletions", "tenant_exports", "tenant_ledger"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTables:
    """Where to look: PostgreSQL schemas, and the columns that say whose a row is, the surest
    first."""

    storage: DomainStorage
    schemas: Sequence[str]
    columns: Sequence[str]

    async def all(self) -> Sequence[TenantTable]:
        """Every table. ConflictError if rows could be overlooked: TENANT_TABLES_CLOSED, or
        TENANT_TABLES_UNOWNED."""
        return (await self._checked()).tables

    async def to_erase(self) -> tuple[Sequence[TenantTable], Sequence[ForeignKey]]:
        """Those whose rows go with a tenant, and what refers to them. ConflictError as in `all`."""
        found = await self._checked()
        going = [table for table in found.tables if not _stays(table)]
        return going, found.foreign_keys

    async def _checked(self) -> TenantCatalogue:
        found = await tenant_catalogue(
            self.storage, schemas=self.schemas, columns=self.columns, role=ERASING_ROLE
        )
        closed = [str(table) for table in found.tables if not table.allowed]
        if closed:
            raise ConflictError(
                f"Rows of {', '.join(closed)} cannot be read or erased.",
                code="TENANT_TABLES_CLOSED",
                remedy=f"Grant {ERASING_ROLE} SELECT, UPDATE and DELETE on them, USAGE on their "
                "schema, and a policy where they have row-level security.",
            )
        known = {table.oid for table in found.tables}
        unowned = sorted(
            f"{key.child_name} (refers to {key.parent_name})"
            for key in found.foreign_keys
            if key.child not in known
        )
        if unowned:
            raise ConflictError(
                f"It cannot be told whose the rows of {', '.join(unowned)} are.",
                code="TENANT_TABLES_UNOWNED",
                remedy="Give these tables a column with the tenant, or name their schema in "
                "WORKER_TENANT_SCHEMAS.",
            )
        return found


def _stays(table: TenantTable) -> bool:
    return table.schema == SCHEMA.name and table.name in _STAYING
