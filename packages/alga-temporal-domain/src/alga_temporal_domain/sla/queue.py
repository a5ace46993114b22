"""The queue of SLA clocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from alga_temporal_domain.queues.spec import SLA, QueueSpec
from alga_temporal_domain.sla.activities import SlaActivities
from alga_temporal_domain.sla.workflow import SlaTicketWorkflow
from alga_temporal_domain.storage.unit_of_work import DomainStorage


def queue_spec(storage: DomainStorage, *, hint: Callable[[], Awaitable[None]]) -> QueueSpec:
    """What is served on it. `hint` is told that there are events to be delivered."""
    return QueueSpec(
        name=SLA,
        workflows=(SlaTicketWorkflow,),
        activities=(SlaActivities(storage, hint).record,),
    )
