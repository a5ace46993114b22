"""The worker of a project: from its order to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError

from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.process.children import EndedError
from alga_temporal_domain.projects.process.endings import EndingKind
from tests.domain.process.conftest import DEADLINE, SOURCE, Project, bundle, end_of

ENDS = """
import os
from temporalio import activity

@activity.defn
async def end(code: int) -> None:
    os._exit(code)

@activity.defn
async def leave(code: int) -> None:
    raise SystemExit(code)

@workflow.defn
class Leaving:
    @workflow.run
    async def run(self, _given: int) -> None:
        raise SystemExit(5)
"""
LEAVING = ("Hello", "Waiting", "Calling", "Leaving")
ENDING = ("shout", "take_time", "end", "leave")


def environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def is_under_way(run: WorkflowHandle[Any, Any]) -> bool:
    """Whether an activity of the run is being worked on."""
    pending = (await run.describe()).raw_description.pending_activities
    return any(one.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for one in pending)


async def test_a_workflow_runs_on_the_projects_code(project: Project) -> None:
    """An execution that is started on the project's queue is done by its process."""
    await project.running()
    result = await project.client.execute_workflow(
        "Hello", "x", id=str(uuid4()), task_queue=project.queue
    )
    assert result == "hello X"


async def test_a_start_is_quick(project: Project) -> None:
    """Half a second from the order to a worker that Temporal knows; here it is a tenth of that."""
    took: list[float] = []
    for _ in range(5):
        began = time.monotonic()
        child = await project.start()
        took.append(time.monotonic() - began)
        assert (await child.ready(1)).seen
        child.kill()
        await end_of(child)
    assert statistics.median(took) < 0.5


async def test_a_stop_lets_activities_finish(project: Project) -> None:
    """What runs when the process is stopped comes to its end; then the process ends as wanted."""
    child = await project.running()
    run = await project.client.start_workflow(
        "Waiting", 1.0, id=str(uuid4()), task_queue=project.queue
    )
    async with asyncio.timeout(DEADLINE):
        while not await is_under_way(run):  # noqa: ASYNC110 - Temporal tells nobody
            await asyncio.sleep(0.05)
    child.stop()
    ending = await end_of(child)
    assert (ending.kind, ending.exit_code) == (EndingKind.WANTED, 0)
    assert project.stats[-1].activities["take_time"].ok == 1


async def test_what_does_not_stop_is_killed(project: Project) -> None:
    """A process that ignores its stop is killed when its time is over, which is still wanted."""
    code = bundle("while True:\n    pass\n", workflows=(), activities=("none",))
    child = await project.begin(project.order(code, graceful_seconds=0))
    child.stop()
    ending = await end_of(child)
    assert (ending.kind, ending.signal) == (EndingKind.WANTED, signal.SIGKILL)


async def test_code_that_cannot_be_loaded_is_a_bad_bundle(project: Project) -> None:
    """The process ends with the findings, and nobody waits for it to be ready."""
    code = bundle("import nothing_of_this_name\n", workflows=(), activities=("none",))
    child = await project.begin(project.order(code))
    with pytest.raises(EndedError):
        await child.ready(DEADLINE)
    ending = await end_of(child)
    assert (ending.kind, ending.exit_code) == (EndingKind.BAD_BUNDLE, 65)
    assert [finding.rule for finding in ending.findings] == [Rule.LOAD_FAILED]
    assert "nothing_of_this_name" in ending.findings[0].message


async def test_tampered_code_is_not_loaded(project: Project) -> None:
    """What is not what its hash says ends the process before a line of it runs."""
    order = project.order(bundle())
    other = bundle(SOURCE + "\nprint('ran')\n")
    child = await project.begin(order.model_copy(update={"bundle": other}))
    ending = await end_of(child)
    assert ending.kind is EndingKind.BAD_BUNDLE
    assert [finding.rule for finding in ending.findings] == [Rule.HASH_MISMATCH]
    assert project.lines == []


@pytest.mark.parametrize("code", [3, 0])
async def test_code_that_ends_its_process_crashes(project: Project, code: int) -> None:
    """Whatever its exit code is: nobody had asked it to end."""
    child = await project.running(bundle(SOURCE + ENDS, activities=ENDING, workflows=LEAVING))
    await project.client.start_workflow(
        "Calling", {"name": "end", "input": code}, id=str(uuid4()), task_queue=project.queue
    )
    ending = await end_of(child)
    assert (ending.kind, ending.exit_code) == (EndingKind.CRASHED, code)


async def test_an_exit_is_the_activitys_own(project: Project) -> None:
    """`exit()` fails the attempt, not the process that others run in."""
    await project.running(bundle(SOURCE + ENDS, activities=ENDING, workflows=LEAVING))
    with pytest.raises(WorkflowFailureError) as caught:
        await project.call("leave", 4)
    assert isinstance(caught.value.cause, ActivityError)
    assert "exit(4)" in str(caught.value.cause.cause)
    assert await project.call("shout", "still here") == "STILL HERE"


async def test_an_exit_in_a_workflow_is_a_crash(project: Project) -> None:
    """The process ends at once, and says why."""
    child = await project.running(
        bundle(
            SOURCE + ENDS, activities=ENDING, workflows=("Hello", "Waiting", "Calling", "Leaving")
        )
    )
    await project.client.start_workflow("Leaving", 1, id=str(uuid4()), task_queue=project.queue)
    ending = await end_of(child)
    assert ending.kind is EndingKind.CRASHED
    assert "exit(5)" in ending.reason


async def test_a_killed_process_has_crashed(project: Project) -> None:
    """A signal from outside is told."""
    child = await project.start()
    os.kill(child.pid, signal.SIGKILL)
    ending = await end_of(child)
    assert (ending.kind, ending.signal) == (EndingKind.CRASHED, signal.SIGKILL)


async def test_without_temporal_there_is_a_reason(project: Project) -> None:
    """A process that cannot connect says to what it could not."""
    order = project.order(bundle())
    target = order.temporal.model_copy(update={"address": "127.0.0.1:9"})
    child = await project.begin(order.model_copy(update={"temporal": target}))
    ending = await end_of(child)
    assert ending.kind is EndingKind.CRASHED
    assert "127.0.0.1:9" in ending.reason


async def test_processes_have_nothing_of_the_supervisors_environment(project: Project) -> None:
    """What stands in /proc is the path, the language and the zone."""
    child = await project.start()
    entries = environment(child.pid).split("\0")
    assert {entry.partition("=")[0] for entry in entries if entry} <= {"PATH", "LANG", "TZ"}


async def test_processes_have_no_privileges(project: Project) -> None:
    """No capability is left, none can be had, and system calls are filtered."""
    child = await project.start()
    told = status(child.pid)
    assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == 0
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
