"""Many schedules at once: stored, changed and looked for in Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
)
from temporalio.service import RPCError

from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.service import ScheduleService
from alga_workflows_core.schedules.wanted import wanted_schedule
from alga_workflows_core.storage.definitions import NewVersion
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import schedule_id
from alga_workflows_core.temporal.schedules import PAGE, WantedSchedule, is_as
from alga_workflows_core.types.states import ScheduleState
from tests.core.schedules.documents import schedule

TENANT = "default"
AT_ONCE = 8
LOOK_SECONDS = 2.0
PATIENCE = 300.0
ZONES = ("Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
TIMES: tuple[str | dict[str, Any], ...] = (
    "30 2 * * *",
    "*/15 8-17 * * MON-FRI",
    "0 9 1,15 * *",
    "5 * * * *",
    {"kind": "interval", "every": "PT6H"},
    {"kind": "once", "at": "2090-01-01T00:00:00Z"},
)
FOREIGN_ID = "nightly"
FOREIGN = Schedule(
    action=ScheduleActionStartWorkflow("Other", id="other", task_queue="theirs"),
    spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=1))]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged:
    """The seconds until Temporal had all of them, and until it had the changes of some."""

    count: int
    first: float
    changed: int
    then: float

    def __str__(self) -> str:
        return (
            f"{self.count} schedules in {self.first:.1f} s, "
            f"{self.changed} changes in {self.then:.1f} s"
        )


@dataclass(frozen=True, slots=True)
class Many:
    """Schedules of one tenant as they were stored last, and whether they are paused; None: taken
    away."""

    storage: Storage
    client: Client
    stored: dict[str, tuple[ScheduleDocument, bool] | None] = field(
        default_factory=dict[str, "tuple[ScheduleDocument, bool] | None"]
    )

    async def store(self, names: Iterable[str], *, shift: int = 0) -> None:
        """Store each of them; with another `shift` they have other times."""
        # Nothing fires in the meantime.
        begin = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")

        async def one(name: str) -> None:
            number = int(name[2:]) + shift
            document = schedule(
                TIMES[number % len(TIMES)], zone=ZONES[number % len(ZONES)], startsAt=begin
            )
            await self._service.save(TENANT, name, document, by="test")
            self.stored[name] = document, False

        await _each(names, one)

    async def pause(self, names: Iterable[str]) -> None:
        async def one(name: str) -> None:
            await self._service.pause(TENANT, name, by="test")
            found = self.stored[name]
            assert found is not None
            self.stored[name] = found[0], True

        await _each(names, one)

    async def remove(self, names: Iterable[str]) -> None:
        async def one(name: str) -> None:
            await self._service.remove(TENANT, name, by="test")
            self.stored[name] = None

        await _each(names, one)

    async def until_there(self) -> None:
        """Until Temporal lists each of them as it was stored, and no other one of ours."""
        wanted = {
            schedule_id(TENANT, name): wanted_schedule(
                TENANT, name, found[0], paused=found[1], now=datetime.now(UTC)
            )
            for name, found in self.stored.items()
            if found is not None
        }
        deadline = perf_counter() + PATIENCE
        while (missing := await self._missing(wanted)) is None or missing:
            assert perf_counter() < deadline, f"{len(missing or wanted)} are not as stored"
            # A look costs the server as much as a few dozen schedules.
            await asyncio.sleep(LOOK_SECONDS)

    async def _missing(self, wanted: Mapping[str, WantedSchedule]) -> set[str] | None:
        """Those that are not listed as they should be, or should not be; None if it is not told."""
        missing = set(wanted)
        try:
            async for each in await self.client.list_schedules(page_size=PAGE):
                if each.id == FOREIGN_ID or each.schedule is None:
                    continue
                if each.id in wanted and is_as(each.schedule.state, wanted[each.id]):
                    missing.remove(each.id)
                elif each.id not in wanted:
                    missing.add(each.id)
        except RPCError:
            # It is busy with what it is asked to do.
            return None
        return missing

    @property
    def _service(self) -> ScheduleService:
        return ScheduleService(storage=self.storage)


async def converge(
    storage: Storage,
    client: Client,
    count: int,
    kept: Callable[[], AbstractAsyncContextManager[Any]],
) -> Converged:
    """Store so many schedules and have them `kept`; then change, pause and take away some.

    Each is in Temporal as it was stored in the end, and what others have there is as it was. The
    time of beginning to keep counts.
    """
    await _publish(storage)
    many = Many(storage, client)
    names = [f"s-{number:05}" for number in range(count)]
    theirs = await client.create_schedule(FOREIGN_ID, FOREIGN)
    before = (await theirs.describe()).raw_description
    await many.store(names)
    began = perf_counter()
    async with kept():
        await many.until_there()
        first = perf_counter() - began
        began = perf_counter()
        changed = [names[number::10] for number in range(3)]
        await many.store(changed[0], shift=1)
        await many.pause(changed[1])
        await many.remove(changed[2])
        await many.until_there()
        then = perf_counter() - began
    after = (await theirs.describe()).raw_description
    assert after.schedule == before.schedule
    async with storage.unit_of_work(TENANT) as work:
        rows = await work.schedules.list(after=None, limit=count)
    assert {row.id: row.state is ScheduleState.PAUSED for row in rows} == {
        name: found[1] for name, found in many.stored.items() if found is not None
    }
    return Converged(
        count=count, first=first, changed=sum(len(part) for part in changed), then=then
    )


async def _each(names: Iterable[str], deed: Callable[[str], Awaitable[None]]) -> None:
    """Some at a time, in order."""
    left = iter(names)

    async def take() -> None:
        for name in left:
            await deed(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(take())


async def _publish(storage: Storage) -> None:
    """The definition `report`, which does nothing."""
    document: dict[str, Any] = {"id": "report", "name": "Report", "steps": []}
    version = NewVersion(
        hash=document_hash(document),
        document=document_text(document),
        actions=[],
        engine=ENGINE,
        expression_engine="none",
        note=None,
    )
    async with storage.unit_of_work(TENANT) as work:
        await work.definitions.reserve("report", by="test")
        added = await work.definitions.add_version("report", version, by="test")
        await work.definitions.activate("report", added.version, by="test")
