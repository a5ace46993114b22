"""Tenants with this process's settings: their queue, and who asks for them."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.tenants.desk import TenantDesk
from alga_temporal_domain.tenants.export_folder import FolderExports
from alga_temporal_domain.tenants.hooks import HttpHooks
from alga_temporal_domain.tenants.passwords import PasswordDesk
from alga_temporal_domain.tenants.ports import NoHooks, TenantHooks
from alga_temporal_domain.tenants.queue import TenantParts, queue_spec
from alga_temporal_domain.tenants.seeds import read_packs
from temporal_worker.base import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """What the API and the worker of the queue are given."""

    spec: QueueSpec
    desk: TenantDesk
    passwords: PasswordDesk


def domain_tenants(parts: Parts) -> Tenants:
    """SettingsError if a seed pack is none. Under `dev`, whose tenant is open, that one manages
    the others unless a setting says which."""
    settings = parts.settings.tenants
    management = settings.management or parts.mode.open_tenant
    spec = queue_spec(
        TenantParts(
            storage=parts.storage,
            client=parts.domain_client,
            settings=settings,
            management=management,
            mail=parts.settings.mail.mail(),
            hooks=_hooks(parts),
            packs=read_packs(settings.seeds),
            exports=None if settings.exports is None else FolderExports(settings.exports),
        )
    )
    desk = TenantDesk(
        parts.storage,
        parts.domain_client,
        management=management,
        address=parts.settings.temporal.address,
    )
    return Tenants(spec=spec, desk=desk, passwords=PasswordDesk(parts.storage))


def _hooks(parts: Parts) -> TenantHooks:
    settings = parts.settings.tenants
    if settings.hook_url is None or settings.hook_secret is None:
        return NoHooks()
    return HttpHooks(parts.http, settings.hook_url, settings.hook_secret)
