"""What this process serves on the domain's queues: the families, made of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.outgoing.desk import OutgoingDesk
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.schedules.desired import ScheduleSource
from alga_temporal_domain.sla.desk import SlaDesk
from alga_workflows_core.infra.supervisor import Service
from temporal_worker.base import Parts
from temporal_worker.sla import sla_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """The families' queues, the schedules that some want, and services that they need besides.

    What the API needs of a family is a field of its own.
    """

    queues: tuple[QueueSpec, ...]
    schedules: tuple[ScheduleSource, ...]
    services: tuple[Service, ...]
    sla: SlaDesk
    outgoing: OutgoingDesk


def families(parts: Parts) -> Families:
    """All of them; nothing is started. The same in every process, whichever queues it polls."""
    sla = sla_parts(parts)
    own: tuple[QueueSpec, ...] = (sla.spec,)
    replaced = {spec.name for spec in parts.mode.extra_queues}
    return Families(
        queues=(
            *(spec for spec in own if spec.name not in replaced),
            *parts.mode.extra_queues,
        ),
        schedules=parts.mode.extra_schedules,
        services=sla.services,
        sla=sla.desk,
        outgoing=sla.outgoing,
    )
