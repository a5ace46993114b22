"""SLA clocks on a real Temporal and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker

from alga_temporal_domain.queues.spec import build_worker
from alga_temporal_domain.sla.contracts import ClockSpec, Command, ItemView, NewItem, SlaInput
from alga_temporal_domain.sla.desk import SlaDesk
from alga_temporal_domain.sla.machine import start
from alga_temporal_domain.sla.names import WORKFLOW, workflow_id
from alga_temporal_domain.sla.queue import queue_spec
from alga_temporal_domain.storage.outgoing import OutgoingRow
from alga_temporal_domain.storage.sla import ChangeRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from tests.domain.sla.items import TENANT, new_item

PATIENCE = 20.0


async def no_hint() -> None:
    """Nobody waits for events."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A namespace and a database."""

    client: Client
    storage: DomainStorage
    desk: SlaDesk = field(init=False)

    def __post_init__(self) -> None:
        desk = SlaDesk(
            storage=self.storage, client=self.client, address="test", patience=2.0, late=0.0
        )
        object.__setattr__(self, "desk", desk)

    @asynccontextmanager
    async def worker(
        self,
        *interceptors: Interceptor,
        workflows: Sequence[type[Any]] | None = None,
        client: Client | None = None,
    ) -> AsyncGenerator[Worker]:
        """The queue is served for as long as the block lasts."""
        spec = queue_spec(self.storage, hint=no_hint)
        if workflows is not None:
            spec = replace(spec, workflows=tuple(workflows))
        if not interceptors:
            worker = build_worker(
                client or self.client, spec, build_id="test", graceful_shutdown=timedelta(seconds=5)
            )
        else:
            worker = Worker(
                self.client,
                task_queue=spec.name,
                workflows=list(spec.workflows),
                activities=list(spec.activities),
                interceptors=interceptors,
                workflow_runner=UnsandboxedWorkflowRunner(),
                build_id="test",
            )
        async with worker:
            yield worker

    async def other_client(self) -> Client:
        """Another connection, as another process has one."""
        config = self.client.service_client.config
        return await Client.connect(
            config.target_host,
            namespace=self.client.namespace,
            data_converter=self.client.data_converter,
            runtime=config.runtime,
        )

    async def start(self, *clocks: ClockSpec, at: datetime | None = None, **more: Any) -> str:
        """A new item's name; it has been running since now, or since `at`."""
        new = new_item(*clocks, at=at or datetime.now(UTC), **more)
        await self.desk.start(new, actor="test", is_dated=True)
        return new.item

    async def start_often_continued(self, new: NewItem, most_changes: int) -> None:
        """The same with executions that hold so many changes at most."""
        begin = start(new, "test", is_dated=True)
        await self.desk.start(new, actor="test", is_dated=True)
        handle = self.client.get_workflow_handle(workflow_id(TENANT, new.item))
        await handle.terminate("to be started with another limit")
        await self.client.start_workflow(
            WORKFLOW,
            SlaInput(state=begin.state, most_changes=most_changes),
            id=workflow_id(TENANT, new.item),
            task_queue="sla-workflows",
        )

    async def change(self, item: str, command: Command) -> ItemView:
        """The item behind a change that a worker has judged."""
        changed = await self.desk.change(TENANT, item, command)
        assert changed.view is not None
        return changed.view

    async def changes(self, item: str) -> list[ChangeRow]:
        """All that has happened, in order."""
        return await self.desk.changes(TENANT, item, 0, 5000)

    async def told(self, item: str) -> list[tuple[str, Any]]:
        """The same in short."""
        return [
            (row.kind, row.data.get("level") or row.data.get("percent"))
            for row in await self.changes(item)
        ]

    async def events(self, item: str) -> list[OutgoingRow]:
        """The item's events, in the order in which they go out."""
        async with self.storage.unit_of_work(TENANT) as work:
            rows = await work.outgoing.page(None, None, 10_000)
        return [row for row in reversed(rows) if row.event["subject"] == item]

    async def until_told(self, item: str, kind: str, count: int = 1) -> list[ChangeRow]:
        """All changes, as soon as there are so many of a kind."""

        async def look() -> list[ChangeRow]:
            rows = await self.changes(item)
            return rows if sum(row.kind == kind for row in rows) >= count else []

        return await eventually(look, f"{item}: {kind}")

    async def closed(self, item: str) -> None:
        """Return when its execution has ended well."""
        handle = self.client.get_workflow_handle(workflow_id(TENANT, item))
        async with asyncio.timeout(PATIENCE):
            await handle.result()


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives, as soon as it gives something that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


async def until(moment: datetime) -> None:
    """Return when it is so late."""
    await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.01)
