"""What time does to tasks: reminders, overdue, escalation; and telling how they ended.

The clock is the database's. When a task is due was said by the clock of its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from alga_workflows_core.storage.task_records import Candidate, Deed
from alga_workflows_core.storage.tasks import TaskRow, TaskTold
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.tasks import telling
from alga_workflows_core.tasks.people import is_over
from alga_workflows_core.types.json import JsonObject

log = structlog.get_logger()

BATCH = 100
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be told of a task now. `next_reminder_at`: the first that is still to come."""

    reminder: bool
    overdue: bool
    next_reminder_at: datetime | None


def due_now(task: TaskRow, now: datetime) -> Due:
    """Of an open task. Reminders that nobody told in time are one."""
    upcoming = task.next_reminder_at
    reminds = False
    if upcoming is not None and task.remind_every is not None and upcoming <= now:
        reminds = True
        missed = (now - upcoming) // task.remind_every
        upcoming += (missed + 1) * task.remind_every
    overdue = task.due_at is not None and task.overdue_at is None and task.due_at <= now
    return Due(reminder=reminds, overdue=overdue, next_reminder_at=upcoming)


class TaskClock:
    """Works through the tasks of all tenants of which there is something to tell."""

    def __init__(self, storage: Storage, *, lease: timedelta = LEASE) -> None:
        self._storage = storage
        self._lease = lease

    async def look(self) -> None:
        """Tell everything that is due now."""
        while True:
            claimed = await self._storage.across.claim_tasks(BATCH, self._lease)
            for tenant, task_id in claimed:
                await self._look_at(tenant, task_id)
            if len(claimed) < BATCH:
                return

    async def _look_at(self, tenant: str, task_id: UUID) -> None:
        try:
            async with self._storage.unit_of_work(tenant) as work:
                await _tell(work, task_id)
        except Exception:
            # It must not hold up the others; its lease brings it back.
            log.exception(
                f"Nothing could be told of the task {task_id}; it will be tried again",
                action="task.look_failed",
                task_id=str(task_id),
                tenant=tenant,
            )


async def _tell(work: UnitOfWork, task_id: UUID) -> None:
    task = await work.tasks.get(task_id, lock=True)
    if task is None:
        return
    candidates = (await work.task_records.candidates([task_id]))[task_id]
    if is_over(task):
        await telling.tell(work, task, candidates, telling.ended(task.state))
        await work.tasks.told_end(task_id)
        return
    due = due_now(task, await work.tasks.now())
    escalated = due.overdue and await _escalate(work, task_id, candidates)
    if due.overdue:
        await work.task_records.log(task_id, Deed(deed="OVERDUE"))
        await telling.tell(work, task, candidates, telling.OVERDUE)
    if escalated:
        await telling.tell(work, task, candidates, telling.ESCALATED)
    if due.reminder:
        number = task.reminders + 1
        await work.task_records.log(task_id, Deed(deed="REMINDED", detail={"number": number}))
        await telling.tell(work, task, candidates, telling.REMINDER, number)
    await work.tasks.told(task_id, _told(task, due, escalated=escalated))


async def _escalate(work: UnitOfWork, task_id: UUID, candidates: Sequence[Candidate]) -> bool:
    """Ask the groups that are asked once it is overdue; whether there are any."""
    groups = [Candidate("group", each.name) for each in candidates if each.kind == "escalation"]
    if groups:
        await work.task_records.ask(task_id, groups)
        detail: JsonObject = {"to": [each.name for each in groups]}
        await work.task_records.log(task_id, Deed(deed="ESCALATED", detail=detail))
    return bool(groups)


def _told(task: TaskRow, due: Due, *, escalated: bool) -> TaskTold:
    is_overdue = due.overdue or task.overdue_at is not None
    ahead = (due.next_reminder_at, None if is_overdue else task.due_at)
    return TaskTold(
        reminders=task.reminders + due.reminder,
        next_reminder_at=due.next_reminder_at,
        overdue=due.overdue,
        escalated=escalated,
        look_at=min((each for each in ahead if each is not None), default=None),
    )
