"""What projects' processes count, on its way to the database: nothing lost, nothing twice."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from alga_temporal_domain.projects.durations import BUCKETS, merge
from alga_temporal_domain.projects.process.statistics import Stats
from alga_temporal_domain.projects.supervision.leases import Grant
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.worker_statistics import (
    ActivityDelta,
    InstanceDelta,
    WorkerStatistics,
)

log = structlog.get_logger()

MOST_INSTANCES = 2000
"""Processes whose figures are kept while they cannot be written."""


@dataclass(slots=True)
class _Gathered:
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    rss_mb: float = 0.0
    workflows: int = 0
    workflow_ms: float = 0.0
    activities: dict[str, ActivityDelta] = field(default_factory=dict[str, ActivityDelta])

    def add(self, stats: Stats) -> None:
        self.seconds += stats.seconds
        self.cpu_seconds += stats.cpu_seconds
        self.rss_mb = stats.rss_mb
        for counts in stats.workflows.values():
            self.workflows += counts.completed + counts.failed
            self.workflow_ms += counts.sum_ms
        for name, counts in stats.activities.items():
            before = self.activities.get(name) or ActivityDelta(
                activity=name, ok=0, failed=0, sum_ms=0.0, histogram=[0] * BUCKETS
            )
            self.activities[name] = ActivityDelta(
                activity=name,
                ok=before.ok + counts.ok,
                failed=before.failed + counts.failed,
                sum_ms=before.sum_ms + counts.sum_ms,
                histogram=merge((before.histogram, counts.histogram)),
            )


@dataclass(slots=True)
class _Process:
    grant: Grant
    gathered: _Gathered | None = None
    sending: InstanceDelta | None = None
    batch: int = 0
    busy_at: float | None = None
    has_ended: bool = False


class Statistics:
    """Gathers per process, and writes all that there is at once.

    A batch that could not be written is sent again as it was, with its number, so that it counts
    once even if nobody heard that it had been written. What was done counts also when the slot was
    lost meanwhile: these figures are of one process, and only its supervisor has them.
    """

    def __init__(self, storage: DomainStorage, *, holder: str) -> None:
        self._storage = storage
        self._holder = holder
        self._processes: dict[UUID, _Process] = {}

    def take(self, grant: Grant, instance_id: UUID, stats: Stats) -> None:
        """Add what a process has told."""
        process = self._processes.get(instance_id)
        if process is None:
            process = self._processes[instance_id] = _Process(grant)
            self._bound()
        if stats.activities or stats.workflows or stats.running_activities:
            process.busy_at = time.monotonic()
        if process.gathered is None:
            process.gathered = _Gathered()
        process.gathered.add(stats)

    def ended(self, instance_id: UUID) -> None:
        """Nothing more will come of this process."""
        process = self._processes.get(instance_id)
        if process is not None:
            process.has_ended = True

    async def write(self) -> None:
        """Write what there is, a transaction per tenant. UnavailableError, and all is kept."""
        tenants: dict[str, list[UUID]] = {}
        for instance_id, process in self._processes.items():
            self._close(instance_id, process)
            tenants.setdefault(process.grant.tenant, []).append(instance_id)
        for tenant, instances in tenants.items():
            sending = [
                delta for one in sorted(instances) if (delta := self._processes[one].sending)
            ]
            if sending:
                async with self._storage.transaction(tenant) as connection:
                    statistics = WorkerStatistics(connection, tenant)
                    for delta in sending:
                        await statistics.add(delta)
            for delta in sending:
                self._processes[delta.id].sending = None
            self._forget(instances)

    def _close(self, instance_id: UUID, process: _Process) -> None:
        """Make a batch of what was gathered, unless one is still to be written."""
        gathered = process.gathered
        if process.sending is not None or gathered is None:
            return
        process.gathered = None
        process.batch += 1
        key = process.grant.key
        process.sending = InstanceDelta(
            id=instance_id,
            project_id=key.project_id,
            hash=key.hash,
            epoch=process.grant.epoch,
            holder=self._holder,
            batch=process.batch,
            cpu_percent=100 * gathered.cpu_seconds / max(gathered.seconds, 0.001),
            memory_mb=gathered.rss_mb,
            idle=None
            if process.busy_at is None
            else timedelta(seconds=time.monotonic() - process.busy_at),
            workflows=gathered.workflows,
            workflow_ms=gathered.workflow_ms,
            activities=tuple(gathered.activities[name] for name in sorted(gathered.activities)),
        )

    def _forget(self, instances: list[UUID]) -> None:
        for instance_id in instances:
            process = self._processes[instance_id]
            if process.has_ended and process.gathered is None and process.sending is None:
                del self._processes[instance_id]

    def _bound(self) -> None:
        if len(self._processes) <= MOST_INSTANCES:
            return
        oldest = next(iter(self._processes))
        del self._processes[oldest]
        log.warning(
            "Figures of a process were given up: they could not be written for too long.",
            action="statistics.lost",
            instance_id=str(oldest),
        )
