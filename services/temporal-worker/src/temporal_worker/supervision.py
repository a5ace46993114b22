"""What starts, watches and ends projects' processes, and keeps account of them."""

from __future__ import annotations

import asyncio
import socket
from uuid import UUID

from alga_temporal_domain.projects.builtin.broker import Broker, ProjectBroker
from alga_temporal_domain.projects.builtin.ports import Owner
from alga_temporal_domain.projects.kept import KeptFiles, KeptResults
from alga_temporal_domain.projects.process.connecting import target
from alga_temporal_domain.projects.supervision.leases import Leases, new_holder
from alga_temporal_domain.projects.supervision.log_lines import LogLines
from alga_temporal_domain.projects.supervision.means import Means
from alga_temporal_domain.projects.supervision.restarts import Restarts
from alga_temporal_domain.projects.supervision.statistics import Statistics
from alga_temporal_domain.projects.supervision.supervisor import ProjectSupervisor
from alga_temporal_domain.projects.versions import TemporalVersions
from alga_workflows_core.infra.supervisor import PeriodicService, Service
from temporal_worker.base import Parts

LOG_SECONDS = 1.0


def supervision(parts: Parts) -> list[Service]:
    """The services, in the order in which they start."""
    settings = parts.settings.supervision
    holder = new_holder()
    statistics = Statistics(parts.storage, holder=holder)
    lines = LogLines(parts.storage)
    broker = _broker(parts)

    def broker_of(tenant: str, project_id: UUID) -> ProjectBroker:
        return broker.of(Owner(project_id=project_id, tenant=tenant))

    means = Means(
        storage=parts.storage,
        settings=settings,
        restarts=Restarts(),
        launcher=parts.launcher,
        routing=TemporalVersions(parts.client, parts.storage, identity=holder),
        broker_of=broker_of,
        temporal=target(parts.settings.temporal),
        statistics=statistics,
        lines=lines,
        holder=holder,
        host=socket.gethostname(),
        starts=asyncio.Semaphore(settings.starts_at_once),
    )
    leases = Leases(parts.storage, settings, holder=holder)
    return [
        PeriodicService("worker-statistics", settings.statistics, statistics.write),
        PeriodicService("worker-logs", LOG_SECONDS, lines.write),
        ProjectSupervisor(means, leases, parts.hints),
    ]


def _broker(parts: Parts) -> Broker:
    settings = parts.settings
    return Broker(
        http=parts.guarded_http,
        mail=settings.mail.mail(),
        sms=settings.sms.sms(parts.http),
        files=KeptFiles(parts.storage),
        cache=KeptResults(parts.storage),
    )
