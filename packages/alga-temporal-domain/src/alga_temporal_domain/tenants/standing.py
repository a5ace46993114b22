"""Whether work is done for a tenant."""

from __future__ import annotations

from alga_temporal_domain.storage.unit_of_work import DomainStorage

_WORKED_FOR = ("creating", "active")


class TenantStanding:
    """Tells from the rows of tenants. One without a row was made elsewhere, and is not judged."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage

    async def is_suspended(self, tenant: str) -> bool:
        """Whether the tenant is suspended, leaving or gone."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.tenants.get()
        return row is not None and row.state not in _WORKED_FOR
