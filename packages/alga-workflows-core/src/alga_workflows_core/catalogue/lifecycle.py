"""Which version new runs get, and whether there are any: activate, pause, resume, archive.

What runs is never touched. Asking for what is so already changes nothing, not even the audit
columns.
"""

from __future__ import annotations

import structlog

from alga_workflows_core.errors import Category, ConflictError, ErrorInfo, NotFoundError
from alga_workflows_core.storage.definitions import DefinitionRow
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.types.states import DEFINITION_TRANSITIONS, DefinitionState, may_become

log = structlog.get_logger()


class DefinitionLifecycle:
    """Changes of state of any tenant's definitions.

    Each call answers the definition as it is afterwards. NotFoundError if there is none,
    ConflictError if its state does not allow the change.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def activate(
        self, tenant: str, definition_id: str, *, version: int | None, by: str
    ) -> DefinitionRow:
        """Make a published version the active one (promote, roll back), and the definition ACTIVE.

        Without `version` it is the one that was active last. NotFoundError if there is no such
        version, ConflictError if nothing was ever published.
        """
        async with self._storage.unit_of_work(tenant) as work:
            definition = await _locked(work, definition_id)
            number = definition.active_version if version is None else version
            if number is None:
                raise _nothing_published(definition)
            if await work.definitions.version(definition_id, number) is None:
                raise NotFoundError(
                    f"Definition {definition_id!r} has no version {number}.",
                    path="/version",
                    remedy=f"GET /api/v1/definitions/{definition_id}/versions lists them.",
                )
            is_so = (definition.state, definition.active_version) == (
                DefinitionState.ACTIVE,
                number,
            )
            if not is_so:
                await work.definitions.activate(definition_id, number, by=by)
                await work.deliveries.release(definition_id)
                work.leaves(Due.DELIVERIES)
            changed = await _locked(work, definition_id)
        if not is_so:
            _tell(tenant, changed)
        return changed

    async def pause(self, tenant: str, definition_id: str, *, by: str) -> DefinitionRow:
        """Start no new runs until it is resumed; those that run go on."""
        return await self._become(tenant, definition_id, DefinitionState.PAUSED, by=by)

    async def resume(self, tenant: str, definition_id: str, *, by: str) -> DefinitionRow:
        """Undo `pause`. What is archived is not resumed but activated."""
        return await self._become(tenant, definition_id, DefinitionState.ACTIVE, by=by)

    async def archive(self, tenant: str, definition_id: str, *, by: str) -> DefinitionRow:
        """Start no new runs for good, until somebody activates it again; those that run go on."""
        return await self._become(tenant, definition_id, DefinitionState.ARCHIVED, by=by)

    async def _become(
        self, tenant: str, definition_id: str, state: DefinitionState, *, by: str
    ) -> DefinitionRow:
        async with self._storage.unit_of_work(tenant) as work:
            definition = await _locked(work, definition_id)
            if definition.state is state:
                return definition
            _refuse_unless_legal(definition, state)
            await work.definitions.set_state(definition_id, state, by=by)
            if state is DefinitionState.ACTIVE:
                await work.deliveries.release(definition_id)
                work.leaves(Due.DELIVERIES)
            elif state is DefinitionState.ARCHIVED:
                await work.deliveries.drop_held(definition_id, _archived(definition_id).as_json())
            changed = await _locked(work, definition_id)
        _tell(tenant, changed)
        return changed


def _archived(definition_id: str) -> ErrorInfo:
    return ErrorInfo(
        code="DEFINITION_NOT_ACTIVE",
        category=Category.VALIDATION,
        message=f"Definition {definition_id!r} was archived while this was held.",
    )


async def _locked(work: UnitOfWork, definition_id: str) -> DefinitionRow:
    definition = await work.definitions.get(definition_id, lock=True)
    if definition is None:
        raise NotFoundError(
            f"There is no definition {definition_id!r}.",
            remedy="GET /api/v1/definitions lists them.",
        )
    return definition


def _refuse_unless_legal(definition: DefinitionRow, state: DefinitionState) -> None:
    is_legal = may_become(DEFINITION_TRANSITIONS, definition.state, state)
    if state is DefinitionState.ACTIVE:
        is_legal = is_legal and definition.state is DefinitionState.PAUSED
    if is_legal:
        return
    verb = "resumed" if state is DefinitionState.ACTIVE else "paused"
    if definition.active_version is None:
        raise _nothing_published(definition)
    raise ConflictError(
        f"Definition {definition.id!r} is {definition.state}, so it cannot be {verb}.",
        code="DEFINITION_NOT_ACTIVE" if verb == "paused" else "DEFINITION_NOT_PAUSED",
        remedy=f"POST /api/v1/definitions/{definition.id}/activate makes it active again.",
    )


def _nothing_published(definition: DefinitionRow) -> ConflictError:
    is_archived = definition.state is DefinitionState.ARCHIVED
    return ConflictError(
        f"Definition {definition.id!r} is {definition.state} and has no published version.",
        code="DEFINITION_NOT_PUBLISHED",
        remedy="Publish the document under another id."
        if is_archived
        else f"POST /api/v1/definitions/{definition.id}/publish first.",
    )


def _tell(tenant: str, definition: DefinitionRow) -> None:
    log.info(
        f"{definition.id} is {definition.state}; its active version is {definition.active_version}",
        action="definition.state_changed",
        tenant=tenant,
        definition=definition.id,
        state=definition.state,
        version=definition.active_version,
    )
