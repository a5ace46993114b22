"""Rows of definitions and of their published versions."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import (
    workflow_definition_versions as versions,
)
from alga_workflows_core.storage.tables import (
    workflow_definitions as definitions,
)
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import DefinitionState


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionRow:
    """A definition with its draft; `draft` is JSON text."""

    id: str
    name: str
    state: DefinitionState
    draft: str | None
    draft_hash: str | None
    active_version: int | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A published version. `document` is JSON text, `hash` its identity."""

    definition_id: str
    version: int
    hash: str
    document: str
    actions: list[JsonObject]
    engine: int
    expression_engine: str
    note: str | None
    published_at: datetime
    published_by: str

    def parsed(self) -> JsonObject:
        """The document as JSON."""
        return json.loads(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableVersion:
    """A published version as its callers see it. `document` is JSON text, or None if left out."""

    definition_id: str
    version: int
    active: bool
    document: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """What publishing writes."""

    hash: str
    document: str
    actions: list[JsonObject]
    engine: int
    expression_engine: str
    note: str | None


class Definitions:
    """The definitions of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def save_draft(
        self, definition_id: str, *, name: str, draft: str, draft_hash: str, by: str
    ) -> None:
        """Replace the draft, making the definition if there is none. What runs is not touched."""
        changed = {"name": name, "draft": draft, "draft_hash": draft_hash, "updated_by": by}
        await self._connection.execute(
            insert(definitions)
            .values(tenant=self._tenant, id=definition_id, created_by=by, **changed)
            .on_conflict_do_update(
                index_elements=["tenant", "id"],
                set_={**changed, "updated_at": func.clock_timestamp()},
            )
        )

    async def reserve(self, definition_id: str, *, by: str) -> None:
        """Make the definition, without a draft, if there is none; its row can then be locked."""
        await self._connection.execute(
            insert(definitions)
            .values(
                tenant=self._tenant,
                id=definition_id,
                name=definition_id,
                created_by=by,
                updated_by=by,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "id"])
        )

    async def get(self, definition_id: str, *, lock: bool = False) -> DefinitionRow | None:
        """One definition; with `lock`, nobody else changes it until this transaction ends."""
        query = select(definitions).where(*self._is(definition_id))
        row = (
            (await self._connection.execute(query.with_for_update() if lock else query))
            .mappings()
            .one_or_none()
        )
        return None if row is None else read(DefinitionRow, row)

    async def get_shared(self, definition_id: str) -> DefinitionRow | None:
        """One definition; nobody changes it until this transaction ends, and many may know that."""
        query = select(definitions).where(*self._is(definition_id)).with_for_update(read=True)
        row = (await self._connection.execute(query)).mappings().one_or_none()
        return None if row is None else read(DefinitionRow, row)

    async def list(self, *, after: str | None, limit: int) -> list[DefinitionRow]:
        """By id, beginning behind `after`."""
        query = select(definitions).where(definitions.c.tenant == self._tenant)
        if after is not None:
            query = query.where(definitions.c.id > after)
        rows = await self._connection.execute(query.order_by(definitions.c.id).limit(limit))
        return [read(DefinitionRow, row) for row in rows.mappings()]

    async def activate(self, definition_id: str, version: int, *, by: str) -> None:
        """Make `version` the one that new runs get, and the definition ACTIVE."""
        await self._update(
            definition_id, by=by, active_version=version, state=DefinitionState.ACTIVE
        )

    async def set_state(self, definition_id: str, state: DefinitionState, *, by: str) -> None:
        """Change the state alone. The database refuses an illegal change."""
        await self._update(definition_id, by=by, state=state)

    async def add_version(self, definition_id: str, new: NewVersion, *, by: str) -> VersionRow:
        """Append a version. The caller holds the definition's lock."""
        next_number = (
            select(func.coalesce(func.max(versions.c.version), 0) + 1)
            .where(versions.c.tenant == self._tenant, versions.c.definition_id == definition_id)
            .scalar_subquery()
        )
        row = await self._connection.execute(
            insert(versions)
            .values(
                tenant=self._tenant,
                definition_id=definition_id,
                version=next_number,
                hash=new.hash,
                document=new.document,
                actions=new.actions,
                engine=new.engine,
                expression_engine=new.expression_engine,
                note=new.note,
                published_by=by,
            )
            .returning(versions)
        )
        return read(VersionRow, row.mappings().one())

    async def version_by_hash(self, definition_id: str, content_hash: str) -> VersionRow | None:
        return await self._one_version(definition_id, versions.c.hash == content_hash)

    async def version(self, definition_id: str, number: int) -> VersionRow | None:
        return await self._one_version(definition_id, versions.c.version == number)

    async def versions(
        self, definition_id: str, *, after: int | None, limit: int
    ) -> list[VersionRow]:
        """The newest first, beginning below `after`."""
        query = select(versions).where(
            versions.c.tenant == self._tenant, versions.c.definition_id == definition_id
        )
        if after is not None:
            query = query.where(versions.c.version < after)
        rows = await self._connection.execute(
            query.order_by(versions.c.version.desc()).limit(limit)
        )
        return [read(VersionRow, row) for row in rows.mappings()]

    async def callable_versions(
        self, ids: Collection[str], *, with_document: Collection[tuple[str, int]]
    ) -> list[CallableVersion]:
        """The versions of these definitions, the oldest first; of what is archived none is active.

        Those that are active have their document, and those of `with_document`, (id, version).
        """
        is_active = and_(
            definitions.c.state != DefinitionState.ARCHIVED,
            definitions.c.active_version == versions.c.version,
        )
        is_needed = or_(
            is_active,
            tuple_(versions.c.definition_id, versions.c.version).in_(list(with_document)),
        )
        query = (
            select(
                versions.c.definition_id,
                versions.c.version,
                func.coalesce(is_active, false()).label("active"),
                case((is_needed, versions.c.document)).label("document"),
            )
            .join(
                definitions,
                and_(
                    definitions.c.tenant == versions.c.tenant,
                    definitions.c.id == versions.c.definition_id,
                ),
            )
            .where(versions.c.tenant == self._tenant, versions.c.definition_id.in_(list(ids)))
            .order_by(versions.c.definition_id, versions.c.version)
        )
        rows = await self._connection.execute(query)
        return [read(CallableVersion, row) for row in rows.mappings()]

    async def active_with(
        self, word: str, *, after: str | None, limit: int
    ) -> list[CallableVersion]:
        """Active versions whose document holds `word` somewhere, by id, beginning behind `after`;
        of what is archived none is active."""
        query = (
            select(
                versions.c.definition_id,
                versions.c.version,
                true().label("active"),
                versions.c.document,
            )
            .join(
                definitions,
                and_(
                    definitions.c.tenant == versions.c.tenant,
                    definitions.c.id == versions.c.definition_id,
                    definitions.c.active_version == versions.c.version,
                ),
            )
            .where(
                versions.c.tenant == self._tenant,
                definitions.c.state != DefinitionState.ARCHIVED,
                func.strpos(versions.c.document, word) > 0,
            )
            .order_by(versions.c.definition_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(versions.c.definition_id > after)
        rows = await self._connection.execute(query)
        return [read(CallableVersion, row) for row in rows.mappings()]

    async def published_like(self, ids: Collection[str], *, limit: int) -> list[str]:
        """Ids of definitions that have an active version and begin with the same letter."""
        query = (
            select(definitions.c.id)
            .where(
                definitions.c.tenant == self._tenant,
                definitions.c.active_version.is_not(None),
                definitions.c.state != DefinitionState.ARCHIVED,
                func.left(definitions.c.id, 1).in_({name[:1] for name in ids}),
            )
            .order_by(definitions.c.id)
            .limit(limit)
        )
        return list(await self._connection.scalars(query))

    async def _update(self, definition_id: str, *, by: str, **changed: str | int) -> None:
        await self._connection.execute(
            update(definitions)
            .where(*self._is(definition_id))
            .values(updated_at=func.clock_timestamp(), updated_by=by, **changed)
        )

    async def _one_version(
        self, definition_id: str, condition: ColumnElement[bool]
    ) -> VersionRow | None:
        row = (
            (
                await self._connection.execute(
                    select(versions).where(
                        versions.c.tenant == self._tenant,
                        versions.c.definition_id == definition_id,
                        condition,
                    )
                )
            )
            .mappings()
            .one_or_none()
        )
        return None if row is None else read(VersionRow, row)

    def _is(self, definition_id: str) -> tuple[ColumnElement[bool], ...]:
        return (definitions.c.tenant == self._tenant, definitions.c.id == definition_id)
