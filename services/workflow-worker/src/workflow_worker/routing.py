"""What takes events to runs, tells runs what has ended their waits, and does what runs ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.catalogue.advertising import AdvertisingActivities
from alga_workflows_core.events.accepting import Acceptor
from alga_workflows_core.events.relay import Relay
from alga_workflows_core.events.triggers import TriggerDeliveries
from alga_workflows_core.events.waits import EventWaitRules
from alga_workflows_core.infra.supervisor import (
    PeriodicService,
    Service,
)
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.calendars import StoredCalendars
from alga_workflows_core.runs.deliverer import Deliverer
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.tasks.rules import TaskRules
from workflow_worker.base import Base, each_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What takes events to runs, and tells runs what has ended their waits."""

    deliver: PeriodicService
    services: tuple[Service, ...]


def routing(base: Base, launcher: Launcher, start: PeriodicService) -> Routing:
    """Relay and deliverer; `start` is poked when an event has started a run."""
    storage = base.storage
    triggers = TriggerDeliveries(storage, launcher.start_for_event, started=start.poke)
    deliverer = Deliverer(storage=storage, client=base.client, elsewhere={"trigger": triggers})
    deliver = each_second("deliverer", deliverer.deliver_due)
    relay = Relay(
        storage=storage, acceptor=Acceptor(storage), metrics=base.metrics, delivers=deliver.poke
    )
    return Routing(deliver=deliver, services=(each_second("relay", relay.accept_due), deliver))


def activities(base: Base, routing: Routing) -> Sequence[Callable[..., Awaitable[Any]]]:
    """All that the authored queue serves besides the workflow."""
    storage, registry = base.storage, base.registry
    runs = RunActivities(
        performer=Performer(
            registry, ledger=Ledger(storage), secrets=base.settings.secrets.provider()
        ),
        rows=RowWriter(storage=storage, closed=base.closed, metrics=base.metrics),
        waits=WaitDesk(
            storage, {"event": EventWaitRules(), "task": TaskRules()}, poke=routing.deliver.poke
        ),
        calendars=StoredCalendars(storage),
    )
    advertising = AdvertisingActivities(storage=storage, own=registry.specs())
    return [*runs.all(), *advertising.all()]
