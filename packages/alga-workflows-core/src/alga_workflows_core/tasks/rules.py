"""What a wait for people does besides having a row: it is a task in their inboxes.

The task opens in the transaction that opens the wait. It ends in the transaction in which the wait
does, whoever ends that: a trigger of the database sees to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from alga_workflows_core.storage.task_records import EVERYBODY, Candidate, CandidateKind, Deed
from alga_workflows_core.storage.tasks import NewTask
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.tasks import telling
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import WaitStatus

# Whoever writes P1000Y means never, and calendars end with the year 9999.
_LONGEST_INTERVAL = timedelta(days=36_525)

_LISTS: tuple[tuple[str, CandidateKind], ...] = (
    ("assignees", "person"),
    ("candidateGroups", "group"),
    ("escalateTo", "escalation"),
)


class TaskRules:
    """The rules of the kind `task`."""

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        """There is nothing that others lock before they touch rows."""

    async def opened(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject | None:
        """Put the task into inboxes, unless it is there. What has ended the wait, if something has
        since it was looked at."""
        # Nobody ends the wait before this transaction does: the task would stay open for ever.
        row = await work.waits.get(wait.id, lock=True)
        if row is not None and row.status is not WaitStatus.WAITING:
            return row.resolution
        if not await work.tasks.open(_new(identity, wait)):
            return None
        await work.task_records.ask(wait.id, _candidates(wait.detail))
        await work.task_records.log(wait.id, Deed(deed="OPENED"))
        task = await work.tasks.get(wait.id)
        if task is not None:
            candidates = (await work.task_records.candidates([wait.id]))[wait.id]
            await telling.tell(work, task, candidates, telling.OPENED)
        return None

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:  # noqa: ARG002
        """Nothing holds up the end of a task."""
        return True


def _new(identity: RunIdentity, wait: OpenedWait) -> NewTask:
    seen = wait.detail
    due: str | None = seen["dueAt"]
    return NewTask(
        id=wait.id,
        run_id=identity.run_id,
        definition_id=identity.workflow_id,
        path=wait.path,
        task_type=seen["taskType"],
        title=seen["title"] or "",
        description=seen["description"],
        form=seen["form"],
        quorum=seen["quorum"],
        due_at=None if due is None else datetime.fromisoformat(due),
        remind_every=_interval(seen["remindEvery"]),
    )


def _interval(seconds: float | None) -> timedelta | None:
    if seconds is None or not 0 < seconds < _LONGEST_INTERVAL.total_seconds():
        return None
    return timedelta(seconds=seconds)


def _candidates(seen: JsonObject) -> list[Candidate]:
    asked = [Candidate(kind, name) for listed, kind in _LISTS for name in seen[listed]]
    named = any(each.kind in ("person", "group") for each in asked)
    return asked if named else [*asked, EVERYBODY]
