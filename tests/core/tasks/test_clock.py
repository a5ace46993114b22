"""Reminders, overdue and escalation: told once each, whatever happens to those who tell it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from alga_workflows_core.errors import AccessError
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.clock import TaskClock, due_now
from alga_workflows_core.tasks.people import Person
from alga_workflows_core.types.states import TaskState
from tests.core.tasks.opening import NOW, Opened, member, opened

PAST = "2020-01-01T00:00:00+00:00"
HOUR = timedelta(hours=1)


async def remind(task: Opened, hours: float = 0) -> None:
    """As if the next reminder had been due so long ago."""
    await task.execute(
        "UPDATE workflow_tasks SET look_at = clock_timestamp(), next_reminder_at ="
        " clock_timestamp() - make_interval(secs => :seconds) WHERE id = :id",
        seconds=hours * 3600,
        id=task.id,
    )


async def test_when_reminders_are_due(storage: Storage) -> None:
    """The one that is due now, and then the first that is still to come; not those between."""
    task = await opened(storage, remindEvery=3600.0)
    row = replace(await task.row(), next_reminder_at=NOW)
    for late, following in ((0, 1), (0.5, 1), (1, 2), (1.5, 2), (7.9, 8)):
        due = due_now(row, NOW + late * HOUR)
        assert (due.reminder, due.next_reminder_at) == (True, NOW + following * HOUR)
    early = due_now(row, NOW - HOUR)
    assert (early.reminder, early.next_reminder_at) == (False, NOW)


async def test_reminders_are_told_one_after_the_other(storage: Storage) -> None:
    """With numbers; those that were missed are one. After the end there are none."""
    clock = TaskClock(storage)
    task = await opened(storage, remindEvery=3600.0)
    await clock.look()
    assert await task.told() == ["TASK_OPENED"]
    await remind(task)
    await clock.look()
    await clock.look()
    await remind(task, hours=100)
    await clock.look()
    await clock.look()
    assert await task.told() == ["TASK_OPENED", "TASK_REMINDER", "TASK_REMINDER"]
    row = await task.row()
    assert row.reminders == 2
    assert row.next_reminder_at is not None
    assert timedelta() < row.next_reminder_at - row.created_at <= HOUR + timedelta(minutes=1)
    await TaskAnswers(storage).complete(task.tenant, task.id, member("ada"), "yes")
    await clock.look()
    await clock.look()
    assert (await task.told())[:1] == ["TASK_COMPLETED"]
    assert len(await task.told()) == 4
    assert await task.deeds() == ["OPENED", "REMINDED", "REMINDED", "ANSWERED", "COMPLETED"]


async def test_an_overdue_task_asks_more_people_from_then_on(storage: Storage) -> None:
    """Once: it is told that it is overdue and that it was escalated; before, these may not act."""
    answers, clock = TaskAnswers(storage), TaskClock(storage)
    task = await opened(storage, dueAt=PAST, escalateTo=["bosses", "board"])
    boss = Person(name="eve", groups=frozenset({"bosses"}), via="key:test")
    with pytest.raises(AccessError):
        await answers.complete(task.tenant, task.id, boss, "yes")
    await clock.look()
    await task.execute("UPDATE workflow_tasks SET look_at = clock_timestamp()")
    await clock.look()
    assert await task.told() == ["TASK_ESCALATED", "TASK_OPENED", "TASK_OVERDUE"]
    assert sorted(await task.deeds()) == ["ESCALATED", "OPENED", "OVERDUE"]
    row = await task.row()
    assert row.overdue_at is not None
    assert row.escalated_at is not None
    assert row.state is TaskState.OPEN
    done = await answers.complete(task.tenant, task.id, boss, "yes")
    assert done.task.state is TaskState.COMPLETED


async def test_an_overdue_task_without_escalation_is_just_overdue(storage: Storage) -> None:
    """Nobody else is asked."""
    task = await opened(storage, dueAt=PAST)
    await TaskClock(storage).look()
    assert await task.told() == ["TASK_OPENED", "TASK_OVERDUE"]
    assert (await task.row()).escalated_at is None


async def test_what_is_due_is_told_once_by_many(storage: Storage) -> None:
    """Several processes look at once, at tasks of several tenants."""
    tasks = [
        await opened(storage, tenant=f"tenant{n % 3}", remindEvery=3600.0, dueAt=PAST)
        for n in range(12)
    ]
    for task in tasks:
        await remind(task)
    await asyncio.gather(*(TaskClock(storage).look() for _ in range(6)))
    for task in tasks:
        assert await task.told() == ["TASK_OPENED", "TASK_OVERDUE", "TASK_REMINDER"]


async def test_two_with_the_same_task_tell_it_once(storage: Storage) -> None:
    """A lease that has ended while its holder was slow: the row decides, not the claim."""
    task = await opened(storage, remindEvery=3600.0)
    await remind(task)
    clocks = [TaskClock(storage, lease=timedelta(0)) for _ in range(8)]
    await asyncio.gather(*(clock.look() for clock in clocks))
    assert await task.told() == ["TASK_OPENED", "TASK_REMINDER"]
    assert await task.deeds() == ["OPENED", "REMINDED"]
    assert (await task.row()).reminders == 1


async def test_a_broken_task_does_not_hold_up_the_others(storage: Storage) -> None:
    """It comes back when its lease has ended."""
    broken = await opened(storage, remindEvery=3600.0)
    await broken.execute(
        "UPDATE workflow_tasks SET next_reminder_at = 'infinity', look_at = '2020-01-01'"
    )
    sound = await opened(storage, remindEvery=3600.0)
    await remind(sound)
    clock = TaskClock(storage, lease=timedelta(hours=1))
    await clock.look()
    assert await sound.told() == ["TASK_OPENED", "TASK_REMINDER"]
    await remind(broken)
    await clock.look()
    assert await broken.told() == ["TASK_OPENED", "TASK_REMINDER"]


async def test_a_rollback_tells_nothing(storage: Storage) -> None:
    """Event, log and the next time are one transaction: if the event cannot be staged, nothing."""
    task = await opened(storage, remindEvery=3600.0)
    await remind(task)
    await task.execute("REVOKE INSERT ON workflow_events FROM alga_workflows")
    clock = TaskClock(storage, lease=timedelta(0))
    before = await task.row()
    await clock.look()
    assert await task.row() == before
    assert await task.deeds() == ["OPENED"]
    await task.execute("GRANT INSERT ON workflow_events TO alga_workflows")
    await clock.look()
    assert await task.told() == ["TASK_OPENED", "TASK_REMINDER"]


@pytest.mark.parametrize(
    ("end", "told"),
    [("timed_out", "TASK_EXPIRED"), ("canceled", "TASK_CANCELED"), ("operator", "TASK_COMPLETED")],
)
async def test_the_end_is_told_whoever_brought_it(storage: Storage, end: str, told: str) -> None:
    """Once; it is the trigger that has it told, so no path forgets it."""
    task = await opened(storage)
    states = {"timed_out": "TIMED_OUT", "canceled": "CANCELED", "operator": "RESOLVED"}
    await task.execute(
        "UPDATE workflow_run_waits SET status = :status WHERE id = :id",
        status=states[end],
        id=task.id,
    )
    for _ in range(2):
        await TaskClock(storage).look()
    assert await task.told() == sorted(["TASK_OPENED", told])
