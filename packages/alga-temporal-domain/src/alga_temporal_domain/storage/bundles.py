"""Rows of bundles and of which one was active when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_ADD = text("""
    INSERT INTO code_bundles (tenant, project_id, hash, manifest, files, created_by)
    VALUES (:tenant, :project_id, :hash, :manifest, :files, :actor)
    ON CONFLICT DO NOTHING RETURNING hash
""").bindparams(bindparam("manifest", type_=JSON), bindparam("files", type_=JSON))
_GET = text("""
    SELECT hash, manifest, files, created_at, created_by FROM code_bundles
    WHERE tenant = :tenant AND project_id = :project_id AND hash = :hash
""")
_MATCHING = text("""
    SELECT hash FROM code_bundles
    WHERE tenant = :tenant AND project_id = :project_id AND starts_with(hash, :prefix)
    ORDER BY created_at DESC LIMIT 2
""")
_PAGE = text("""
    SELECT hash, manifest, created_at, created_by FROM code_bundles
    WHERE tenant = :tenant AND project_id = :project_id
      AND (CAST(:at AS timestamptz) IS NULL OR created_at < :at
           OR (created_at = :at AND hash > :hash))
    ORDER BY created_at DESC, hash LIMIT :at_most
""")
_LATEST = text("""
    SELECT seq, hash, mode, ramp_percent, actor, reason, at FROM code_activations
    WHERE tenant = :tenant AND project_id = :project_id ORDER BY seq DESC LIMIT :at_most
""")
_ACTIVATE = text("""
    INSERT INTO code_activations (tenant, project_id, seq, hash, mode, ramp_percent, actor, reason)
    VALUES (:tenant, :project_id, :seq, :hash, :mode, :ramp_percent, :actor, :reason)
    ON CONFLICT DO NOTHING RETURNING seq, hash, mode, ramp_percent, actor, reason, at
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRow:
    """A bundle without its text."""

    hash: str
    manifest: dict[str, Any]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRow:
    """Which bundle new executions began with from then on: all of them, or `ramp_percent`."""

    seq: int
    hash: str
    mode: str
    ramp_percent: int
    actor: str
    reason: str | None
    at: datetime


class Bundles:
    """The bundles of a tenant's projects."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(
        self,
        project_id: UUID,
        bundle_hash: str,
        *,
        manifest: dict[str, Any],
        files: dict[str, str],
        actor: str,
    ) -> bool:
        """Whether it is new."""
        values = {
            "tenant": self._tenant,
            "project_id": project_id,
            "hash": bundle_hash,
            "manifest": manifest,
            "files": files,
            "actor": actor,
        }
        return (await self._connection.execute(_ADD, values)).one_or_none() is not None

    async def content(self, project_id: UUID, bundle_hash: str) -> dict[str, Any] | None:
        """Manifest and files, as they were published."""
        values = {"tenant": self._tenant, "project_id": project_id, "hash": bundle_hash}
        row = (await self._connection.execute(_GET, values)).one_or_none()
        return None if row is None else {"manifest": row.manifest, "files": row.files}

    async def matching(self, project_id: UUID, prefix: str) -> list[str]:
        """The hashes that begin so, two at most."""
        values = {"tenant": self._tenant, "project_id": project_id, "prefix": prefix}
        return [row.hash for row in await self._connection.execute(_MATCHING, values)]

    async def page(
        self, project_id: UUID, after: tuple[datetime, str] | None, at_most: int
    ) -> list[BundleRow]:
        """Bundles behind one, the newest first."""
        at, bundle_hash = after or (None, None)
        values = {
            "tenant": self._tenant,
            "project_id": project_id,
            "at": at,
            "hash": bundle_hash,
            "at_most": at_most,
        }
        rows = await self._connection.execute(_PAGE, values)
        return [read(BundleRow, row) for row in rows]

    async def activations(self, project_id: UUID, at_most: int) -> list[ActivationRow]:
        """What was activated, the latest first."""
        values = {"tenant": self._tenant, "project_id": project_id, "at_most": at_most}
        rows = await self._connection.execute(_LATEST, values)
        return [read(ActivationRow, row) for row in rows]

    async def activate(
        self,
        project_id: UUID,
        bundle_hash: str,
        *,
        seq: int,
        mode: str,
        ramp_percent: int,
        actor: str,
        reason: str | None,
    ) -> ActivationRow | None:
        """The activation with this number; None if another one has it already."""
        values = {
            "tenant": self._tenant,
            "project_id": project_id,
            "hash": bundle_hash,
            "seq": seq,
            "mode": mode,
            "ramp_percent": ramp_percent,
            "actor": actor,
            "reason": reason,
        }
        row = (await self._connection.execute(_ACTIVATE, values)).one_or_none()
        return None if row is None else read(ActivationRow, row)
