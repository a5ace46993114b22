"""A task is there when its wait is, and ends when its wait does, whoever ends that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from alga_workflows_core.interpreter.waits import answered_task
from alga_workflows_core.storage.task_records import Candidate
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.tasks.rules import TaskRules
from alga_workflows_core.types.states import TaskState, WaitStatus
from tests.core.storage.test_tenants import until_somebody_waits_for_a_lock
from tests.core.tasks.opening import NOW, Opened, opened

ANSWER = answered_task("ask#1", 1, {"ada": "\x00 and half a pair: \ud800"}, "ada", NOW)


async def test_opening_it_again_changes_nothing(storage: Storage) -> None:
    """The flush of a run is repeated until it works."""
    task = await opened(storage, assignees=["ada"])
    before = await task.row()
    assert await task.open(assignees=["bob"], title="Another") is None
    assert await task.row() == before
    async with storage.unit_of_work(task.tenant) as work:
        asked = (await work.task_records.candidates([task.id]))[task.id]
    assert asked == [Candidate("group", "board"), Candidate("person", "ada")]
    assert await task.deeds() == ["OPENED"]
    assert await task.told() == ["TASK_OPENED"]


async def test_what_no_column_takes_does_not_hold_up_a_run(storage: Storage) -> None:
    """Texts that expressions give may hold anything; intervals may be as good as endless."""
    task = await opened(
        storage,
        title="a\x00b" * 500,
        description="\ud800",
        form={"const": "\x00"},
        remindEvery=1e12,
        dueAt="9999-12-31T23:59:59+00:00",
    )
    row = await task.row()
    assert row.title.startswith("a\ufffdb")
    assert (row.remind_every, row.next_reminder_at) == (None, None)


Ends = Callable[[UnitOfWork, Opened], Awaitable[object]]
ENDINGS: dict[str, tuple[Ends, TaskState]] = {
    "an operator": (
        lambda work, task: work.waits.resolve(task.id, ANSWER, "boss"),
        TaskState.COMPLETED,
    ),
    "the time": (
        lambda work, task: work.waits.close(task.id, WaitStatus.TIMED_OUT, NOW),
        TaskState.EXPIRED,
    ),
    "a cancel": (
        lambda work, task: work.waits.close(task.id, WaitStatus.CANCELED, NOW),
        TaskState.CANCELED,
    ),
    "the end of the run": (
        lambda work, task: work.waits.close_all(task.run_id),
        TaskState.CANCELED,
    ),
}


@pytest.mark.parametrize("claimed", [False, True])
@pytest.mark.parametrize("name", sorted(ENDINGS))
async def test_it_ends_with_its_wait(storage: Storage, name: str, claimed: bool) -> None:
    """In the same transaction; if that is rolled back, so is the end of the task."""
    end, state = ENDINGS[name]
    task = await opened(storage, remindEvery=3600.0)
    if claimed:
        async with storage.unit_of_work(task.tenant) as work:
            await work.tasks.claim(task.id, "ada")
    before = await task.row()
    with suppress(LookupError):
        async with storage.unit_of_work(task.tenant) as work:
            await end(work, task)
            ended = await work.tasks.get(task.id)
            assert ended is not None
            assert ended.state is state
            raise LookupError
    assert await task.row() == before
    async with storage.unit_of_work(task.tenant) as work:
        await end(work, task)
    row = await task.row()
    assert (row.state, row.closed_at is None, row.next_reminder_at) == (state, False, None)
    assert row.claimed_by == ("ada" if claimed else None)
    assert await task.deeds() == ["OPENED", state.value]
    async with storage.unit_of_work(task.tenant) as work:
        await work.waits.close_all(task.run_id)
    assert await task.row() == row


async def test_a_wait_that_ended_before_it_was_a_task_is_none(storage: Storage) -> None:
    """Its row may be there before, from the facts of its run. The run gets what ended it."""
    ended = Opened(storage=storage, id=uuid4())
    await ended.open()
    async with storage.unit_of_work(ended.tenant) as work:
        await work.waits.resolve(ended.id, ANSWER, "boss")
    assert await ended.open() == ANSWER
    await ended.execute("DELETE FROM workflow_tasks WHERE id = :id", id=ended.id)
    async with storage.unit_of_work(ended.tenant) as work:
        assert await TaskRules().opened(work, ended.identity(), ended.wait()) == ANSWER
        assert await work.tasks.get(ended.id) is None


async def test_a_wait_that_ends_while_it_becomes_a_task_takes_the_task_along(
    storage: Storage,
) -> None:
    """Whoever ends it waits until the task is there: it would stay open for ever."""
    task = await opened(storage)
    await task.execute("DELETE FROM workflow_tasks WHERE id = :id", id=task.id)

    async def end() -> None:
        async with storage.unit_of_work(task.tenant) as work:
            await work.waits.resolve(task.id, ANSWER, "boss")

    async with storage.unit_of_work(task.tenant) as work:
        await TaskRules().opened(work, task.identity(), task.wait())
        ending = asyncio.create_task(end())
        await until_somebody_waits_for_a_lock(storage.database)
    await ending
    assert (await task.row()).state is TaskState.COMPLETED


async def test_reminders_begin_by_the_clock_of_the_database(storage: Storage) -> None:
    """Whatever the clock of the run says; when it is due is what the run says."""
    task = await opened(storage, remindEvery=60.0, dueAt=NOW.isoformat())
    row = await task.row()
    assert row.due_at == NOW
    assert row.next_reminder_at is not None
    assert timedelta(seconds=59) < row.next_reminder_at - row.created_at < timedelta(seconds=61)
