"""What is asked of all tenants at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from alga_temporal_domain.storage.rows import read
from alga_temporal_domain.storage.tenants import COLUMNS, TenantRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage

_PAGE = text(f"SELECT {COLUMNS} FROM tenants_page(:at, :before, :at_most)")  # noqa: S608 (ours)
_LINK = text("SELECT tenant_of_link(:hash)")


async def tenants_page(
    storage: DomainStorage, after: tuple[datetime, str] | None, at_most: int
) -> list[TenantRow]:
    """Tenants behind one, the newest first."""
    at, before = after or (None, None)
    async with storage.transaction() as connection:
        rows = await connection.execute(_PAGE, {"at": at, "before": before, "at_most": at_most})
        return [read(TenantRow, row) for row in rows]


async def tenant_of_link(storage: DomainStorage, link_hash: str) -> str | None:
    """Whose a set-password link with this hash is, used or not."""
    async with storage.transaction() as connection:
        return (await connection.execute(_LINK, {"hash": link_hash})).scalar_one_or_none()
