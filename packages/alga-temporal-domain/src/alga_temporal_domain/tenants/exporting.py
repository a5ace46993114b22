"""Writes all rows of a tenant into an export: NDJSON, packed by gzip, as they stream in."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from alga_temporal_domain.storage.tenant_rows import Snapshot, snapshot
from alga_temporal_domain.storage.tenant_tables import TenantTable
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.tenants.contracts import Exported
from alga_temporal_domain.tenants.ports import ExportStore, ExportWriter

AT_A_TIME = 500
FORMAT = 1

# Hashes of what people and programs show who they are with. They are of no use to a tenant.
_SECRET = frozenset(
    {
        ("alga_domain.api_keys", "hash"),
        ("alga_domain.tenant_users", "password_hash"),
        ("alga_domain.tenant_set_password_links", "hash"),
    }
)
_GZIP = 16 + zlib.MAX_WBITS


class Exporter:
    """Makes exports. Memory: some rows of one table, whatever the tenant has."""

    def __init__(
        self, storage: DomainStorage, store: ExportStore, *, at_a_time: int = AT_A_TIME
    ) -> None:
        self._storage = storage
        self._store = store
        self._at_a_time = at_a_time

    async def export(
        self,
        tenant: str,
        export_id: UUID,
        tables: Sequence[TenantTable],
        told: Callable[[str, int], None],
    ) -> Exported:
        """What is there at one moment; what this id was used for before, if that is complete.
        `told` hears table and rows so far."""
        known = await self._store.manifest(tenant, export_id)
        if known is not None:
            return _exported(export_id, *known)
        writer = await self._store.begin(tenant, export_id)
        async with snapshot(self._storage, tenant) as rows:
            listed = [await self._table(writer, rows, table, told) for table in tables]
        manifest = json.dumps(
            {"format": FORMAT, "tenant": tenant, "exportId": str(export_id), "tables": listed},
            indent=1,
        ).encode()
        return _exported(export_id, await writer.finish(manifest), manifest)

    async def _table(
        self,
        writer: ExportWriter,
        rows: Snapshot,
        table: TenantTable,
        told: Callable[[str, int], None],
    ) -> dict[str, Any]:
        name = f"{table}.ndjson.gz"
        columns = [column for column in table.columns if (str(table), column) not in _SECRET]
        packing = _Packing(writer)
        await writer.begin_file(name)
        count = 0
        told(str(table), count)
        async for some in rows.rows(table, columns, at_a_time=self._at_a_time):
            await packing.add("".join(f"{row}\n" for row in some).encode())
            count += len(some)
            told(str(table), count)
        await packing.end()
        return {
            "table": str(table),
            "file": name,
            "rows": count,
            "bytes": packing.size,
            "sha256": packing.sha256,
            "columns": columns,
            "omitted": [column for column in table.columns if column not in columns],
        }


class _Packing:
    """One packed file. `size` in bytes."""

    def __init__(self, writer: ExportWriter) -> None:
        self._writer = writer
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def add(self, content: bytes) -> None:
        await self._write(await asyncio.to_thread(self._packer.compress, content))

    async def end(self) -> None:
        await self._write(self._packer.flush())

    async def _write(self, packed: bytes) -> None:
        self._hash.update(packed)
        self.size += len(packed)
        if packed:
            await self._writer.write(packed)


def _exported(export_id: UUID, place: str, manifest: bytes) -> Exported:
    tables = json.loads(manifest)["tables"]
    return Exported(
        export_id=export_id,
        place=place,
        tables=len(tables),
        rows=sum(table["rows"] for table in tables),
        bytes=sum(table["bytes"] for table in tables),
        sha256=hashlib.sha256(manifest).hexdigest(),
    )
