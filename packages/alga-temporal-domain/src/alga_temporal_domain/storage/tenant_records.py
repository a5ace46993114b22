"""Rows of what was done for and to a tenant: seeds, exports, deletions, what others were told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_SEEDS = text("SELECT pack, version, checksum FROM tenant_seeds_applied WHERE tenant = :tenant")
_ADD_SEED = text("""
    INSERT INTO tenant_seeds_applied (tenant, pack, version, checksum)
    VALUES (:tenant, :pack, :version, :checksum)
""")

_EXPORT_COLUMNS = """id, state, requested_by, reason, place, tables, rows, bytes, sha256, error,
    started_at, ended_at"""
_BEGIN_EXPORT = text("""
    INSERT INTO tenant_exports AS e (tenant, id, requested_by, reason)
    VALUES (:tenant, :id, :by, :reason)
    ON CONFLICT (tenant, id) DO UPDATE SET state = 'running', error = NULL, ended_at = NULL
    WHERE e.state = 'failed'
""")
_END_EXPORT = text("""
    UPDATE tenant_exports SET state = :state, place = :place, tables = :tables, rows = :rows,
        bytes = :bytes, sha256 = :sha256, error = :error, ended_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id AND state = 'running'
""")
_EXPORTS = text(f"""
    SELECT {_EXPORT_COLUMNS} FROM tenant_exports
    WHERE tenant = :tenant AND (CAST(:id AS uuid) IS NULL OR id = :id)
    ORDER BY started_at DESC, id DESC LIMIT :at_most
""")  # noqa: S608 (the columns above)

_DELETION_COLUMNS = """id, state, previous_state, requested_by, reason, due_at, confirmed_by,
    export_id, export_sha256, waived_by, waived_reason, rows_deleted, error, begun_at, ended_at"""
_BEGIN_DELETION = text("""
    INSERT INTO tenant_deletions (tenant, id, previous_state, requested_by, reason)
    VALUES (:tenant, :id, :previous_state, :by, :reason)
""")
_DELETIONS = text(f"""
    SELECT {_DELETION_COLUMNS} FROM tenant_deletions
    WHERE tenant = :tenant AND (CAST(:id AS uuid) IS NULL OR id = :id)
    ORDER BY begun_at DESC, id DESC LIMIT :at_most
""")  # noqa: S608 (the columns above)
# A value that is not given stays.
_NOTE_DELETION = text("""
    UPDATE tenant_deletions SET state = coalesce(:state, state), due_at = coalesce(:due_at, due_at),
        confirmed_by = coalesce(:confirmed_by, confirmed_by),
        export_id = coalesce(:export_id, export_id),
        export_sha256 = coalesce(:export_sha256, export_sha256),
        waived_by = coalesce(:waived_by, waived_by),
        waived_reason = coalesce(:waived_reason, waived_reason),
        rows_deleted = coalesce(:rows_deleted, rows_deleted), error = :error,
        ended_at = CASE WHEN :state IN ('deleted', 'rolled_back') THEN clock_timestamp()
            ELSE ended_at END
    WHERE tenant = :tenant AND id = :id
""")

_TOLD = text("SELECT kind FROM tenant_ledger WHERE tenant = :tenant AND key = :key")
_TELL = text("""
    INSERT INTO tenant_ledger (tenant, key, kind, detail) VALUES (:tenant, :key, :kind, :detail)
    ON CONFLICT (tenant, key) DO NOTHING
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """An export. `sha256`: of its manifest, which has those of its files."""

    id: UUID
    state: str
    requested_by: str
    reason: str | None
    place: str | None
    tables: int | None
    rows: int | None
    bytes: int | None
    sha256: str | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRow:
    """A deletion; of one that is done, what is left of the tenant. `previous_state`: the state that
    a rollback gives back."""

    id: UUID
    state: str
    previous_state: str
    requested_by: str
    reason: str | None
    due_at: datetime | None
    confirmed_by: str | None
    export_id: UUID | None
    export_sha256: str | None
    waived_by: str | None
    waived_reason: str | None
    rows_deleted: int | None
    error: str | None
    begun_at: datetime
    ended_at: datetime | None


