"""Exports of tenants, and their ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

import structlog
from temporalio import activity
from temporalio.client import Client

from alga_temporal_domain.mail.port import Mail
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.activities import active_admins, configured, found, give_back
from alga_temporal_domain.tenants.contracts import (
    BeginDeletion,
    Erased,
    Exported,
    ExportTenant,
    FailedExport,
    OfDeletion,
    OfTenant,
    Remind,
)
from alga_temporal_domain.tenants.erasing import Eraser
from alga_temporal_domain.tenants.exporting import Exporter
from alga_temporal_domain.tenants.messages import reminder
from alga_temporal_domain.tenants.refusals import refusals
from alga_temporal_domain.tenants.schedules import remove_schedules
from alga_temporal_domain.tenants.tables import TenantTables
from alga_workflows_core.errors import ConflictError, UnavailableError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionActivities:
    """Of export and deletion. Each may run again after it has been done, and then does nothing
    more."""

    storage: DomainStorage
    client: Client
    mail: Mail | None
    tables: TenantTables
    exporter: Exporter | None
    management: str | None
    erased_at_a_time: int = 1000

    @activity.defn(name=names.EXPORT_TENANT)
    async def export_tenant(self, given: ExportTenant) -> Exported:
        """All rows, written down. ConflictError EXPORTS_NOT_CONFIGURED without a place for them."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await found(work)
                await work.tenants.exports.begin(
                    given.export_id, actor=given.requested_by, reason=given.reason
                )
            if self.exporter is None:
                raise ConflictError(
                    "There is no place for exports.",
                    code="EXPORTS_NOT_CONFIGURED",
                    remedy="Set WORKER_TENANT_EXPORTS.",
                )
            made = await self._export(self.exporter, given)
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.exports.done(
                    given.export_id,
                    place=made.place,
                    tables=made.tables,
                    rows=made.rows,
                    size=made.bytes,
                    sha256=made.sha256,
                )
            return made

    @activity.defn(name=names.FAIL_EXPORT)
    async def fail_export(self, given: FailedExport) -> None:
        """Note that it came to nothing."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.exports.failed(given.export_id, given.error)

    @activity.defn(name=names.BEGIN_DELETION)
    async def begin_deletion(self, given: BeginDeletion) -> None:
        """The row of the deletion first; then the tenant is leaving and its users are inactive, in
        the same transaction. ConflictError for the management tenant, for one that is not active
        or suspended, and where rows could be overlooked."""
        with refusals():
            self._refuse_management(given.tenant_id)
            await self.tables.to_erase()
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work, lock=True)
                if await work.tenants.deletions.get(given.deletion_id) is not None:
                    return
                if row.state not in ("active", "suspended"):
                    raise ConflictError(
                        f"The tenant is {row.state}; only an active or suspended one is deleted.",
                        code="TENANT_STATE",
                    )
                await work.tenants.deletions.begin(
                    given.deletion_id,
                    previous_state=row.state,
                    actor=given.requested_by,
                    reason=given.reason,
                )
                await work.tenants.move("leaving")
                if row.state == "active":
                    await work.tenants.set_suspension(given.deletion_id)
                    await work.tenants.users.take(given.deletion_id)

    @activity.defn(name=names.NOTE_DELETION)
    async def note_deletion(self, given: OfDeletion) -> None:
        """What has become of it."""
        with refusals():
            await self._note(given)

    @activity.defn(name=names.REMIND_TENANT)
    async def remind_tenant(self, given: Remind) -> None:
        """Write to the admins, once for each number of days before one date."""
        with refusals():
            mail = configured(self.mail)
            at = given.due_at.astimezone(UTC)
            key = f"deletion-{given.deletion_id}-{given.days}-{at:%Y%m%d%H%M}"
            async with self.storage.unit_of_work(given.tenant_id) as work:
                if await work.tenants.ledger.has(key):
                    return
                row = await found(work)
                admins = tuple(user.email for user in await active_admins(work))
            if not admins:
                raise ConflictError("The tenant has no admin to write to.", code="ADMIN_MISSING")
            message_id = await mail.send(
                reminder(
                    to=admins,
                    tenant_name=row.name,
                    days=given.days,
                    due=at,
                    key=f"{given.tenant_id}:{key}",
                )
            )
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.ledger.add(key, "mail.deletion", message_id)

    @activity.defn(name=names.ROLL_BACK_DELETION)
    async def roll_back_deletion(self, given: OfDeletion) -> None:
        """The tenant is as it was: active with those users that this deletion has deactivated, or
        still suspended."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work, lock=True)
                deletion = await work.tenants.deletions.get(given.deletion_id)
                if deletion is None or deletion.state == "rolled_back":
                    return
                await work.tenants.deletions.note(given.deletion_id, state="rolled_back")
                await work.tenants.move(deletion.previous_state)
                if deletion.previous_state == "active":
                    await give_back(work, row)

    @activity.defn(name=names.BEGIN_ERASING)
    async def begin_erasing(self, given: OfDeletion) -> None:
        """From here on there is no way back. ConflictError without an export or a waiver of it."""
        with refusals():
            self._refuse_management(given.tenant_id)
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await found(work, lock=True)
                deletion = await work.tenants.deletions.get(given.deletion_id)
                if deletion is None or not (deletion.export_sha256 or deletion.waived_by):
                    raise ConflictError(
                        "The tenant was not exported, and nobody has waived that.",
                        code="EXPORT_MISSING",
                    )
                await work.tenants.move("deleting")
                await work.tenants.deletions.note(given.deletion_id, state="deleting")

    @activity.defn(name=names.REMOVE_SCHEDULES)
    async def remove_schedules(self, given: OfTenant) -> None:
        """The tenant's schedules, so that nothing begins anew."""
        with refusals():
            self._refuse_management(given.tenant_id)
            await remove_schedules(self.client, given.tenant_id)

    @activity.defn(name=names.ERASE_TENANT)
    async def erase_tenant(self, given: OfTenant) -> Erased:
        """Every row but those that tell that there was a tenant; how many are gone. Only of a
        tenant that is being deleted."""
        with refusals():
            self._refuse_management(given.tenant_id)
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work)
            if row.state not in ("deleting", "failed"):
                raise ConflictError(
                    f"The tenant is {row.state}; nothing is erased.", code="TENANT_STATE"
                )
            details = activity.info().heartbeat_details
            return Erased(
                rows=await self._eraser.erase(
                    given.tenant_id,
                    before=int(details[0]) if details else 0,
                    told=activity.heartbeat,
                )
            )

    @activity.defn(name=names.VERIFY_ERASED)
    async def verify_erased(self, given: OfTenant) -> None:
        """ConflictError NOT_EMPTY if a row is left in any table."""
        with refusals():
            await self._eraser.verify(given.tenant_id, told=activity.heartbeat)

    @activity.defn(name=names.BURY_TENANT)
    async def bury_tenant(self, given: OfDeletion) -> None:
        """What is left is a row without a name, and that of the deletion with the checksum of the
        export."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work, lock=True)
                if row.state == "failed":
                    await work.tenants.move("deleting")
                await work.tenants.bury()
                deletion = await work.tenants.deletions.get(given.deletion_id)
                if deletion is not None and deletion.state != "deleted":
                    if deletion.state == "failed":
                        await work.tenants.deletions.note(given.deletion_id, state="deleting")
                    await work.tenants.deletions.note(
                        given.deletion_id, state="deleted", rows_deleted=given.rows_deleted
                    )
        log.info("A tenant was deleted.", action="tenant.deleted", tenant=given.tenant_id)

    @property
    def _eraser(self) -> Eraser:
        return Eraser(self.storage, self.tables, at_a_time=self.erased_at_a_time)

    async def _export(self, exporter: Exporter, given: ExportTenant) -> Exported:
        tables = await self.tables.all()
        try:
            return await exporter.export(
                given.tenant_id, given.export_id, tables, activity.heartbeat
            )
        except OSError as error:
            raise UnavailableError(
                "The store of exports",
                "WORKER_TENANT_EXPORTS",
                error.strerror or type(error).__name__,
                remedy="Check that there is room, and that this user may write there.",
            ) from error

    async def _note(self, given: OfDeletion) -> None:
        waiver = given.waiver
        more = {"waived_by": waiver.by, "waived_reason": waiver.reason} if waiver else {}
        async with self.storage.unit_of_work(given.tenant_id) as work:
            await found(work, lock=True)
            row = await work.tenants.deletions.get(given.deletion_id)
            if row is None:
                return
            # A deletion that was begun again may have been confirmed before.
            stays = row.state == "confirmed" and given.state == "awaiting_confirmation"
            await work.tenants.deletions.note(
                given.deletion_id,
                state=None if stays else given.state,
                error=given.error,
                due_at=given.due_at,
                confirmed_by=given.confirmed_by,
                export_id=given.export_id,
                export_sha256=given.export_sha256,
                rows_deleted=given.rows_deleted,
                **more,
            )

    def _refuse_management(self, tenant: str) -> None:
        if tenant == self.management:
            raise ConflictError(
                f"{tenant} is the management tenant, which is never deleted.",
                code="MANAGEMENT_TENANT",
                remedy="Name another one in WORKER_MANAGEMENT_TENANT first.",
            )
