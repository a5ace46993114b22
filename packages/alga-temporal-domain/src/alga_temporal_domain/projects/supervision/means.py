"""What keepers of slots work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alga_temporal_domain.projects.bundles import stored
from alga_temporal_domain.projects.calling import Broker
from alga_temporal_domain.projects.limiting import limits_of
from alga_temporal_domain.projects.names import worker_identity
from alga_temporal_domain.projects.process.order import TemporalTarget, WorkOrder
from alga_temporal_domain.projects.supervision.children import Launcher
from alga_temporal_domain.projects.supervision.leases import Grant
from alga_temporal_domain.projects.supervision.log_lines import LogLines
from alga_temporal_domain.projects.supervision.metrics import SupervisionMetrics
from alga_temporal_domain.projects.supervision.restarts import Restarts
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.projects.supervision.statistics import Statistics
from alga_temporal_domain.storage.fenced import HeldSlot, fenced
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import NotFoundError


class Routing(Protocol):
    """Tells Temporal which version new executions begin on."""

    async def tell(self, tenant: str, project_id: UUID) -> int | None:
        """Return when Temporal knows the newest activation of a project: its number."""
        ...

    async def answers(self) -> bool:
        """Whether Temporal can be reached."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Shared by all slots of one supervisor."""

    storage: DomainStorage
    settings: SupervisionSettings
    restarts: Restarts
    launcher: Launcher
    routing: Routing
    broker_of: Callable[[str, UUID], Broker]
    """By tenant and project."""
    temporal: TemporalTarget
    statistics: Statistics
    metrics: SupervisionMetrics
    lines: LogLines
    holder: str
    host: str
    starts: asyncio.Semaphore
    """As many processes may be starting at the same time."""

    def fenced(self, grant: Grant) -> AbstractAsyncContextManager[HeldSlot]:
        """A transaction that changes nothing once the grant is over."""
        return fenced(
            self.storage,
            grant.key,
            tenant=grant.tenant,
            holder=self.holder,
            epoch=grant.epoch,
            patience=self.settings.patience,
        )

    async def order(self, grant: Grant) -> WorkOrder:
        """What the process of a slot is to do. ValueError if what is stored is not what
        was published under the slot's hash."""
        project_id, bundle_hash, number = grant.key
        async with self.storage.unit_of_work(grant.tenant) as work:
            project = await work.projects.get(project_id)
            content = await work.bundles.content(project_id, bundle_hash)
        if project is None or content is None:
            raise NotFoundError(f"Project {project_id} has no bundle {bundle_hash}.")
        bundle = await stored(content, bundle_hash)
        if bundle is None:
            raise ValueError("what is stored is not what was published under this hash")
        return WorkOrder(
            project_id=project_id,
            bundle_hash=bundle_hash,
            bundle=bundle,
            limits=limits_of(project, bundle),
            queue=project.task_queue_name,
            slot=number,
            epoch=grant.epoch,
            identity=worker_identity(project_id, bundle_hash, number, grant.epoch, self.host),
            temporal=self.temporal,
        )
