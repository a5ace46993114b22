"""Who may do what to a task. What does not depend on rows alone is refused here, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from alga_workflows_core.errors import AccessError, ConflictError
from alga_workflows_core.storage.task_records import Candidate
from alga_workflows_core.storage.tasks import TaskRow
from alga_workflows_core.types.states import FINAL_TASK_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who acts. `via`, an API key, vouches for the name and for the groups."""

    name: str
    groups: frozenset[str] = frozenset()
    via: str


def is_over(task: TaskRow) -> bool:
    """Whether it has ended."""
    return task.state in FINAL_TASK_STATES


def require_open(task: TaskRow) -> None:
    """ConflictError `TASK_CLOSED`, with the state in its details, if it has ended."""
    if is_over(task):
        by = "" if task.closed_by is None else f" by {task.closed_by}"
        raise ConflictError(
            f"The task {task.id} is {task.state}{by}.",
            code="TASK_CLOSED",
            remedy=f"GET /api/v1/tasks/{task.id} tells how it ended.",
            details={"taskState": task.state.value},
        )


def require_free(task: TaskRow, person: Person) -> None:
    """ConflictError `TASK_CLAIMED` if somebody else has taken it."""
    if task.claimed_by not in (None, person.name):
        raise ConflictError(
            f"The task {task.id} is claimed by {task.claimed_by}.",
            code="TASK_CLAIMED",
            remedy="Whoever has claimed it answers it, delegates it or gives it back.",
            details={"claimedBy": task.claimed_by},
        )


def require_asked(task: TaskRow, candidates: Sequence[Candidate], person: Person) -> None:
    """AccessError `TASK_NOT_YOURS` if neither the person nor a group of theirs is asked."""
    if task.claimed_by == person.name:
        return
    for each in candidates:
        by_name = each.kind == "person" and each.name == person.name
        by_group = each.kind == "group" and each.name in person.groups
        if by_name or by_group or each.kind == "everybody":
            return
    raise AccessError(
        f"The task {task.id} asks neither {person.name} nor a group that was sent along.",
        authenticated=True,
        code="TASK_NOT_YOURS",
        remedy=f"GET /api/v1/tasks/{task.id} says whom it asks; `groups` are those of the person.",
    )


def unknown(task_id: UUID) -> str:
    """What is said of a task that is not there."""
    return f"There is no task {task_id}."
