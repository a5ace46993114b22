"""Inboxes: people look at tasks, claim them, give them back and hand them to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, InputError, NotFoundError
from alga_workflows_core.storage.task_records import Answer, Candidate, Deed, LoggedDeed
from alga_workflows_core.storage.tasks import TaskContent, TaskFilter, TaskRow
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.tasks.people import (
    Person,
    require_asked,
    require_free,
    require_open,
    unknown,
)
from alga_workflows_core.types.json import JsonObject

log = structlog.get_logger()

MOST_LOGGED = 200
"""Deeds that are shown of a task, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOverview:
    """A task as inboxes list it."""

    task: TaskRow
    candidates: Sequence[Candidate]
    answered_by: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetail:
    """All that there is to a task. `resolution`: what its run got (`interpreter.waits.Wait`)."""

    overview: TaskOverview
    content: TaskContent
    answers: Sequence[Answer]
    resolution: JsonObject | None
    log: Sequence[LoggedDeed]


class TaskService:
    """The tasks of tenants. Doing the same again changes nothing and is answered as before."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def list(
        self,
        tenant: str,
        wanted: TaskFilter,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> Sequence[TaskOverview]:
        """The newest first, behind `after` (creation time and id)."""
        async with self._storage.unit_of_work(tenant) as work:
            rows = await work.tasks.list(wanted, after=after, limit=limit)
            ids = [row.id for row in rows]
            candidates = await work.task_records.candidates(ids)
            answered = await work.task_records.answered_by(ids)
        return [
            TaskOverview(task=row, candidates=candidates[row.id], answered_by=answered[row.id])
            for row in rows
        ]

    async def get(self, tenant: str, task_id: UUID) -> TaskDetail:
        """NotFoundError."""
        async with self._storage.unit_of_work(tenant) as work:
            overview = await overview_of(work, task_id)
            content = await work.tasks.content(task_id)
            wait = await work.waits.get(task_id)
            if content is None or wait is None:
                raise NotFoundError(unknown(task_id))
            return TaskDetail(
                overview=overview,
                content=content,
                answers=await work.task_records.answers(task_id),
                resolution=wait.resolution,
                log=await work.task_records.logged(task_id, MOST_LOGGED),
            )

    async def claim(self, tenant: str, task_id: UUID, person: Person) -> TaskOverview:
        """Take it, so that nobody else answers it.

        NotFoundError; AccessError `TASK_NOT_YOURS`; ConflictError `TASK_CLOSED`, `TASK_CLAIMED`,
        or `TASK_FOR_SEVERAL` where more than one person has to answer.
        """
        async with self._storage.unit_of_work(tenant) as work:
            seen = await overview_of(work, task_id, lock=True)
            task = seen.task
            require_open(task)
            if task.claimed_by == person.name:
                return seen
            require_asked(task, seen.candidates, person)
            if task.quorum > 1:
                raise ConflictError(
                    f"The task {task_id} has to be answered by {task.quorum} people.",
                    code="TASK_FOR_SEVERAL",
                    remedy="Answer it without claiming it.",
                )
            require_free(task, person)
            await _hand_to(work, task, person.name)
            await work.task_records.log(task_id, _deed("CLAIMED", person))
            done = await overview_of(work, task_id)
        _tell(done.task, person, "claimed")
        return done

    async def unclaim(
        self, tenant: str, task_id: UUID, person: Person, *, force: bool = False
    ) -> TaskOverview:
        """Give it back to all whom it asks; `force`: also if somebody else has claimed it.

        NotFoundError, ConflictError `TASK_CLOSED` or `TASK_CLAIMED`.
        """
        async with self._storage.unit_of_work(tenant) as work:
            seen = await overview_of(work, task_id, lock=True)
            task = seen.task
            require_open(task)
            if task.claimed_by is None:
                return seen
            if not force:
                require_free(task, person)
            await _hand_to(work, task, None)
            detail: JsonObject = {"claimedBy": task.claimed_by}
            await work.task_records.log(task_id, _deed("UNCLAIMED", person, detail))
            done = await overview_of(work, task_id)
        _tell(done.task, person, "unclaimed")
        return done

    async def delegate(
        self, tenant: str, task_id: UUID, person: Person, *, to: str
    ) -> TaskOverview:
        """Have somebody else asked in the person's place; a task for one person is theirs then.

        NotFoundError; InputError if that is the same person; AccessError `TASK_NOT_YOURS`;
        ConflictError `TASK_CLOSED`, `TASK_CLAIMED`, `TASK_ANSWERED` if the person has answered, or
        `TASK_ASKED` if the other one counts already, so that an answer would be lacking.
        """
        if to == person.name:
            raise InputError(
                f"{to} cannot be asked in place of {to}.", path="/to", remedy="Name somebody else."
            )
        detail: JsonObject = {"to": to}
        async with self._storage.unit_of_work(tenant) as work:
            seen = await overview_of(work, task_id, lock=True)
            task = seen.task
            if await _was_delegated(work, seen, person, detail):
                return seen
            require_open(task)
            require_free(task, person)
            require_asked(task, seen.candidates, person)
            if task.quorum > 1:
                _require_another_voice(seen, person, to)
            await work.task_records.unask(task_id, Candidate("person", person.name))
            await work.task_records.ask(task_id, [Candidate("person", to)])
            if task.quorum == 1:
                await _hand_to(work, task, to)
            await work.task_records.log(task_id, _deed("DELEGATED", person, detail))
            done = await overview_of(work, task_id)
        _tell(done.task, person, "delegated")
        return done


async def overview_of(work: UnitOfWork, task_id: UUID, *, lock: bool = False) -> TaskOverview:
    """A task as it is now; NotFoundError."""
    task = await work.tasks.get(task_id, lock=lock)
    if task is None:
        raise NotFoundError(unknown(task_id), remedy="GET /api/v1/tasks lists the newest.")
    return TaskOverview(
        task=task,
        candidates=(await work.task_records.candidates([task_id]))[task_id],
        answered_by=(await work.task_records.answered_by([task_id]))[task_id],
    )


async def _hand_to(work: UnitOfWork, task: TaskRow, name: str | None) -> None:
    """Change who has claimed it; inboxes find it by them too."""
    await work.tasks.claim(task.id, name)
    if task.claimed_by is not None:
        await work.task_records.unask(task.id, Candidate("claimer", task.claimed_by))
    if name is not None:
        await work.task_records.ask(task.id, [Candidate("claimer", name)])


async def _was_delegated(
    work: UnitOfWork, seen: TaskOverview, person: Person, detail: JsonObject
) -> bool:
    """Whether just this was done before, and still holds."""
    to: str = detail["to"]
    holds = (
        seen.task.claimed_by == to
        if seen.task.quorum == 1
        else Candidate("person", to) in seen.candidates
    )
    return holds and await work.task_records.was_logged(
        seen.task.id, "DELEGATED", person.name, detail
    )


def _require_another_voice(seen: TaskOverview, person: Person, to: str) -> None:
    task_id = seen.task.id
    if person.name in seen.answered_by:
        raise ConflictError(f"{person.name} has answered the task {task_id}.", code="TASK_ANSWERED")
    if to in seen.answered_by or Candidate("person", to) in seen.candidates:
        raise ConflictError(
            f"The task {task_id} asks {to} already, and each person counts once.",
            code="TASK_ASKED",
            remedy="Name somebody whom it does not ask by name.",
        )


def _deed(deed: str, person: Person, detail: JsonObject | None = None) -> Deed:
    return Deed(deed=deed, person=person.name, via=person.via, detail=detail)


def _tell(task: TaskRow, person: Person, what: str) -> None:
    log.info(
        f"The task {task.id} was {what} by {person.name}",
        action=f"task.{what}",
        task_id=str(task.id),
        run_id=str(task.run_id),
        person=person.name,
        via=person.via,
    )
