"""What a run waits for that has asked people: who may answer, since when, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from alga_workflows_core.storage.task_records import Candidate
from alga_workflows_core.storage.tasks import TaskRow
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.types.model import Model


class BlockedOnTask(Model):
    """A step that has been asking people since `since`; `until`: when it gives up, null for never.

    Whoever is among `assignees`, or in one of `candidateGroups`, may answer, or everybody
    (`forEverybody`); once somebody has claimed it, only they (`claimedBy`). `quorum` people have to
    answer; those in `answeredBy` have. `dueAt` is when they should have.
    """

    kind: Literal["task"] = "task"
    wait_id: UUID
    step: str
    since: datetime
    until: datetime | None
    task_type: str
    title: str
    assignees: list[str]
    candidate_groups: list[str]
    for_everybody: bool
    claimed_by: str | None
    quorum: int
    answered_by: list[str]
    due_at: datetime | None


async def on_tasks(work: UnitOfWork, waits: Sequence[WaitRow]) -> Mapping[UUID, BlockedOnTask]:
    """By wait, those of these open waits that are tasks in inboxes."""
    ids = [wait.id for wait in waits]
    tasks = await work.tasks.several(ids)
    candidates = await work.task_records.candidates(ids)
    answered = await work.task_records.answered_by(ids)
    return {
        wait.id: _on_task(wait, tasks[wait.id], candidates[wait.id], answered[wait.id])
        for wait in waits
        if wait.id in tasks
    }


def _on_task(
    wait: WaitRow, task: TaskRow, candidates: Sequence[Candidate], answered: Sequence[str]
) -> BlockedOnTask:
    return BlockedOnTask(
        wait_id=wait.id,
        step=wait.path,
        since=wait.opened_at,
        until=wait.due_at,
        task_type=task.task_type,
        title=task.title,
        assignees=[each.name for each in candidates if each.kind == "person"],
        candidate_groups=[each.name for each in candidates if each.kind == "group"],
        for_everybody=any(each.kind == "everybody" for each in candidates),
        claimed_by=task.claimed_by,
        quorum=task.quorum,
        answered_by=list(answered),
        due_at=task.due_at,
    )
