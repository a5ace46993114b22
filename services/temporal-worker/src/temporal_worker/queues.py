"""The domain's queues in this process: who polls them, who watches that, who keeps schedules."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from alga_temporal_domain.queues.desk import QueueDesk
from alga_temporal_domain.queues.polling import Polling, QueueService, tell_others
from alga_temporal_domain.queues.probing import DeepProbe
from alga_temporal_domain.queues.table import QueueTable
from alga_temporal_domain.queues.watching import PollWatch
from alga_temporal_domain.schedules.converging import Converging
from alga_temporal_domain.schedules.temporal import TemporalSchedules
from alga_workflows_core.infra.elected import ElectedService
from alga_workflows_core.infra.health import Check
from alga_workflows_core.infra.supervisor import Service
from temporal_worker.base import Parts
from temporal_worker.families import Families
from temporal_worker.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """`services` come before the one that watches: the first look is to find them polling."""

    services: tuple[Service, ...]
    checks: tuple[Check, ...]
    desk: QueueDesk
    deep: DeepProbe


def table_of(settings: ServiceSettings, families: Families) -> QueueTable:
    """All queues of the domain."""
    return QueueTable.of(families.queues, settings.queues.slots)


def domain_queues(parts: Parts, families: Families, *, stopping: asyncio.Event) -> Queues:
    """The queues that the settings choose, of those that are served."""
    settings = parts.settings
    table = table_of(settings, families)
    chosen = settings.queues.chosen
    tell_others(table.unserved(chosen))
    polling = Polling(
        client=parts.domain_client,
        build_id=settings.process.build_id,
        grace=timedelta(seconds=settings.process.stop_timeout),
        stopping=stopping,
    )
    specs = table.polled(chosen)
    watches = {
        spec.name: PollWatch(
            parts.client, spec.name, longest_silence=settings.queues.longest_silence
        )
        for spec in specs
    }
    schedules = _schedules(parts, families)
    return Queues(
        services=(*(QueueService(spec, polling, watches[spec.name]) for spec in specs), schedules),
        checks=(
            *(_polls(watch, settings) for watch in watches.values()),
            Check(name="schedules", probe=schedules.probe, address=settings.temporal.address),
        ),
        desk=QueueDesk(parts.client, table, watches),
        deep=DeepProbe(
            parts.domain_client, [spec.name for spec in specs], wait=settings.queues.probe_wait
        ),
    )


def _polls(watch: PollWatch, settings: ServiceSettings) -> Check:
    return Check(
        name=f"polls {watch.queue}",
        probe=watch.probe,
        address=settings.temporal.address,
        is_alive=watch.is_alive,
    )


def _schedules(parts: Parts, families: Families) -> ElectedService:
    temporal = TemporalSchedules(parts.domain_client, key_id=parts.settings.payloads.key_id)
    return ElectedService(
        "schedules",
        parts.database,
        task=f"alga-temporal-domain schedules of {parts.client.namespace}",
        work=Converging(temporal, families.schedules).round,
        interval=parts.settings.schedules.interval,
    )
