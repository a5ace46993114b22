"""Executions and the code that they run on, with real processes and a real server."""

from __future__ import annotations

from temporalio.client import WorkflowHandle

from alga_temporal_domain.projects.supervision.sweeping import wake
from alga_temporal_domain.storage.instances import InstanceHistory
from alga_temporal_domain.storage.worker_logs import WorkerLogs
from alga_temporal_domain.storage.worker_statistics import WorkerStatistics
from tests.domain.supervision.conftest import Place
from tests.domain.supervision.waiting import code, eventually, known, live, versions
from tests.domain.supervision.world import TENANT, activate, project, wish

SWAPS = 20


async def test_every_run_ends_on_the_code_that_it_began_with(place: Place) -> None:
    """Two versions swapped 20 times; going back to one is quick, since its process is there."""
    both = (code("one"), code("two"))
    project_id = await project(place.storage, both[0])
    await known(place, project_id)
    begun: list[tuple[WorkflowHandle[object, str], str]] = []
    for swap in range(SWAPS):
        at = swap % 2
        if swap:
            await activate(place.storage, project_id, both[at])
            await known(place, project_id)
        run = await place.start(project_id)
        # It is on a version once its first task is done.
        await run.query("__stack_trace")
        begun.append((run, ("one", "two")[at]))
    assert [await place.let(run) for run, _ in begun] == [name for _, name in begun]
    assert await live(place, project_id) <= 2


async def test_what_is_drained_ends(place: Place) -> None:
    """Not before its last execution has; the rest goes on."""
    one, two = code("one"), code("two")
    project_id = await project(place.storage, one)
    await known(place, project_id)
    run = await place.start(project_id)
    await run.query("__stack_trace")
    await activate(place.storage, project_id, two)
    await known(place, project_id)

    async def counted() -> bool:
        return await place.supervision.versions.open_executions(project_id, one.hash) == 1

    await eventually(counted)
    assert (await versions(place.storage, project_id))[one.hash].state == "DRAINING"
    assert await place.let(run) == "one"

    async def is_alone() -> bool:
        rows = await versions(place.storage, project_id)
        return rows[one.hash].state == "DRAINED" and await live(place, project_id) == 1

    await eventually(is_alone)
    assert await place.let(await place.start(project_id)) == "two"


async def test_runs_move_if_all_can(place: Place) -> None:
    """A run that would not go on keeps all of them where they are, and is named."""
    one = code("one", "await workflow.sleep(0.01)")
    project_id = await project(place.storage, one)
    await known(place, project_id)
    run = await place.start(project_id)
    await run.query("__stack_trace")
    other = code("other")
    await activate(place.storage, project_id, other, mode="AUTO_UPGRADE")

    async def is_refused() -> bool:
        return (await versions(place.storage, project_id))[other.hash].moved_seq == 2

    await eventually(is_refused)
    (finding,) = (await versions(place.storage, project_id))[other.hash].move_findings or []
    assert finding["rule"] == "REPLAY_FAILED"
    assert run.id in finding["message"]
    fits = code("fits", "await workflow.sleep(0.01)")
    await activate(place.storage, project_id, fits, mode="AUTO_UPGRADE")

    async def is_moved() -> bool:
        return (await versions(place.storage, project_id))[fits.hash].moved_seq == 3

    await eventually(is_moved)
    assert (await versions(place.storage, project_id))[fits.hash].move_findings is None
    assert await place.let(run) == "fits"


async def test_a_project_sleeps_and_wakes(place: Place) -> None:
    """Without work its process ends; it is back when it is told, and when somebody forgot to."""
    project_id = await project(place.storage, code("one"))
    async with place.storage.unit_of_work(TENANT) as work:
        await work.projects.size(project_id, slots=1, most_slots=1, idle_seconds=1)

    async def sleeps() -> bool:
        async with place.storage.unit_of_work(TENANT) as work:
            row = await work.projects.get(project_id)
        return row is not None and row.asleep and await live(place, project_id) == 0

    await eventually(sleeps)
    run = await place.start(project_id)
    assert await wake(place.storage, TENANT, project_id)
    assert await place.let(run) == "one"
    await eventually(sleeps)
    run = await place.start(project_id)
    assert await place.let(run) == "one"


async def test_what_was_done_is_counted(place: Place) -> None:
    """Per activity and per process; and what the process has written is kept."""
    project_id = await project(place.storage, code("one"))
    await known(place, project_id)
    for _ in range(3):
        await place.let(await place.start(project_id))
    # It tells every few seconds, and when it ends.
    await wish(place.storage, project_id, "STOPPED")

    async def is_counted() -> bool:
        async with place.storage.transaction(TENANT) as connection:
            found = await WorkerStatistics(connection, TENANT).summary(project_id)
            rows = await InstanceHistory(connection, TENANT).page(project_id, None, 1)
            lines = await WorkerLogs(connection, TENANT).tail(project_id, 10)
        return (
            [(one.activity, one.ok, sum(one.histogram)) for one in found] == [("note", 3, 3)]
            and rows[0].tasks_completed == 3
            and [line.line for line in lines if line.stream == "stdout"] == ["noted one"] * 3
        )

    await eventually(is_counted)
