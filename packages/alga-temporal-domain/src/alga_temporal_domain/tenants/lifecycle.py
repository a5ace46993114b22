"""The short workflows of a tenant that is there: welcome again, suspend, resume, export."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.acting import act, act_for_long, do, why
from alga_temporal_domain.tenants.contracts import (
    Exported,
    ExportTenant,
    FailedExport,
    OfTenant,
    Suspend,
    Suspended,
    Told,
    Welcome,
    Welcomed,
)


@workflow.defn(name=names.WELCOME_WORKFLOW)
class ResendWelcomeEmail:
    """A new link by mail. Nothing is locked before, or if the mail does not go out."""

    @workflow.run
    async def run(self, given: Welcome) -> Welcomed:
        try:
            return await act(names.SEND_WELCOME, given, Welcomed)
        except ActivityError as error:
            raise ApplicationError(why(error), type="WELCOME_FAILED") from error


@workflow.defn(name=names.SUSPENSION_WORKFLOW)
class TenantSuspension:
    """Users out, then others are told."""

    @workflow.run
    async def run(self, given: Suspend) -> Suspended:
        done = await act(names.SUSPEND_TENANT, given, Suspended)
        await _tell(given, "tenant.suspended")
        return done


@workflow.defn(name=names.RESUMPTION_WORKFLOW)
class TenantResumption:
    """Exactly those users back, then others are told."""

    @workflow.run
    async def run(self, given: Suspend) -> Suspended:
        done = await act(
            names.RESUME_TENANT,
            OfTenant(tenant_id=given.tenant_id, requested_by=given.requested_by),
            Suspended,
        )
        await _tell(given, "tenant.resumed")
        return done


@workflow.defn(name=names.EXPORT_WORKFLOW)
class TenantExport:
    """All rows written down; a failure is one, and stands in the export's row."""

    @workflow.run
    async def run(self, given: ExportTenant) -> Exported:
        try:
            return await act_for_long(names.EXPORT_TENANT, given, Exported)
        except ActivityError as error:
            failed = FailedExport(
                tenant_id=given.tenant_id, export_id=given.export_id, error=why(error)
            )
            await do(names.FAIL_EXPORT, failed)
            raise ApplicationError(failed.error, type="EXPORT_FAILED") from error


async def _tell(given: Suspend, event: str) -> None:
    key = f"{event}-{given.suspension}"
    await do(names.TELL_HOOKS, Told(tenant_id=given.tenant_id, event=event, key=key))
