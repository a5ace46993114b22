"""One task with all that belongs to it, as rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from alga_workflows_core.storage.task_records import Candidate, Deed
from alga_workflows_core.storage.tasks import NewTask, TaskFilter, TaskTold
from alga_workflows_core.storage.unit_of_work import UnitOfWork

TASK = uuid4()
ADA = Candidate("person", "ada")


def new_task(task_id: UUID = TASK) -> NewTask:
    return NewTask(
        id=task_id,
        run_id=uuid4(),
        definition_id="triage",
        path="ask",
        task_type="approval",
        title="Approve",
        description="Please.",
        form={},
        quorum=1,
        due_at=None,
        remind_every=timedelta(hours=1),
    )


async def fill_task(work: UnitOfWork) -> None:
    """A row in each table of tasks."""
    await work.tasks.open(new_task())
    await work.task_records.ask(TASK, [ADA])
    await work.task_records.add_answer(TASK, "ada", "yes", 1)
    await work.task_records.log(TASK, Deed(deed="OPENED"))


async def task_rows(work: UnitOfWork) -> dict[str, Any]:
    """What repositories answer about them."""
    return {
        "task": await work.tasks.get(TASK),
        "content": await work.tasks.content(TASK),
        "tasks": await work.tasks.list(TaskFilter(), after=None, limit=10),
        "inbox": await work.tasks.list(TaskFilter(candidates=[ADA]), after=None, limit=10),
        "candidates": (await work.task_records.candidates([TASK]))[TASK],
        "answers": await work.task_records.answers(TASK),
        "answered": (await work.task_records.answered_by([TASK]))[TASK],
        "log": await work.task_records.logged(TASK, 10),
    }


async def change_task(work: UnitOfWork) -> None:
    """Each change of a row that is there."""
    told = TaskTold(reminders=7, next_reminder_at=None, overdue=True, escalated=True, look_at=None)
    await work.tasks.told(TASK, told)
    await work.tasks.told_end(TASK)
    await work.tasks.claim(TASK, "them")
    await work.tasks.cancel(TASK, "them")
    await work.task_records.unask(TASK, ADA)
