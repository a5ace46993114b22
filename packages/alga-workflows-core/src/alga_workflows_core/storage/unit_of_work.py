"""One transaction of one tenant.

Inside, the connection acts as the role `alga_workflows`, which no row of another tenant is visible
to, whoever the login is. What has to look or write across tenants is `Storage.across`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.database import Database, first_line, sqlstate
from alga_workflows_core.storage.across_tenants import AcrossTenants
from alga_workflows_core.storage.advertised_actions import AdvertisedActions
from alga_workflows_core.storage.api_keys import ApiKeys
from alga_workflows_core.storage.calendars import Calendars
from alga_workflows_core.storage.checkpoints import RunCheckpoints
from alga_workflows_core.storage.data import Data
from alga_workflows_core.storage.definitions import Definitions
from alga_workflows_core.storage.deliveries import Deliveries
from alga_workflows_core.storage.event_traces import EventTraces
from alga_workflows_core.storage.event_types import EventTypes
from alga_workflows_core.storage.event_uses import EventUses
from alga_workflows_core.storage.event_waits import EventWaits
from alga_workflows_core.storage.events import Events
from alga_workflows_core.storage.inbox import Inbox
from alga_workflows_core.storage.old_events import OldEvents
from alga_workflows_core.storage.open_runs import OpenRuns
from alga_workflows_core.storage.parked_messages import ParkedMessages
from alga_workflows_core.storage.rebuilt_rows import RebuiltRows
from alga_workflows_core.storage.redeliveries import Redeliveries
from alga_workflows_core.storage.runs import Runs
from alga_workflows_core.storage.schedule_fires import ScheduleFires
from alga_workflows_core.storage.schedules import Schedules
from alga_workflows_core.storage.slots import Slots
from alga_workflows_core.storage.steps import Steps
from alga_workflows_core.storage.task_records import TaskRecords
from alga_workflows_core.storage.tasks import Tasks
from alga_workflows_core.storage.waits import Waits
from alga_workflows_core.storage.webhooks import Webhooks

# All three end with the transaction. The search path is written out before the role changes, since
# "$user" in it means the role.
_ENTER = text("""
    SELECT set_config('search_path', array_to_string(ARRAY(
               SELECT quote_ident(s) FROM unnest(current_schemas(false)) s), ', '), true),
           set_config('role', 'alga_workflows', true),
           set_config('alga.tenant', :tenant, true)
""")
_ILLEGAL_TRANSITION = "AW001"
_IMMUTABLE = "AW002"


class Due(Enum):
    """What a transaction may leave to be done at once: events to accept, runs to start, deliveries
    to make, schedules to take to Temporal."""

    EVENTS = auto()
    STARTS = auto()
    DELIVERIES = auto()
    SCHEDULES = auto()


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """The repositories of one tenant in one transaction, which commits when the block ends well."""

    tenant: str
    definitions: Definitions
    runs: Runs
    open_runs: OpenRuns
    steps: Steps
    api_keys: ApiKeys
    advertised: AdvertisedActions
    waits: Waits
    data: Data
    events: Events
    inbox: Inbox
    event_waits: EventWaits
    event_uses: EventUses
    deliveries: Deliveries
    event_types: EventTypes
    event_traces: EventTraces
    redeliveries: Redeliveries
    old_events: OldEvents
    schedules: Schedules
    schedule_fires: ScheduleFires
    calendars: Calendars
    tasks: Tasks
    task_records: TaskRecords
    slots: Slots
    webhooks: Webhooks
    parked_messages: ParkedMessages
    checkpoints: RunCheckpoints
    rebuilt: RebuiltRows
    left: set[Due] = field(default_factory=set[Due])

    def leaves(self, due: Due) -> None:
        """Say that this transaction leaves something to be done; see `Storage.when_left`."""
        self.left.add(due)

    @classmethod
    def of(cls, connection: AsyncConnection, tenant: str) -> UnitOfWork:
        """Over a connection whose transaction belongs to `tenant`."""
        return cls(
            tenant=tenant,
            definitions=Definitions(connection, tenant),
            runs=Runs(connection, tenant),
            open_runs=OpenRuns(connection, tenant),
            steps=Steps(connection, tenant),
            api_keys=ApiKeys(connection, tenant),
            waits=Waits(connection, tenant),
            data=Data(connection, tenant),
            advertised=AdvertisedActions(connection, tenant),
            events=Events(connection, tenant),
            inbox=Inbox(connection, tenant),
            event_waits=EventWaits(connection, tenant),
            event_uses=EventUses(connection, tenant),
            deliveries=Deliveries(connection, tenant),
            event_types=EventTypes(connection, tenant),
            event_traces=EventTraces(connection, tenant),
            redeliveries=Redeliveries(connection, tenant),
            old_events=OldEvents(connection, tenant),
            schedules=Schedules(connection, tenant),
            schedule_fires=ScheduleFires(connection, tenant),
            calendars=Calendars(connection, tenant),
            tasks=Tasks(connection, tenant),
            task_records=TaskRecords(connection, tenant),
            slots=Slots(connection, tenant),
            webhooks=Webhooks(connection, tenant),
            parked_messages=ParkedMessages(connection, tenant),
            checkpoints=RunCheckpoints(connection, tenant),
            rebuilt=RebuiltRows(connection, tenant),
        )


class Storage:
    """The way to rows. UnavailableError when PostgreSQL cannot be reached."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.across = AcrossTenants(self)
        self._listeners: dict[Due, Callable[[], None]] = {}

    def when_left(self, due: Due, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever a unit of work that leaves such a thing has committed.

        A hint for loops of this process, which look for work by themselves too.
        """
        self._listeners[due] = listener

    def announce(self, due: Due) -> None:
        """Say that what was committed leaves such a thing, where no unit of work did."""
        if (listener := self._listeners.get(due)) is not None:
            listener()

    @asynccontextmanager
    async def unit_of_work(self, tenant: str) -> AsyncGenerator[UnitOfWork]:
        """A READ COMMITTED transaction; ConflictError where a row refuses the change.

        Any exception rolls all of it back, a cancellation too.
        """
        async with self.transaction(tenant) as connection:
            work = UnitOfWork.of(connection, tenant)
            yield work
        for due in work.left:
            self.announce(due)

    def within(self, transaction: object, tenant: str) -> UnitOfWork:
        """The repositories in a transaction that `transaction` has begun for this tenant and that
        its maker ends. TypeError for any other kind of transaction."""
        if not isinstance(transaction, AsyncConnection):
            raise TypeError(f"{type(transaction).__name__} is no connection of SQLAlchemy")
        return UnitOfWork.of(transaction, tenant)

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncGenerator[AsyncConnection]:
        """A unit of work without repositories, for what has SQL of its own."""
        with self.database.outage_as_unavailable(), _refusal_as_conflict():
            async with self.database.engine.begin() as connection:
                await connection.execute(_ENTER, {"tenant": tenant})
                yield connection


@contextmanager
def _refusal_as_conflict() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) not in (_ILLEGAL_TRANSITION, _IMMUTABLE):
            raise
        refusal = first_line(error)
        raise ConflictError(
            f"{refusal[0].upper()}{refusal[1:]}.",
            code="ILLEGAL_STATE_CHANGE",
            remedy="Read its present state and decide again.",
        ) from error
