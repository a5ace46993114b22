"""How people end tasks: with answers, or without one.

Task, log and delivery are committed together: the row of the wait decides, the deliverer tells the
run.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog

from alga_workflows_core.errors import NotFoundError, TooLargeError
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.waits import answered_task, dismissed_task
from alga_workflows_core.storage.task_records import Deed
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.tasks.people import (
    Person,
    is_over,
    require_asked,
    require_free,
    require_open,
    unknown,
)
from alga_workflows_core.tasks.service import TaskOverview, overview_of
from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import TaskState
from alga_workflows_core.validation.answer import check_answer

log = structlog.get_logger()

MAX_ANSWER_BYTES = 256 * 1024
"""Of one answer, as JSON."""

MAX_ANSWERS_BYTES = 1024 * 1024
"""Of all answers to one task: they travel to its run together, in one signal."""


class TaskAnswers:
    """Answers and dismissals."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def complete(
        self, tenant: str, task_id: UUID, person: Person, answer: Json
    ) -> TaskOverview:
        """Keep the person's answer; the one that completes the quorum ends the task.

        A second answer of a person changes nothing while the task is open; afterwards it is
        answered as before if it is the same.

        NotFoundError; AccessError `TASK_NOT_YOURS`; ConflictError `TASK_CLOSED`, `TASK_CLAIMED`;
        TooLargeError; InputError `ANSWER_INVALID`, whose details list `errors`. Nothing is written
        then.
        """
        async with self._storage.unit_of_work(tenant) as work:
            seen = await overview_of(work, task_id)
            if await _is_repeated(work, seen, person, answer):
                return seen
            _require_wanted(seen, person)
            content = await work.tasks.content(task_id)
        if content is None:
            raise NotFoundError(unknown(task_id))
        _check_size(answer, seen.task.quorum)
        # It may take seconds. Neither form nor quorum ever change.
        await asyncio.to_thread(check_answer, content.form, answer, member="answer")
        async with self._storage.unit_of_work(tenant) as work:
            wait, seen = await _locked(work, task_id)
            if await _is_repeated(work, seen, person, answer):
                return seen
            _require_wanted(seen, person)
            ended = await _take(work, wait, seen, person, answer)
            if ended:
                work.leaves(Due.DELIVERIES)
            done = await overview_of(work, task_id)
        _tell(done, person, "completed" if ended else "answered")
        return done

    async def dismiss(
        self, tenant: str, task_id: UUID, person: Person, *, reason: str
    ) -> TaskOverview:
        """End it without an answer: its step fails with `TASK_DISMISSED`.

        NotFoundError, ConflictError `TASK_CLOSED`.
        """
        detail: JsonObject = {"reason": reason}
        async with self._storage.unit_of_work(tenant) as work:
            _, seen = await _locked(work, task_id)
            repeated = seen.task.state is TaskState.CANCELED and await work.task_records.was_logged(
                task_id, "DISMISSED", person.name, detail
            )
            if repeated:
                return seen
            require_open(seen.task)
            await work.tasks.cancel(task_id, person.name)
            deed = Deed(deed="DISMISSED", person=person.name, via=person.via, detail=detail)
            await work.task_records.log(task_id, deed)
            await work.waits.resolve(task_id, dismissed_task(person.name, reason), person.name)
            work.leaves(Due.DELIVERIES)
            done = await overview_of(work, task_id)
        _tell(done, person, "dismissed")
        return done


async def _locked(work: UnitOfWork, task_id: UUID) -> tuple[WaitRow, TaskOverview]:
    """The wait first, as everybody does who ends it: the end of the task follows from its."""
    wait = await work.waits.get(task_id, lock=True)
    if wait is None:
        raise NotFoundError(unknown(task_id), remedy="GET /api/v1/tasks lists the newest.")
    return wait, await overview_of(work, task_id, lock=True)


async def _is_repeated(work: UnitOfWork, seen: TaskOverview, person: Person, answer: Json) -> bool:
    """Whether the person's answer is there, and whether this one would be answered as it was."""
    if person.name not in seen.answered_by:
        return False
    if not is_over(seen.task):
        return True
    given = await work.task_records.answers(seen.task.id)
    return any(
        each.person == person.name and content_hash(each.answer) == content_hash(answer)
        for each in given
    )


def _require_wanted(seen: TaskOverview, person: Person) -> None:
    require_open(seen.task)
    require_free(seen.task, person)
    require_asked(seen.task, seen.candidates, person)


def _check_size(answer: Json, quorum: int) -> None:
    limit = min(MAX_ANSWER_BYTES, MAX_ANSWERS_BYTES // quorum)
    size = encoded_size(answer)
    if size > limit:
        raise TooLargeError(
            f"The answer has {size} bytes; {limit} is the limit of this task.",
            path="/answer",
            remedy="Send where it is to be found instead.",
        )


async def _take(
    work: UnitOfWork, wait: WaitRow, seen: TaskOverview, person: Person, answer: Json
) -> bool:
    """Keep the answer; whether it ended the task."""
    task = seen.task
    await work.task_records.add_answer(task.id, person.name, answer, len(seen.answered_by) + 1)
    deed = Deed(deed="ANSWERED", person=person.name, via=person.via)
    await work.task_records.log(task.id, deed)
    given = await work.task_records.answers(task.id)
    if len(given) < task.quorum:
        return False
    answers = {each.person: each.answer for each in given}
    at = given[-1].answered_at
    resolution = answered_task(wait.key, task.quorum, answers, person.name, at)
    return await work.waits.resolve(task.id, resolution, person.name)


def _tell(done: TaskOverview, person: Person, what: str) -> None:
    log.info(
        f"The task {done.task.id} was {what} by {person.name}",
        action=f"task.{what}",
        task_id=str(done.task.id),
        run_id=str(done.task.run_id),
        person=person.name,
        via=person.via,
    )