class _Records:
    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def _execute(self, statement: Any, **values: Any) -> Any:
        return await self._connection.execute(statement, {"tenant": self._tenant, **values})


class Seeds(_Records):
    """The seed packs that a tenant has."""

    async def applied(self) -> dict[tuple[str, int], str]:
        """Checksums by pack and version."""
        rows = await self._execute(_SEEDS)
        return {(row.pack, row.version): row.checksum for row in rows}

    async def add(self, pack: str, version: int, checksum: str) -> None:
        """It is applied in this transaction."""
        await self._execute(_ADD_SEED, pack=pack, version=version, checksum=checksum)


class Exports(_Records):
    """The exports of a tenant."""

    async def begin(self, export_id: UUID, *, actor: str, reason: str | None) -> None:
        """It runs; again, if it has failed."""
        await self._execute(_BEGIN_EXPORT, id=export_id, by=actor, reason=reason)

    async def done(
        self, export_id: UUID, *, place: str, tables: int, rows: int, size: int, sha256: str
    ) -> None:
        """It lies at `place`; `size` in bytes."""
        values = {"place": place, "tables": tables, "rows": rows, "bytes": size, "sha256": sha256}
        await self._execute(_END_EXPORT, id=export_id, state="done", error=None, **values)

    async def failed(self, export_id: UUID, error: str) -> None:
        """It came to nothing."""
        nothing = dict.fromkeys(("place", "tables", "rows", "bytes", "sha256"))
        await self._execute(_END_EXPORT, id=export_id, state="failed", error=error, **nothing)

    async def get(self, export_id: UUID) -> ExportRow | None:
        """One of them."""
        row = (await self._execute(_EXPORTS, id=export_id, at_most=1)).one_or_none()
        return None if row is None else read(ExportRow, row)

    async def latest(self, at_most: int) -> list[ExportRow]:
        """The newest first."""
        rows = await self._execute(_EXPORTS, id=None, at_most=at_most)
        return [read(ExportRow, row) for row in rows]


class Deletions(_Records):
    """The deletions of a tenant, of which one at most is under way."""

    async def begin(
        self, deletion_id: UUID, *, previous_state: str, actor: str, reason: str | None
    ) -> None:
        """A new one."""
        values = {"previous_state": previous_state, "by": actor, "reason": reason}
        await self._execute(_BEGIN_DELETION, id=deletion_id, **values)

    async def note(
        self, deletion_id: UUID, *, state: str | None = None, error: str | None = None, **more: Any
    ) -> None:
        """What has become of it. Of `more` (due_at, confirmed_by, export_id, export_sha256,
        waived_by, waived_reason, rows_deleted) what is not given stays."""
        names = ("due_at", "confirmed_by", "export_id", "export_sha256")
        names += ("waived_by", "waived_reason", "rows_deleted")
        values = {**dict.fromkeys(names), **more}
        await self._execute(_NOTE_DELETION, id=deletion_id, state=state, error=error, **values)

    async def get(self, deletion_id: UUID) -> DeletionRow | None:
        """One of them."""
        row = (await self._execute(_DELETIONS, id=deletion_id, at_most=1)).one_or_none()
        return None if row is None else read(DeletionRow, row)

    async def latest(self) -> DeletionRow | None:
        """The newest, whatever has become of it."""
        row = (await self._execute(_DELETIONS, id=None, at_most=1)).one_or_none()
        return None if row is None else read(DeletionRow, row)


class Ledger(_Records):
    """What others were told about a tenant, by key."""

    async def has(self, key: str) -> bool:
        """Whether this was told."""
        return (await self._execute(_TOLD, key=key)).one_or_none() is not None

    async def add(self, key: str, kind: str, detail: str | None) -> None:
        """It was told; nothing if it was before."""
        await self._execute(_TELL, key=key, kind=kind, detail=detail)
