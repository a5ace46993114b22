"""Tasks without a run behind them: what the flush of a run would have written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.event_rows import EventFilter
from alga_workflows_core.storage.tasks import TaskRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.tasks.people import Person
from alga_workflows_core.tasks.rules import TaskRules
from alga_workflows_core.tasks.telling import SOURCE
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject

TENANT = "acme"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DETAIL: JsonObject = {
    "taskType": "approval",
    "title": "Approve it",
    "description": None,
    "form": {},
    "assignees": [],
    "candidateGroups": ["board"],
    "dueAt": None,
    "remindEvery": None,
    "escalateTo": [],
    "quorum": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A task and its wait, as tests look at them."""

    storage: Storage
    id: UUID
    tenant: str = TENANT
    run_id: UUID = field(default_factory=uuid4)

    def identity(self) -> RunIdentity:
        return RunIdentity(
            run_id=self.run_id,
            tenant_id=self.tenant,
            workflow_id="asking",
            workflow_version=1,
            trigger_type="api",
            execution_key="key",
        )

    def wait(self, **changes: Any) -> OpenedWait:
        return OpenedWait(
            id=self.id,
            key="ask#1",
            path="ask",
            kind="task",
            due=None,
            detail={**DETAIL, **changes},
            at=NOW,
        )

    async def open(self, **changes: Any) -> JsonObject | None:
        """What the desk answers in the transaction that opens the wait."""
        desk = WaitDesk(self.storage, {"task": TaskRules()})
        async with self.storage.unit_of_work(self.tenant) as work:
            return await desk.open(work, self.identity(), self.wait(**changes))

    async def row(self) -> TaskRow:
        async with self.storage.unit_of_work(self.tenant) as work:
            row = await work.tasks.get(self.id)
        assert row is not None
        return row

    async def wait_row(self) -> WaitRow:
        async with self.storage.unit_of_work(self.tenant) as work:
            row = await work.waits.get(self.id)
        assert row is not None
        return row

    async def deeds(self) -> list[str]:
        """What the log says."""
        async with self.storage.unit_of_work(self.tenant) as work:
            return [each.deed for each in await work.task_records.logged(self.id, 1000)]

    async def answers(self) -> list[tuple[str, Any]]:
        async with self.storage.unit_of_work(self.tenant) as work:
            return [(a.person, a.answer) for a in await work.task_records.answers(self.id)]

    async def told(self) -> list[str]:
        """Types of the events that tell of it, in the order of their ids."""
        async with self.storage.unit_of_work(self.tenant) as work:
            found = await work.events.list(EventFilter(source=SOURCE), after=None, limit=1000)
        return sorted(each.type for each in found if each.subject == str(self.id))

    async def execute(self, statement: str, **parameters: Any) -> None:
        """Change rows behind everybody's back."""
        async with self.storage.database.engine.begin() as connection:
            await connection.execute(text(statement), parameters)

    async def deliveries(self) -> int:
        async with self.storage.database.connect() as connection:
            query = "SELECT count(*) FROM workflow_event_deliveries WHERE wait_id = :id"
            return await connection.scalar(text(query), {"id": self.id}) or 0


async def opened(storage: Storage, *, tenant: str = TENANT, **changes: Any) -> Opened:
    """A task for the group `board`, unless `changes` says otherwise."""
    task = Opened(storage=storage, id=uuid4(), tenant=tenant)
    assert await task.open(**changes) is None
    return task


def member(name: str, *groups: str) -> Person:
    """Somebody of `board`."""
    return Person(name=name, groups=frozenset({"board", *groups}), via="key:test")
