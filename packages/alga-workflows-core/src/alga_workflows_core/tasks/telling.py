"""Events that tell of tasks, so that triggers can send mails, messages and the like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.storage.task_records import Candidate
from alga_workflows_core.storage.tasks import TaskRow
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import TaskState

SOURCE: Final = "alga-workflows/tasks"
"""The `source` of these events."""

OPENED: Final = "TASK_OPENED"
REMINDER: Final = "TASK_REMINDER"
OVERDUE: Final = "TASK_OVERDUE"
ESCALATED: Final = "TASK_ESCALATED"

# Titles that expressions give may be of any length, and an event has to stay small.
_SHOWN_TITLE = 200


def ended(state: TaskState) -> str:
    """The type of the event that tells of the end: `TASK_COMPLETED`, `TASK_EXPIRED` or
    `TASK_CANCELED`."""
    return f"TASK_{state}"


async def tell(
    work: UnitOfWork,
    task: TaskRow,
    candidates: Sequence[Candidate],
    event_type: str,
    number: int | None = None,
) -> None:
    """Stage an event in this transaction. There is one of a type, or of a type and number, for a
    task, however often it is told."""
    occasion = event_type if number is None else f"{event_type}:{number}"
    numbered: JsonObject = {} if number is None else {"number": number}
    await work.events.stage(
        NewEvent(
            source=SOURCE,
            event_id=f"{task.id}:{occasion}",
            type=event_type,
            subject=str(task.id),
            correlation_key=str(task.id),
            data=_data(task, candidates) | numbered,
        )
    )


def _data(task: TaskRow, candidates: Sequence[Candidate]) -> JsonObject:
    def names(kind: str) -> list[str]:
        return [each.name for each in candidates if each.kind == kind]

    return {
        "taskId": str(task.id),
        "runId": str(task.run_id),
        "definitionId": task.definition_id,
        "path": task.path,
        "taskType": task.task_type,
        "title": task.title[:_SHOWN_TITLE],
        "state": task.state.value,
        "assignees": names("person"),
        "candidateGroups": names("group"),
        "escalateTo": names("escalation"),
        "claimedBy": task.claimed_by,
        "closedBy": task.closed_by,
        "createdAt": task.created_at.isoformat(),
        "dueAt": _text(task.due_at),
        "closedAt": _text(task.closed_at),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
