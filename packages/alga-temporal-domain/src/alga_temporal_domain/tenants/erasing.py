"""Takes all rows of a tenant away, and looks that none is left."""

from __future__ import annotations

from collections.abc import Callable

from alga_temporal_domain.storage.tenant_rows import TenantEraser
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.tenants.erasing_order import Delete, Step, erasing_order
from alga_temporal_domain.tenants.tables import TenantTables
from alga_workflows_core.errors import ConflictError


class Eraser:
    """In the order that the catalogue gives now, in batches of `at_a_time`. What was begun is
    continued by doing it again: only what is left is found."""

    def __init__(self, storage: DomainStorage, tables: TenantTables, *, at_a_time: int) -> None:
        self._storage = storage
        self._tables = tables
        self._at_a_time = at_a_time

    async def erase(self, tenant: str, *, before: int, told: Callable[[int, str], None]) -> int:
        """How many rows are gone, with those that were `before`; `told` hears of each batch."""
        eraser = TenantEraser(self._storage, tenant, at_a_time=self._at_a_time)
        tables, keys = await self._tables.to_erase()
        gone = before
        for step in erasing_order(tables, keys):
            told(gone, _name(step))
            more = True
            while more:
                count = await _some(eraser, step)
                gone += count if isinstance(step, Delete) else 0
                told(gone, _name(step))
                more = count >= self._at_a_time and not _is_whole(step)
        return gone

    async def verify(self, tenant: str, *, told: Callable[[str], None]) -> None:
        """ConflictError NOT_EMPTY if there are rows, and where."""
        eraser = TenantEraser(self._storage, tenant, at_a_time=self._at_a_time)
        tables, _ = await self._tables.to_erase()
        left: list[str] = []
        for table in tables:
            told(str(table))
            count = await eraser.count(table)
            if count:
                left.append(f"{table} ({count})")
        if left:
            raise ConflictError(
                f"There are still rows in {', '.join(left)}.",
                code="NOT_EMPTY",
                remedy="Find out what writes them, end it, and retry.",
            )


async def _some(eraser: TenantEraser, step: Step) -> int:
    if not isinstance(step, Delete):
        return await eraser.empty_some(step.table, step.columns)
    if step.at_once:
        return await eraser.delete_together(step.tables)
    return await eraser.delete_some(step.tables[0])


def _is_whole(step: Step) -> bool:
    return isinstance(step, Delete) and step.at_once


def _name(step: Step) -> str:
    return str(step.tables[0] if isinstance(step, Delete) else step.table)
