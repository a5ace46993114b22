"""What this process serves on the domain's queues: the families, made of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.jobs.family import JobFamily
from alga_temporal_domain.outgoing.desk import OutgoingDesk
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.schedules.desired import ScheduleSource
from alga_temporal_domain.sla.desk import SlaDesk
from alga_temporal_domain.tenants.standing import TenantStanding
from alga_workflows_core.infra.supervisor import Service
from temporal_worker.base import Parts
from temporal_worker.jobs import jobs_of
from temporal_worker.sla import sla_parts
from temporal_worker.tenants import Tenants, domain_tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """The families' queues, the schedules that some want, and services that they need besides.

    What the API needs of a family is a field of its own.
    """

    queues: tuple[QueueSpec, ...]
    schedules: tuple[ScheduleSource, ...]
    services: tuple[Service, ...]
    tenants: Tenants
    jobs: JobFamily
    sla: SlaDesk
    outgoing: OutgoingDesk


def families(parts: Parts) -> Families:
    """All of them; nothing is started. The same in every process, whichever queues it polls."""
    tenants = domain_tenants(parts)
    jobs = jobs_of(parts, tenants=TenantStanding(parts.storage))
    sla = sla_parts(parts)
    own: tuple[QueueSpec, ...] = (tenants.spec, jobs.queue, sla.spec)
    replaced = {spec.name for spec in parts.mode.extra_queues}
    return Families(
        queues=(
            *(spec for spec in own if spec.name not in replaced),
            *parts.mode.extra_queues,
        ),
        schedules=parts.mode.extra_schedules,
        services=(*jobs.services, *sla.services),
        tenants=tenants,
        jobs=jobs,
        sla=sla.desk,
        outgoing=sla.outgoing,
    )
