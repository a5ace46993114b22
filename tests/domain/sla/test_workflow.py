"""Clocks kept by Temporal, with workers that come and go."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from alga_temporal_domain.sla.names import workflow_id
from alga_workflows_core.errors import ConflictError, InputError, NotFoundError
from tests.domain.sla.items import (
    MINUTE,
    TENANT,
    cancel,
    complete,
    escalating,
    new_item,
    pause,
    reached,
    resume,
    retarget,
    spec,
    start_clocks,
)
from tests.domain.sla.model import Model
from tests.domain.sla.scaled import ScaledSlaTicketWorkflow, TurnedClock
from tests.domain.sla.test_clock import SHIFTS
from tests.domain.sla.world import World, eventually, until

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def marks(rows: list[Any]) -> list[tuple[int, datetime]]:
    """The thresholds that were told, and as of when."""
    return reached(rows, "response")


async def test_thresholds_breach_and_levels_are_told_when_they_are_due(world: World) -> None:
    """Once each, in order, with an event for each change that is written with it."""
    begin = now()
    clock = spec(target=SECOND, escalations=escalating((75, 1), (100, 2)))
    async with world.worker():
        item = await world.start(clock, at=begin)
        await world.until_told(item, "escalated", 2)
        await world.change(item, complete(now()))
        await world.closed(item)
    rows = await world.changes(item)
    assert [(row.kind, row.data.get("percent")) for row in rows] == [
        ("started", None),
        ("clock_started", None),
        ("threshold_reached", 50),
        ("threshold_reached", 75),
        ("escalated", 75),
        ("threshold_reached", 90),
        ("threshold_reached", 100),
        ("breached", None),
        ("escalated", 100),
        ("completed", None),
        ("closed", None),
    ]
    assert marks(rows) == [(part, begin + part * SECOND / 100) for part in (50, 75, 90, 100)]
    assert rows[-2].data["met"] is False
    events = await world.events(item)
    assert [event.type for event in events] == [f"sla.{row.kind}" for row in rows]
    assert [event.event["data"]["seq"] for event in events] == [row.seq for row in rows]
    view = await world.desk.get(TENANT, item)
    assert (view.is_open, view.level, view.sequence) == (False, 2, len(rows))


async def test_what_was_due_without_a_worker_is_told_by_the_next_one(world: World) -> None:
    """In order and as of when it was due; a pause that was asked for meanwhile has its effect."""
    clock = spec(target=2 * SECOND, thresholds=(5, 40, 75))
    begin = now()
    async with world.worker():
        item, held = [await world.start(clock, at=begin) for _ in range(2)]
        for each in (item, held):
            await world.until_told(each, "threshold_reached")
    kept = await world.desk.change(TENANT, held, pause(begin + SECOND, reason="status_pause"))
    assert kept.view is None, "nobody was there to judge it"
    await until(begin + 3 * SECOND)
    async with world.worker():
        rows = await world.until_told(item, "breached")
        # The breach was told before the pause came to be known, or the pause has prevented it.
        await world.until_told(held, "paused")
    assert marks(rows) == [(part, begin + part * SECOND / 50) for part in (5, 40, 75, 100)]
    late = [row.recorded_at for row in rows if row.data.get("percent") in (40, 75)]
    assert all(moment > begin + 3 * SECOND for moment in late)
    assert marks(await world.changes(held)) == marks(rows)[:2]


async def test_an_answer_says_what_is_or_why_not(world: World) -> None:
    """A pause of a paused clock is refused, and leaves no trace."""
    async with world.worker():
        item = await world.start(spec(target=timedelta(hours=1)))
        view = await world.change(item, pause(now()))
        assert view.clocks[0].pause is not None
        with pytest.raises(ConflictError, match="paused since"):
            await world.change(item, pause(now()))
        with pytest.raises(InputError, match="later moment"):
            await world.change(item, resume(now() + timedelta(hours=1)))
        with pytest.raises(NotFoundError, match="'other'"):
            await world.change(item, resume(now(), "other"))
        with pytest.raises(NotFoundError, match="no item"):
            await world.change("nobody", resume(now()))
        again = resume(now())
        assert (await world.change(item, again)).clocks[0].phase == "running"
        assert (await world.change(item, again)).sequence == view.sequence + 1
        await world.change(item, cancel(now()))
        await world.closed(item)
        with pytest.raises(ConflictError, match="cancelled"):
            await world.change(item, pause(now()))
        view = await world.change(item, start_clocks(now(), spec(target=SECOND)))
        await world.until_told(item, "breached")
    kinds = Counter(row.kind for row in await world.changes(item))
    assert kinds["refused"] == 0
    assert kinds["closed"] == 1


async def test_it_goes_on_as_new_in_the_middle_of_a_pause(world: World) -> None:
    """With all that it knew: what was told, since when it stands still, what was asked for."""
    new = new_item(spec(target=2 * SECOND, thresholds=(10,)), at=now())
    handle = world.client.get_workflow_handle(workflow_id(TENANT, new.item))
    async with world.worker():
        await world.start_often_continued(new, most_changes=1)
        rows = await world.until_told(new.item, "threshold_reached")
        first = (await handle.describe()).run_id
        stopped = max(now(), rows[-1].at)
        asked = pause(stopped)
        await world.change(new.item, asked)

        async def continued() -> bool:
            return (await handle.describe()).run_id != first

        await eventually(continued, "another execution")
        assert (await world.change(new.item, asked)).clocks[0].pause is not None
        going = now()
        await world.change(new.item, resume(going))
        rows = await world.until_told(new.item, "breached")
        await world.change(new.item, cancel(now()))
        await world.closed(new.item)
    assert marks(rows) == [
        (10, new.started_at + SECOND / 5),
        (100, going + 2 * SECOND - (stopped - new.started_at)),
    ]


async def test_another_target_moves_the_timer(world: World) -> None:
    """Nearer than the timer that runs, and back behind what was told."""
    async with world.worker():
        begin = now()
        item = await world.start(spec(target=timedelta(hours=9)), at=begin)
        at = now()
        await world.change(item, retarget(at, SECOND))
        rows = await world.until_told(item, "breached")
        assert marks(rows)[-1] == (100, begin + SECOND)
        view = await world.change(item, retarget(now(), timedelta(hours=9)))
        assert view.clocks[0].breached_at is None
        assert view.clocks[0].fired == ()
        assert view.clocks[0].deadline == begin + timedelta(hours=9)


async def test_a_lost_execution_is_made_again_from_the_rows(world: World) -> None:
    """Whether somebody asks for a change, or nobody does."""
    clock = spec(target=timedelta(hours=1))
    async with world.worker():
        asked, silent = await world.start(clock), await world.start(spec(target=2 * SECOND))
        for item in (asked, silent):
            await world.change(item, pause(now()))
            await world.until_told(item, "paused")
            handle = world.client.get_workflow_handle(workflow_id(TENANT, item))
            if item == silent:
                await world.change(item, resume(now()))
                await world.until_told(item, "resumed")
            await handle.terminate("lost")
        view = await world.change(asked, resume(now()))
        assert view.clocks[0].phase == "running"

        async def swept() -> bool:
            await world.desk.attach_left()
            return ("breached", None) in await world.told(silent)

        await eventually(swept, "the sweep has found it")


class _Dying(Interceptor):
    """Workers whose activities are done and not reported, or reported as failed before they are
    done, the first time that each is tried."""

    def __init__(self, *, after: bool) -> None:
        self.after = after
        self.met: Counter[str] = Counter()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Once(next, self)


class _Once(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, dying: _Dying) -> None:
        super().__init__(following)
        self._dying = dying

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        state = input.args[0].state
        key = f"{state.item}/{input.args[0].facts[0].seq}"
        self._dying.met[key] += 1
        if self._dying.met[key] > 1:
            return await super().execute_activity(input)
        if self._dying.after:
            await super().execute_activity(input)
        raise RuntimeError("the worker has died")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_repeated_activity_writes_nothing_twice(world: World, after: bool) -> None:
    """A worker that dies at every activity, before or behind what it does."""
    dying = _Dying(after=after)
    async with world.worker(dying):
        item = await world.start(spec(target=SECOND, thresholds=(50,)))
        await world.until_told(item, "threshold_reached")
        await world.change(item, pause(now()))
        await world.change(item, complete(now()))
        await world.closed(item)
    rows = await world.changes(item)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    events = await world.events(item)
    assert [event.event["data"]["seq"] for event in events] == [row.seq for row in rows]
    assert set(dying.met.values()) == {2}


async def test_two_workers_share_the_clocks(world: World) -> None:
    """Everything is told once, whoever does it."""
    async with world.worker(), world.worker(client=await world.other_client()):
        items = [await world.start(spec(target=2 * SECOND)) for _ in range(20)]
        await asyncio.gather(*(world.change(item, pause(now())) for item in items))
        await asyncio.gather(*(world.change(item, resume(now())) for item in items))
        for item in items:
            await world.until_told(item, "resumed")
            rows = await world.until_told(item, "breached")
            assert Counter(row.kind for row in rows) == {
                "started": 1,
                "clock_started": 1,
                "paused": 1,
                "resumed": 1,
                "threshold_reached": 4,
                "breached": 1,
            }


async def test_500_pauses_in_a_year_end_with_the_models_minute(world: World) -> None:
    """The workflow itself, over its continuations, by a clock that the test turns."""
    chance = Random(11)  # noqa: S311 - the same each time
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    end = begin + 364 * DAY
    drawn = sorted(chance.sample(range(1, 364 * 1440), 1000))
    pauses = [
        (begin + first * MINUTE, begin + last * MINUTE)
        for first, last in zip(drawn[::2], drawn[1::2], strict=True)
    ]
    percents, target = (10, 50, 75, 90, 100), 1000 * 60
    model = Model(SHIFTS, begin, 370, target, percents)
    model.run(pauses, end)

    clock = TurnedClock(begin)
    new = new_item(spec(target=target * MINUTE, thresholds=percents), at=begin, calendar=SHIFTS)
    handle = world.client.get_workflow_handle(workflow_id(TENANT, new.item))
    async with world.worker(clock, workflows=[ScaledSlaTicketWorkflow]):
        await world.desk.start(new, actor="test", is_dated=True)
        first = (await handle.describe()).run_id
        for stop, go in pauses:
            clock.now = stop
            await world.change(new.item, pause(stop))
            clock.now = go
            await world.change(new.item, resume(go))
        clock.now = end
        view = await world.change(new.item, complete(end))
        await world.closed(new.item)
    described = await handle.describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED
    assert described.run_id != first, "it went on as new"
    assert view.clocks[0].elapsed == model.minutes * MINUTE
    rows = await world.changes(new.item)
    assert dict(marks(rows)) == model.reached
    assert Counter(row.kind for row in rows)["paused"] == 500
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
