"""What is served on the queue of jobs."""

from __future__ import annotations

from datetime import timedelta

from alga_temporal_domain.jobs.limiter import JobConcurrencyWorkflow
from alga_temporal_domain.jobs.performing import Performing
from alga_temporal_domain.jobs.slots import Slots
from alga_temporal_domain.jobs.workflow import GenericJobWorkflow
from alga_temporal_domain.queues.spec import JOBS, QueueSpec

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""A cancellation reaches a handler no later than that, and a third of its heartbeat."""


def queue_spec(
    performing: Performing,
    slots: Slots,
    *,
    activity_slots: int = 100,
    heartbeat_throttle: timedelta = HEARTBEAT_THROTTLE,
) -> QueueSpec:
    """The queue `alga-jobs`."""
    return QueueSpec(
        name=JOBS,
        workflows=(GenericJobWorkflow, JobConcurrencyWorkflow),
        activities=(performing.perform, slots.ask, slots.closed),
        activity_slots=activity_slots,
        heartbeat_throttle=heartbeat_throttle,
    )
