"""Many people, operators and the run itself at once: one of them ends a task."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.errors import AlgaError, ConflictError
from alga_workflows_core.storage.unit_of_work import Due, Storage
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.clock import TaskClock
from alga_workflows_core.tasks.service import TaskService
from alga_workflows_core.types.states import TaskState, WaitStatus
from tests.core.storage.test_tenants import until_somebody_waits_for_a_lock
from tests.core.tasks.opening import NOW, TENANT, Opened, member, opened


async def at_once(*deeds: Awaitable[Any]) -> list[str]:
    """How each of them ended: `done`, or the code of its error."""
    found = await asyncio.gather(*deeds, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, AlgaError):
            raise each
    return [each.error_code if isinstance(each, AlgaError) else "done" for each in found]


async def test_twenty_people_at_once_on_a_quorum_of_three(storage: Storage) -> None:
    """Three answers count, the run gets these three, and is told once; the others come too late."""
    pokes: list[None] = []
    storage.when_left(Due.DELIVERIES, lambda: pokes.append(None))
    answers = TaskAnswers(storage)
    task = await opened(storage, quorum=3)
    ended = await at_once(
        *(answers.complete(task.tenant, task.id, member(f"person{n}"), {"n": n}) for n in range(20))
    )
    assert Counter(ended) == {"done": 3, "TASK_CLOSED": 17}
    kept = await task.answers()
    assert len(kept) == 3
    wait = await task.wait_row()
    assert wait.resolution is not None
    assert wait.resolution["event"]["payload"] == {
        "answers": [{"by": name, "payload": answer} for name, answer in kept]
    }
    assert wait.resolution["event"]["source"] == kept[-1][0] == wait.resolved_by
    assert (await task.deliveries(), len(pokes)) == (1, 1)
    assert (await task.deeds()).count("COMPLETED") == 1


async def test_two_answers_at_once(storage: Storage) -> None:
    """One ends the task; of the other nothing is kept."""
    answers = TaskAnswers(storage)
    for _ in range(10):
        task = await opened(storage)
        ended = await at_once(
            answers.complete(task.tenant, task.id, member("ada"), "yes"),
            answers.complete(task.tenant, task.id, member("bob"), "no"),
        )
        assert sorted(ended) == ["TASK_CLOSED", "done"]
        assert len(await task.answers()) == 1
        assert await task.deliveries() == 1


async def test_one_person_twice_at_once_counts_once(storage: Storage) -> None:
    """Both are answered alike, as if one had been sent again."""
    answers = TaskAnswers(storage)
    for _ in range(10):
        task = await opened(storage, quorum=2)
        ended = await at_once(
            *(answers.complete(task.tenant, task.id, member("ada"), "yes") for _ in range(4))
        )
        assert ended == ["done"] * 4
        assert await task.answers() == [("ada", "yes")]
        assert (await task.row()).state is TaskState.OPEN


async def test_many_claims_at_once(storage: Storage) -> None:
    """One gets it."""
    service = TaskService(storage)
    task = await opened(storage)
    ended = await at_once(
        *(service.claim(task.tenant, task.id, member(f"person{n}")) for n in range(10))
    )
    assert Counter(ended) == {"done": 1, "TASK_CLAIMED": 9}
    assert (await task.deeds()).count("CLAIMED") == 1


async def _close(task: Opened) -> None:
    async with task.storage.unit_of_work(task.tenant) as work:
        if not await work.waits.close(task.id, WaitStatus.TIMED_OUT, NOW):
            raise ConflictError("It was too late.", code="TASK_CLOSED")


@pytest.mark.parametrize("do", ["complete", "dismiss"])
async def test_who_ends_a_task_waits_for_who_ends_its_wait(storage: Storage, do: str) -> None:
    """And holds nothing meanwhile that the other one needs: there is no deadlock."""
    answers, task = TaskAnswers(storage), await opened(storage)
    deeds: dict[str, Callable[[], Awaitable[Any]]] = {
        "complete": lambda: answers.complete(task.tenant, task.id, member("ada"), "yes"),
        "dismiss": lambda: answers.dismiss(task.tenant, task.id, member("ada"), reason=""),
    }
    async with storage.unit_of_work(task.tenant) as work:
        await work.waits.get(task.id, lock=True)
        late = asyncio.create_task(at_once(deeds[do]()))
        await until_somebody_waits_for_a_lock(storage.database)
        assert await work.waits.close(task.id, WaitStatus.TIMED_OUT, NOW)
    assert await late == ["TASK_CLOSED"]
    assert (await task.row()).state is TaskState.EXPIRED


async def test_an_answer_a_timeout_and_a_dismissal_at_once(storage: Storage) -> None:
    """One of them decides, the task says the same as its wait, and nobody waits for nobody."""
    answers, service, clock = TaskAnswers(storage), TaskService(storage), TaskClock(storage)
    seen: Counter[TaskState] = Counter()
    for turn in range(30):
        task = await opened(storage, remindEvery=0.001, dueAt=NOW.isoformat(), escalateTo=["all"])
        deeds: list[Awaitable[Any]] = [
            answers.complete(task.tenant, task.id, member("ada"), "yes"),
            _close(task),
            answers.dismiss(task.tenant, task.id, member("boss"), reason="why not"),
            clock.look(),
            service.claim(task.tenant, task.id, member("ada")),
        ]
        # Whoever asks first has an advantage.
        turned = deeds[turn % 5 :] + deeds[: turn % 5]
        await asyncio.wait_for(at_once(*turned), 20)
        row, wait = await task.row(), await task.wait_row()
        seen[row.state] += 1
        status = WaitStatus.TIMED_OUT if row.state is TaskState.EXPIRED else WaitStatus.RESOLVED
        assert wait.status is status
        assert await task.deliveries() == (status is WaitStatus.RESOLVED)
        resolution = wait.resolution or {}
        assert ("event" in resolution) == (row.state is TaskState.COMPLETED)
        assert ("dismissed" in resolution) == (row.state is TaskState.CANCELED)
        assert len(await task.answers()) == (row.state is TaskState.COMPLETED)
    assert len(seen) > 1


async def test_an_answer_is_kept_with_all_that_follows_from_it_or_not_at_all(
    storage: Storage,
) -> None:
    """Answer, log, the end of the task and the delivery that tells its run: if one of them cannot
    be written, none is, and the same answer counts when it is sent again."""
    task = await opened(storage)
    ada = member("ada")
    await task.execute("REVOKE INSERT ON workflow_event_deliveries FROM alga_workflows")
    with pytest.raises(DBAPIError):
        await TaskAnswers(storage).complete(TENANT, task.id, ada, {"yes": True})
    assert await task.answers() == []
    assert await task.deeds() == ["OPENED"]
    assert (await task.row()).state is TaskState.OPEN
    assert (await task.wait_row()).status is WaitStatus.WAITING
    await task.execute("GRANT INSERT ON workflow_event_deliveries TO alga_workflows")
    await TaskAnswers(storage).complete(TENANT, task.id, ada, {"yes": True})
    assert (await task.row()).state is TaskState.COMPLETED
    assert await task.deliveries() == 1
