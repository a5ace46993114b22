"""Where an operator asks for what becomes of tenants."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID, uuid4, uuid5

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.queues.spec import TENANTS
from alga_temporal_domain.storage.tenant_records import DeletionRow, ExportRow
from alga_temporal_domain.storage.tenants import TenantRow, key_reused
from alga_temporal_domain.storage.tenants_across import tenants_page
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.activities import found
from alga_temporal_domain.tenants.contracts import (
    CreateTenant,
    CreationState,
    DeleteTenant,
    DeletionProgress,
    DeletionState,
    ExportTenant,
    NewAdmin,
    Suspend,
    Welcome,
)
from alga_workflows_core.errors import ConflictError, NotFoundError, UnavailableError
from alga_workflows_core.types.model import Model

S = TypeVar("S", bound=Model)

_KEYS = UUID("5b8a4f0e-12d3-4a86-8f65-1c0de5a8c7b2")
_SHOWN_EXPORTS = 50


class TenantDesk:
    """Starts and asks workflows. `management`: the tenant whose admins may come here."""

    def __init__(
        self, storage: DomainStorage, client: Client, *, management: str | None, address: str
    ) -> None:
        self.management = management
        self._storage = storage
        self._client = client
        self._address = address

    async def create(
        self, *, tenant: str | None, name: str, admin: NewAdmin, key: str | None, actor: str
    ) -> tuple[TenantRow, bool]:
        """The tenant of this key, and whether it is new. InputError IDEMPOTENCY_KEY_REUSED if
        something else was asked for under it, ConflictError if the id is taken."""
        key = key or str(uuid4())
        asked = {"tenant": tenant, "name": name, "admin": admin.model_dump()}
        content = json.dumps(asked, sort_keys=True).encode()
        given = CreateTenant(
            tenant_id=tenant or str(uuid5(_KEYS, key)),
            name=name,
            admin=admin,
            key=key,
            content_hash=hashlib.sha256(content).hexdigest(),
            requested_by=actor,
        )
        async with self._storage.unit_of_work(given.tenant_id) as work:
            new = await work.tenants.add(
                name=name, key=key, content_hash=given.content_hash, actor=actor
            )
            row = await found(work)
        if row.creation_key != key:
            raise ConflictError(
                f"There is a tenant {given.tenant_id} already.",
                code="TENANT_EXISTS",
                remedy="Take another id, or leave it out.",
            )
        if row.creation_hash != given.content_hash:
            raise key_reused()
        if row.state == "creating":
            # Also where a former request ended before it came to this.
            await self._start(
                names.CREATION_WORKFLOW,
                given,
                names.creation_id(key),
                reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            )
        return row, new

    async def get(self, tenant: str) -> TenantRow:
        """NotFoundError if there is none."""
        async with self._storage.unit_of_work(tenant) as work:
            return await found(work)

    async def page(self, after: tuple[datetime, str] | None, at_most: int) -> list[TenantRow]:
        """The newest first."""
        return await tenants_page(self._storage, after, at_most)

    async def creation(self, tenant: str) -> CreationState:
        """How far its making is."""
        row = await self.get(tenant)
        return await self._query(names.creation_id(row.creation_key), CreationState)

    async def ask_creation(self, tenant: str, update: str, given: Model) -> CreationState:
        """One of the updates of its making."""
        row = await self.get(tenant)
        return await self._update(names.creation_id(row.creation_key), update, given, CreationState)

    async def welcome(self, tenant: str, user: UUID | None, *, key: str, actor: str) -> None:
        """Send a welcome again."""
        await self._there(tenant)
        given = Welcome(tenant_id=tenant, user_id=user, key=f"again-{key}", requested_by=actor)
        await self._start(names.WELCOME_WORKFLOW, given, names.welcome_id(tenant, key))

    async def suspend(self, tenant: str, *, reason: str | None, actor: str) -> None:
        """Nobody works there until it is resumed. However often it is asked for, it is one
        suspension."""
        row = await self._there(tenant)
        # Until the row changes, everybody who asks means the same one.
        new = uuid5(_KEYS, f"{tenant}\x1f{row.updated_at.isoformat()}")
        given = Suspend(
            tenant_id=tenant,
            suspension=row.suspension or new,
            requested_by=actor,
            reason=reason,
        )
        workflow_id = names.suspension_id(tenant, given.suspension)
        await self._start(names.SUSPENSION_WORKFLOW, given, workflow_id)

    async def resume(self, tenant: str, *, reason: str | None, actor: str) -> None:
        """Those work again who did before; nothing if it is not suspended."""
        row = await self._there(tenant)
        if row.suspension is None:
            return
        given = Suspend(
            tenant_id=tenant, suspension=row.suspension, requested_by=actor, reason=reason
        )
        workflow_id = names.resumption_id(tenant, row.suspension)
        await self._start(names.RESUMPTION_WORKFLOW, given, workflow_id)

    async def export(self, tenant: str, *, key: str | None, reason: str | None, actor: str) -> UUID:
        """The id of an export that is being made; the same key makes one."""
        await self.get(tenant)
        export = uuid4() if key is None else uuid5(_KEYS, f"{tenant}\x1f{key}")
        given = ExportTenant(tenant_id=tenant, export_id=export, requested_by=actor, reason=reason)
        await self._start(names.EXPORT_WORKFLOW, given, names.export_id(tenant, export))
        return export

    async def exports(self, tenant: str) -> list[ExportRow]:
        """The latest fifty."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work)
            return await work.tenants.exports.latest(_SHOWN_EXPORTS)

    async def delete(self, tenant: str, *, reason: str | None, actor: str) -> UUID:
        """The id of the deletion that is under way from now on, or was before. One that has lost
        its workflow goes on. ConflictError for the management tenant and for one that is not there
        to be deleted."""
        if tenant == self.management:
            raise ConflictError(
                "The management tenant is never deleted.",
                code="MANAGEMENT_TENANT",
                remedy="Name another one in WORKER_MANAGEMENT_TENANT first.",
            )
        async with self._storage.unit_of_work(tenant) as work:
            row = await found(work)
            latest = await work.tenants.deletions.latest()
        is_open = latest is not None and latest.state not in ("deleted", "rolled_back")
        if not is_open and row.state not in ("active", "suspended"):
            raise ConflictError(
                f"The tenant is {row.state}; only an active or suspended one is deleted.",
                code="TENANT_STATE",
            )
        progress = DeletionProgress()
        if is_open and latest is not None and latest.state == "deleting":
            progress = DeletionProgress(phase="erase")
        deletion = latest.id if is_open and latest is not None else uuid4()
        given = DeleteTenant(
            tenant_id=tenant,
            deletion_id=deletion,
            requested_by=actor,
            reason=reason,
            progress=progress,
        )
        await self._start(
            names.DELETION_WORKFLOW,
            given,
            names.deletion_id(tenant),
            reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )
        return deletion

    async def deletion(self, tenant: str) -> tuple[DeletionRow, DeletionState | None]:
        """The latest one, and what its workflow says, if that is there yet. NotFoundError if there
        was none."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work)
            row = await work.tenants.deletions.latest()
        if row is None:
            raise NotFoundError("The tenant is not being deleted.")
        try:
            state = await self._query(names.deletion_id(tenant), DeletionState)
        except (NotFoundError, UnavailableError):
            return row, None  # The row says what there is to know.
        return row, state if state.deletion_id == row.id else None

    async def ask_deletion(self, tenant: str, update: str, given: Model) -> DeletionState:
        """One of the updates of its deletion."""
        return await self._update(names.deletion_id(tenant), update, given, DeletionState)

    async def _there(self, tenant: str) -> TenantRow:
        row = await self.get(tenant)
        if row.state not in ("active", "suspended"):
            raise ConflictError(f"The tenant is {row.state}.", code="TENANT_STATE")
        return row

    async def _start(
        self,
        workflow: str,
        given: Model,
        workflow_id: str,
        *,
        reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    ) -> None:
        """Nothing if there is one, or was one that is not to be begun again."""
        try:
            await self._client.start_workflow(
                workflow,
                given,
                id=workflow_id,
                task_queue=TENANTS,
                id_reuse_policy=reuse,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise self._failure(error) from error

    async def _query(self, workflow_id: str, answer: type[S]) -> S:
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            return await handle.query(names.STATE_QUERY, result_type=answer)
        except RPCError as error:
            raise self._failure(error) from error

    async def _update(self, workflow_id: str, update: str, given: Model, answer: type[S]) -> S:
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            described = await handle.describe()
            if described.status is not WorkflowExecutionStatus.RUNNING:
                raise ConflictError("It is over.", code="TENANT_STATE")
            ask = cast("Callable[..., Awaitable[S]]", handle.execute_update)
            return await ask(update, given, result_type=answer)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            code = cause.type if isinstance(cause, ApplicationError) else None
            raise ConflictError(str(cause), code=code or "TENANT_STATE") from None
        except RPCError as error:
            raise self._failure(error) from error

    def _failure(self, error: RPCError) -> Exception:
        if error.status is RPCStatusCode.NOT_FOUND:
            return NotFoundError("There is nothing under way.", remedy="Ask for it first.")
        return UnavailableError(
            "Temporal",
            self._address,
            error.message,
            remedy="Check TEMPORAL_ADDRESS, and that the queue tenant-workflows is served.",
        )
