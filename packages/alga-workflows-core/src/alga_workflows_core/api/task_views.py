"""Tasks as the API shows them, and what people send about them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from alga_workflows_core.infra.auth import Principal
from alga_workflows_core.storage.task_records import CandidateKind
from alga_workflows_core.tasks.people import Person
from alga_workflows_core.tasks.service import TaskDetail, TaskOverview
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Line, Model
from alga_workflows_core.types.states import TaskState

Name = Annotated[Line, Field(min_length=1, max_length=200)]
"""A person's or a group's."""


class Acting(Model):
    """Who acts: the key vouches for the person and for the groups. `by` absent: the key itself."""

    by: Name | None = None
    groups: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list[str])

    def person(self, caller: Principal) -> Person:
        return Person(name=self.by or caller.name, groups=frozenset(self.groups), via=caller.name)


class Unclaim(Acting):
    """`force`: also if somebody else has claimed it."""

    force: bool = False


class Complete(Acting):
    """`answer` has to meet the task's form."""

    answer: Json


class Delegate(Acting):
    """`to`: who is asked in the person's place."""

    to: Name


class Dismiss(Acting):
    """`reason` is for people, and part of the error that the run gets."""

    reason: Annotated[str, Field(max_length=500)] = ""


class TaskView(Model):
    """A task in an inbox. `path`: its step's. `answeredBy`: in the order in which they did.

    `overdueAt` and `escalatedAt` are when that was noticed; `escalateTo` are the groups that are
    asked from then on.
    """

    task_id: UUID
    run_id: UUID
    definition_id: str
    path: str
    task_type: str
    title: str
    state: TaskState
    claimed_by: str | None
    assignees: list[str]
    candidate_groups: list[str]
    escalate_to: list[str]
    for_everybody: bool
    quorum: int
    answered_by: list[str]
    due_at: datetime | None
    overdue_at: datetime | None
    escalated_at: datetime | None
    next_reminder_at: datetime | None
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None


class AnswerView(Model):
    """What somebody has answered."""

    by: str
    answer: Json
    at: datetime


class DeedView(Model):
    """What was done: `by` whom, `via` which API key; both are null if nobody did it."""

    at: datetime
    deed: str
    by: str | None
    via: str | None
    detail: JsonObject | None


class TaskDetailView(TaskView):
    """A task with its form, what people have answered and done, and what its run got for it:
    `answer`, null before."""

    description: str | None
    form: JsonObject
    answers: list[AnswerView]
    answer: Json
    log: list[DeedView]


def task_view(seen: TaskOverview) -> TaskView:
    """A task as lists show it."""
    return TaskView(**_fields(seen))


def task_detail_view(seen: TaskDetail) -> TaskDetailView:
    """All of a task."""
    event: JsonObject = (seen.resolution or {}).get("event") or {}
    return TaskDetailView(
        **_fields(seen.overview),
        description=seen.content.description,
        form=seen.content.form,
        answers=[
            AnswerView(by=each.person, answer=each.answer, at=each.answered_at)
            for each in seen.answers
        ],
        answer=event.get("payload"),
        log=[
            DeedView(at=each.at, deed=each.deed, by=each.person, via=each.via, detail=each.detail)
            for each in seen.log
        ],
    )


def _fields(seen: TaskOverview) -> JsonObject:
    def names(kind: CandidateKind) -> list[str]:
        return [each.name for each in seen.candidates if each.kind == kind]

    task = seen.task
    shown = {name: getattr(task, name) for name in TaskView.model_fields if hasattr(task, name)}
    return shown | {
        "task_id": task.id,
        "assignees": names("person"),
        "candidate_groups": names("group"),
        "escalate_to": names("escalation"),
        "for_everybody": any(each.kind == "everybody" for each in seen.candidates),
        "answered_by": list(seen.answered_by),
    }
