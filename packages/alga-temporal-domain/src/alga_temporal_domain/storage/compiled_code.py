"""Rows of code that a builder has written for its workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_ACTIVE = text("""
    SELECT id, workflow_id, version, workflow_code, activities_code, worker_code, package_json,
        tsconfig_json, language, compiled_by
    FROM workflow_compiled_code
    WHERE tenant = :tenant AND project_id = :project_id AND is_active
    ORDER BY compiled_at, id
""")
_PROJECT = text("""
    SELECT project_id FROM (
        SELECT project_id, 0 AS rank FROM workflows WHERE tenant = :tenant AND id = :workflow_id
        UNION ALL
        SELECT project_id, 1 FROM workflow_compiled_code
        WHERE tenant = :tenant AND workflow_id = :workflow_id
    ) found ORDER BY rank LIMIT 1
""")
_CAME_OF_IT = text("""
    UPDATE workflow_compiled_code SET bundle_hash = :bundle_hash, findings = :findings
    WHERE tenant = :tenant AND id = :id
""").bindparams(bindparam("findings", type_=JSON(none_as_null=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCodeRow:
    """The active code of one workflow. `language` None: see `is_python`."""

    id: UUID
    workflow_id: UUID
    version: str
    workflow_code: str
    activities_code: str
    worker_code: str
    package_json: str
    tsconfig_json: str
    language: str | None
    compiled_by: str

    @property
    def is_python(self) -> bool:
        """Unless it says otherwise, or brings what TypeScript needs."""
        if self.language is not None:
            return self.language.lower() == "python"
        return not self.package_json.strip() and not self.tsconfig_json.strip()


class CompiledCode:
    """The builder's rows of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def active(self, project_id: UUID) -> list[CompiledCodeRow]:
        """The active rows of a project, the oldest first."""
        values = {"tenant": self._tenant, "project_id": project_id}
        rows = await self._connection.execute(_ACTIVE, values)
        return [read(CompiledCodeRow, row) for row in rows]

    async def project_of(self, workflow_id: UUID) -> UUID | None:
        """The project that a builder's workflow belongs to."""
        values = {"tenant": self._tenant, "workflow_id": workflow_id}
        row = (await self._connection.execute(_PROJECT, values)).one_or_none()
        return None if row is None else row.project_id

    async def came_of_it(
        self, row_id: UUID, *, bundle_hash: str | None, findings: list[dict[str, Any]] | None
    ) -> None:
        """Say in a row which bundle in force has it as it is, and what is wrong or in its way."""
        values = {
            "tenant": self._tenant,
            "id": row_id,
            "bundle_hash": bundle_hash,
            "findings": findings,
        }
        await self._connection.execute(_CAME_OF_IT, values)
