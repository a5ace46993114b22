"""The queue `tenant-workflows`."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.client import Client

from alga_temporal_domain.mail.port import Mail
from alga_temporal_domain.queues.spec import TENANTS, QueueSpec
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.tenants.activities import TenantActivities
from alga_temporal_domain.tenants.creation import TenantCreation
from alga_temporal_domain.tenants.deletion import TenantDeletion
from alga_temporal_domain.tenants.deletion_activities import DeletionActivities
from alga_temporal_domain.tenants.exporting import Exporter
from alga_temporal_domain.tenants.lifecycle import (
    ResendWelcomeEmail,
    TenantExport,
    TenantResumption,
    TenantSuspension,
)
from alga_temporal_domain.tenants.ports import ExportStore, TenantHooks
from alga_temporal_domain.tenants.seeds import Seeding, SeedPack
from alga_temporal_domain.tenants.settings import TenantSettings, split
from alga_temporal_domain.tenants.tables import TenantTables


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantParts:
    """What tenants are served with. `management`: the tenant that is never deleted. `exports` and
    `mail` may be None: what needs them waits for an operator."""

    storage: DomainStorage
    client: Client
    settings: TenantSettings
    management: str | None
    mail: Mail | None
    hooks: TenantHooks
    packs: tuple[SeedPack, ...]
    exports: ExportStore | None


def queue_spec(parts: TenantParts) -> QueueSpec:
    """Every workflow of tenants, with its activities."""
    creation = TenantActivities(
        storage=parts.storage,
        mail=parts.mail,
        application_url=parts.settings.application_url,
        hooks=parts.hooks,
        seeding=Seeding(parts.storage, parts.packs),
    )
    deletion = DeletionActivities(
        storage=parts.storage,
        client=parts.client,
        mail=parts.mail,
        tables=TenantTables(
            storage=parts.storage,
            schemas=split(parts.settings.schemas),
            columns=split(parts.settings.columns),
        ),
        exporter=None if parts.exports is None else Exporter(parts.storage, parts.exports),
        management=parts.management,
    )
    return QueueSpec(
        name=TENANTS,
        workflows=(
            TenantCreation,
            ResendWelcomeEmail,
            TenantSuspension,
            TenantResumption,
            TenantExport,
            TenantDeletion,
        ),
        activities=(
            creation.add_tenant,
            creation.apply_seeds,
            creation.add_admin,
            creation.activate_tenant,
            creation.fail_tenant,
            creation.retire_admin,
            creation.tell_hooks,
            creation.send_welcome,
            creation.suspend_tenant,
            creation.resume_tenant,
            deletion.export_tenant,
            deletion.fail_export,
            deletion.begin_deletion,
            deletion.note_deletion,
            deletion.remind_tenant,
            deletion.roll_back_deletion,
            deletion.begin_erasing,
            deletion.remove_schedules,
            deletion.erase_tenant,
            deletion.verify_erased,
            deletion.bury_tenant,
        ),
        activity_slots=20,
    )
