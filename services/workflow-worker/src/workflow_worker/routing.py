"""What takes events to runs, tells runs what has ended their waits, and does what runs ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.catalogue.advertising import AdvertisingActivities
from alga_workflows_core.events.accepting import Acceptor
from alga_workflows_core.events.desk import EventDesk
from alga_workflows_core.events.ingress import Ingress
from alga_workflows_core.events.relay import Relay
from alga_workflows_core.events.retention import EVERY, EventRetention
from alga_workflows_core.events.triggers import TriggerDeliveries
from alga_workflows_core.events.types import JudgesByType
from alga_workflows_core.events.waits import EventWaitRules
from alga_workflows_core.infra.supervisor import PeriodicService, Service
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.calendars import StoredCalendars
from alga_workflows_core.runs.cancelling import CancelDeliveries
from alga_workflows_core.runs.children import Children
from alga_workflows_core.runs.deliverer import Deliverer
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import WaitDesk, WaitKindRules
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.storage.unit_of_work import Due, Storage
from alga_workflows_core.tasks.clock import TaskClock
from alga_workflows_core.tasks.rules import TaskRules
from workflow_worker.base import Base, each_second
from workflow_worker.keeping import Keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What takes events to runs, and tells runs what has ended their waits."""

    ingress: Ingress
    desk: EventDesk
    services: tuple[Service, ...]


def routing(base: Base, launcher: Launcher, runs: Keeping) -> Routing:
    """Relay and deliverer; whatever leaves work for them, or for the starter, wakes them."""
    storage = base.storage
    elsewhere = {
        "trigger": TriggerDeliveries(storage, launcher.start_for_event),
        "cancel": CancelDeliveries(storage, runs.operations),
    }
    deliverer = Deliverer(storage=storage, client=base.client, elsewhere=elsewhere)
    deliver = each_second("deliverer", deliverer.deliver_due)
    storage.when_left(Due.STARTS, runs.start.poke)
    storage.when_left(Due.DELIVERIES, deliver.poke)
    types = JudgesByType()
    relay = Relay(
        storage=storage,
        acceptor=Acceptor(storage, types),
        metrics=base.metrics,
    )
    accept = each_second("relay", relay.accept_due)
    storage.when_left(Due.EVENTS, accept.poke)
    return Routing(
        ingress=Ingress(storage, types),
        desk=EventDesk(storage),
        services=(
            accept,
            deliver,
            each_second("task-clock", TaskClock(storage).look),
            _retention(base),
        ),
    )


def _retention(base: Base) -> PeriodicService:
    keep = timedelta(days=base.settings.events.retention)
    retention = EventRetention(base.storage, base.metrics, keep=keep)
    # It is some process's turn each interval; this asks whether it is ours.
    return PeriodicService("event-retention", EVERY.total_seconds() / 2, retention.remove_old)


def wait_desk(storage: Storage, launcher: Launcher) -> WaitDesk:
    """Opens and closes waits of every kind."""
    children = Children(launcher)
    rules: dict[str, WaitKindRules] = {
        "event": EventWaitRules(),
        "task": TaskRules(),
        "child": children,
    }
    return WaitDesk(storage, rules, starts=children)


def activities(base: Base, launcher: Launcher) -> Sequence[Callable[..., Awaitable[Any]]]:
    """All that the authored queue serves besides the workflow."""
    storage, registry = base.storage, base.registry
    runs = RunActivities(
        performer=Performer(
            registry, ledger=Ledger(storage), secrets=base.settings.secrets.provider()
        ),
        rows=RowWriter(storage=storage, closed=base.closed, metrics=base.metrics),
        waits=wait_desk(storage, launcher),
        calendars=StoredCalendars(storage),
    )
    advertising = AdvertisingActivities(storage=storage, own=registry.specs())
    return [*runs.all(), *advertising.all()]
