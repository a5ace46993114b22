"""Schedules in Temporal become what the families desire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
)

from alga_temporal_domain.schedules.converging import Converging, NotConvergedError
from alga_temporal_domain.schedules.desired import DesiredSchedule
from alga_temporal_domain.schedules.temporal import TemporalSchedules
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.elected import ElectedService
from alga_workflows_core.infra.supervisor import Backoff, Supervisor
from tests.domain.queues.tiny import schedules
from tests.services.command import eventually


def there(client: Client) -> TemporalSchedules:
    return TemporalSchedules(client, key_id=None)


async def ids(client: Client) -> set[str]:
    """Of all schedules that the index lists."""
    return {each.id async for each in await client.list_schedules()}


async def indexed(client: Client, *expected: str) -> None:
    """Return when the index lists these and nothing else."""

    async def look() -> bool:
        return await ids(client) == set(expected)

    await eventually(look, f"the index lists {expected}")


class Silent:
    """A source that cannot say what it desires."""

    name = "tiny"

    async def desired(self) -> Sequence[DesiredSchedule]:
        """Fails."""
        raise LookupError("no rows today")


async def test_they_converge(temporal_client: Client) -> None:
    """Made, changed where their content has changed, taken away; a pause stays, and what others
    have made is left alone."""
    await temporal_client.create_schedule("alga-domain:tiny:theirs", _foreign())
    temporal = there(temporal_client)
    await Converging(temporal, [schedules("a", "b")]).round()
    await indexed(
        temporal_client, "alga-domain:tiny:a", "alga-domain:tiny:b", "alga-domain:tiny:theirs"
    )
    handle = temporal_client.get_schedule_handle("alga-domain:tiny:a")
    await handle.pause(note="not today")
    made = await handle.describe()
    await Converging(temporal, [schedules("a", "b")]).round()
    assert (await handle.describe()).info.last_updated_at == made.info.last_updated_at

    later = schedules("a", "c", every=timedelta(hours=2))
    await Converging(temporal, [later]).round()
    changed = await handle.describe()
    assert changed.schedule.spec.intervals[0].every == timedelta(hours=2)
    assert (changed.schedule.state.paused, changed.schedule.state.note) == (True, "not today")
    await indexed(
        temporal_client, "alga-domain:tiny:a", "alga-domain:tiny:c", "alga-domain:tiny:theirs"
    )
    assert await temporal.converge("tiny", later.schedules[0]) is None


async def test_one_fault_costs_nothing_else(temporal_client: Client) -> None:
    """What Temporal refuses and what somebody else owns is told; the others are there. A source
    that fails keeps what it has."""
    await temporal_client.create_schedule("alga-domain:tiny:theirs", _foreign())
    temporal = there(temporal_client)
    with pytest.raises(NotConvergedError) as caught:
        await Converging(temporal, [schedules("broken", "theirs", "good")]).round()
    assert "alga-domain:tiny:broken: " in str(caught.value)
    assert "alga-domain:tiny:theirs" in str(caught.value)
    assert "somebody else" in str(caught.value)
    expected = ("alga-domain:tiny:good", "alga-domain:tiny:theirs")
    await indexed(temporal_client, *expected)
    with pytest.raises(NotConvergedError, match="tiny: no rows today"):
        await Converging(temporal, [Silent()]).round()
    assert await ids(temporal_client) == set(expected)


async def test_one_process_is_elected(database: Database) -> None:
    """One works at a time; another one takes over when the session of the first is gone, and the
    first one's work has ended then."""
    worked: list[str] = []

    async def work(name: str) -> None:
        worked.append(name)

    task = f"test {uuid4()}"
    both = {
        name: ElectedService(
            name,
            database,
            task=task,
            work=lambda name=name: work(name),
            interval=0.05,
            backoff=Backoff(first=0.05),
        )
        for name in ("one", "two")
    }
    stop = asyncio.Event()
    running = asyncio.create_task(Supervisor(list(both.values()), stop_timeout=5).run(stop))
    try:

        async def elected() -> str | None:
            names = [name for name, service in both.items() if service.is_elected]
            assert len(names) <= 1
            return names[0] if names else None

        first = await eventually(elected, "somebody is elected")
        await eventually(_longer_than(worked, 3), "it works")
        assert set(worked) == {first}
        await both[first].stop()

        async def other() -> bool:
            return await elected() not in (None, first)

        await eventually(other, "the other one is elected")
        count = worked.count(first)
        await eventually(_longer_than(worked, len(worked) + 3), "the other one works")
        assert worked.count(first) == count
    finally:
        stop.set()
        await running


async def test_a_lost_session_ends_the_tenure(database: Database) -> None:
    """When the server ends the session, the work under way is cancelled, and it is elected anew."""
    begun, cancelled = 0, 0

    async def work() -> None:
        nonlocal begun, cancelled
        begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            cancelled += 1

    service = ElectedService("x", database, task=f"test {uuid4()}", work=work, interval=60)
    stop = asyncio.Event()
    running = asyncio.create_task(Supervisor([service], stop_timeout=5).run(stop))
    try:

        async def working() -> bool:
            return begun > cancelled

        await eventually(working, "it works")
        async with database.connect() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )

        async def again() -> bool:
            return (begun, cancelled) == (2, 1)

        await eventually(again, "it works again")
    finally:
        stop.set()
        await running


def _longer_than(found: list[str], count: int):
    async def look() -> bool:
        return len(found) > count

    return look


def _foreign() -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow("other", id="other", task_queue="elsewhere"),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=1))]),
    )
