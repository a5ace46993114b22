"""One tenant's inbox, as runs, relays and people use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.events.accepting import Acceptor, EventTypes
from alga_workflows_core.events.waits import EventWaitRules
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.interpreter.waits import Closing
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.calendars import StoredCalendars
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import Closed, WaitDesk
from alga_workflows_core.storage.event_rows import EventRow, NewEvent, event_row_id
from alga_workflows_core.storage.event_waits import EVENT_TRIGGER
from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.storage.waits import NewWait, WaitRow
from alga_workflows_core.temporal.names import wait_id
from alga_workflows_core.temporal.wire import ClosedWait, OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import RunStatus, WaitStatus

TENANT = "acme"
NAME = "ORDER"
SOURCE = "test"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def match(
    key: str | None = "a", *, name: str = NAME, least: int | None = None, lookback: float = 0.0
) -> JsonObject:
    """What a wait looks for; with `least`, a `payload.n` of at least so much."""
    filters = [] if least is None else [{"path": "payload.n", "op": ">=", "value": least}]
    return {"eventName": name, "correlationKey": key, "filters": filters, "lookback": lookback}


def activities(storage: Storage, url: str) -> RunActivities:
    """Those of runs that wait for events; `url` is that of the database."""
    hints = Hints(storage.database, load(DatabaseSettings, {"DATABASE_URL": url}))
    return RunActivities(
        performer=Performer(Registry([])),
        rows=RowWriter(storage=storage, closed=ClosedRuns(hints), metrics=Metrics()),
        waits=WaitDesk(storage, {"event": EventWaitRules()}),
        calendars=StoredCalendars(storage),
    )


@dataclass(slots=True)
class Inboxes:
    """Runs of TENANT without executions behind them."""

    storage: Storage
    types: EventTypes | None = None
    numbers: Any = field(default_factory=count)

    async def run(self, *, starter: UUID | None = None) -> RunIdentity:
        """A run that begins now, by the event `starter` if there is one."""
        trigger = ("api", str(uuid4())) if starter is None else (EVENT_TRIGGER, str(starter))
        run = RunIdentity(
            run_id=uuid4(),
            tenant_id=TENANT,
            workflow_id="waiting",
            workflow_version=1,
            trigger_type=trigger[0],
            execution_key=trigger[1],
        )
        async with self.storage.unit_of_work(TENANT) as work:
            await work.runs.apply(
                RunChange(
                    id=run.run_id,
                    definition_id=run.workflow_id,
                    version=1,
                    trigger_type=run.trigger_type,
                    execution_key=run.execution_key,
                    created_by="test",
                    status=RunStatus.RUNNING,
                    epoch=0,
                    seq=1,
                    temporal_run_id="execution",
                )
            )
        return run

    def wait(
        self, run: RunIdentity, *matches: JsonObject, besides: Sequence[JsonObject] = ()
    ) -> OpenedWait:
        """A wait that is not open yet."""
        number = next(self.numbers)
        detail: JsonObject = {"matches": list(matches or [match()])}
        if besides:
            detail["besides"] = list(besides)
        key = f"wait{number}#1"
        return OpenedWait(
            id=wait_id(run.run_id, key),
            key=key,
            path=f"wait{number}",
            kind="event",
            due=None,
            detail=detail,
            # Several waits of a run often open in one instant of its clock.
            at=NOW,
        )

    def desk(self) -> WaitDesk:
        return WaitDesk(self.storage, {"event": EventWaitRules()})

    async def open(self, run: RunIdentity, wait: OpenedWait) -> JsonObject | None:
        """In one transaction, as a run's flush does."""
        desk = self.desk()
        async with self.storage.unit_of_work(TENANT) as work:
            await desk.lock(work, run, wait)
            return await desk.open(work, run, wait)

    async def written(self, run: RunIdentity) -> OpenedWait:
        """A wait whose row was written with other facts of its run, before it opens."""
        wait = self.wait(run)
        row = NewWait(
            id=wait.id,
            run_id=run.run_id,
            key=wait.key,
            path=wait.path,
            kind=wait.kind,
            due_at=None,
            detail=wait.detail,
            epoch=run.epoch,
            opened_at=wait.at,
        )
        async with self.storage.unit_of_work(TENANT) as work:
            await work.waits.open([row])
        return wait

    async def opened(self, run: RunIdentity, *matches: JsonObject) -> OpenedWait:
        """A wait that is open and has met nothing yet."""
        wait = self.wait(run, *matches)
        assert await self.open(run, wait) is None
        return wait

    async def close(self, run: RunIdentity, wait: OpenedWait, closing: Closing) -> Closed:
        desk = self.desk()
        async with self.storage.unit_of_work(TENANT) as work:
            return await desk.close(work, run, ClosedWait(id=wait.id, closing=closing, at=NOW))

    async def stage(
        self, key: str | None = "a", *, name: str = NAME, n: int = 0, event_id: str | None = None
    ) -> UUID:
        """An event that is not accepted yet; the id of its row."""
        new = NewEvent(
            source=SOURCE,
            event_id=event_id or str(next(self.numbers)),
            type=name,
            correlation_key=key,
            data={"n": n},
        )
        async with self.storage.unit_of_work(TENANT) as work:
            await work.events.stage(new)
        return event_row_id(TENANT, SOURCE, new.event_id)

    async def accept(self, *row_ids: UUID) -> None:
        await Acceptor(self.storage, self.types).accept(TENANT, row_ids)

    async def accepted(self, key: str | None = "a", *, name: str = NAME, n: int = 0) -> UUID:
        """An event that has been accepted; the id of its row."""
        row_id = await self.stage(key, name=name, n=n)
        await self.accept(row_id)
        return row_id

    async def event(self, row_id: UUID) -> EventRow:
        async with self.storage.unit_of_work(TENANT) as work:
            row = await work.events.get(row_id)
        assert row is not None
        return row

    async def row(self, wait: OpenedWait) -> WaitRow:
        async with self.storage.unit_of_work(TENANT) as work:
            row = await work.waits.get(wait.id)
        assert row is not None
        return row

    async def end(self, wait: OpenedWait) -> tuple[WaitStatus, UUID | None]:
        """How a wait has ended, and with which event."""
        row = await self.row(wait)
        return row.status, row.event_id

    async def deliveries(self, wait: OpenedWait) -> int:
        """How many there are of a wait."""
        query = "SELECT count(*) FROM workflow_event_deliveries WHERE wait_id = :id"
        async with self.storage.database.connect() as connection:
            return await connection.scalar(text(query), {"id": wait.id}) or 0

    async def looked_for(self, wait: OpenedWait) -> int:
        """By how many names and keys events find a wait."""
        query = "SELECT count(*) FROM alga_wait_matches WHERE wait_id = :id"
        async with self.storage.database.connect() as connection:
            return await connection.scalar(text(query), {"id": wait.id}) or 0
