"""SLA clocks and the events that they send, with this process's settings."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.outgoing.desk import OutgoingDesk
from alga_temporal_domain.outgoing.metrics import OutgoingMetrics
from alga_temporal_domain.outgoing.relay import CHANNEL, HINT, Relay
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.sla.desk import SlaDesk
from alga_temporal_domain.sla.queue import queue_spec
from alga_workflows_core.infra.supervisor import Backoff, PeriodicService, Service
from temporal_worker.base import Parts

RELAY_SECONDS = 2.0
SWEEP_SECONDS = 15.0
FORGET_SECONDS = 3600.0

_AGAIN = Backoff(first=1.0, longest=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaParts:
    """`services` come behind the hints."""

    spec: QueueSpec
    desk: SlaDesk
    outgoing: OutgoingDesk
    services: tuple[Service, ...]


def sla_parts(parts: Parts) -> SlaParts:
    """What serves the queue, the API and the receivers of events."""
    desk = SlaDesk(
        storage=parts.storage, client=parts.domain_client, address=parts.settings.temporal.address
    )
    relay = Relay(
        storage=parts.storage,
        settings=parts.settings.outgoing,
        http=parts.http,
        metrics=OutgoingMetrics(parts.metrics.registry),
    )
    relaying = PeriodicService("outgoing-relay", RELAY_SECONDS, relay.deliver_due, backoff=_AGAIN)
    parts.hints.listen(CHANNEL, lambda payload: relaying.poke() if payload == HINT else None)

    async def hint() -> None:
        await parts.hints.send(CHANNEL, HINT)

    return SlaParts(
        spec=queue_spec(parts.storage, hint=hint),
        desk=desk,
        outgoing=OutgoingDesk(parts.storage),
        services=(
            relaying,
            PeriodicService("outgoing-retention", FORGET_SECONDS, relay.forget_old),
            PeriodicService("sla-sweep", SWEEP_SECONDS, desk.attach_left, backoff=_AGAIN),
        ),
    )
