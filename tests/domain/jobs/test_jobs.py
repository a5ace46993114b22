"""Jobs from order to end, in this process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.jobs.contracts import JobState, JobStep
from alga_temporal_domain.jobs.names import JOB_STATE_QUERY
from alga_workflows_core.errors import ConflictError, InputError
from tests.domain.jobs.handlers import Stage
from tests.domain.jobs.world import TENANT, JobWorld, until


async def test_a_job_gives_its_result(world: JobWorld) -> None:
    """Typed, in Temporal under the job's name, and in a row that agrees."""
    job = await world.enqueue("add", {"left": 2, "right": 3})
    assert job.workflow_id == f"job-add-{job.id}"
    row = await world.ended(job.id)
    assert (row.state, row.attempt, row.progress, row.actor) == ("SUCCEEDED", 1, 1.0, "test")
    assert await world.agrees(row)
    assert await world.family.desk.result(TENANT, job.id) == {"sum": 5}
    assert await world.steps(job.id) == ["enqueued", "execution_started", "execution_completed"]
    history = await world.handle(job).fetch_history()
    names = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert names == ["add"]


async def test_retries_follow_what_a_handler_raises(world: JobWorld) -> None:
    """It is called again, as its options say, and each failed attempt is a step."""
    job = await world.enqueue("flaky", {"number": 3})
    row = await world.ended(job.id)
    assert (row.state, row.attempt) == ("SUCCEEDED", 3)
    assert await world.family.desk.result(TENANT, job.id) == "attempt 3"
    assert (await world.steps(job.id)).count("attempt_failed") == 2


async def test_an_error_of_a_handler_is_never_swallowed(world: JobWorld) -> None:
    """When no attempt is left the run has failed in Temporal, and the row says of what."""
    job = await world.enqueue("flaky", {"number": 4})
    row = await world.ended(job.id)
    assert (row.state, row.attempt, row.error_type) == ("FAILED", 3, "FirstTimesError")
    assert row.error_message == "attempt 3 is not enough"
    assert await world.agrees(row)
    with pytest.raises(WorkflowFailureError) as raised:
        await world.handle(job).result()
    cause = raised.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == ("GenericJobFailure", True)
    with pytest.raises(ConflictError, match="has no result"):
        await world.family.desk.result(TENANT, job.id)


async def test_a_wrong_result_and_a_time_out_fail_the_job(world: JobWorld) -> None:
    """A result of another type is not tried again; an attempt that takes too long is."""
    wrong, slow = await world.enqueue("wrong"), await world.enqueue("slow")
    row = await world.ended(wrong.id)
    assert (row.state, row.attempt, row.error_type) == ("FAILED", 1, "JobOutputInvalid")
    row = await world.ended(slow.id)
    assert (row.state, row.attempt, row.error_type) == ("FAILED", 2, "JobTimeout")


@pytest.mark.parametrize(
    ("name", "data", "code", "remedy"),
    [
        ("ad", {"left": 1, "right": 2}, "JOB_UNKNOWN", "Did you mean 'add'?"),
        ("add", {"left": 1}, "JOB_INPUT_INVALID", "JSON Schema of add"),
        ("add", {"left": 1, "right": 2, "rihgt": 3}, "JOB_INPUT_INVALID", "Did you mean 'right'?"),
        ("add", "two", "JOB_INPUT_INVALID", "JSON Schema"),
    ],
)
async def test_what_cannot_be_done_is_not_enqueued(
    world: JobWorld, name: str, data: object, code: str, remedy: str
) -> None:
    """The refusal says what is wrong and what was probably meant."""
    with pytest.raises(InputError) as refused:
        await world.enqueue(name, data)
    assert refused.value.error_code == code
    assert remedy in str(refused.value.remedy)


async def test_a_key_makes_one_job(world: JobWorld) -> None:
    """Also when it is sent at the same time; with other input it is refused."""
    data = {"left": 1, "right": 1}
    jobs = await asyncio.gather(*(world.enqueue("add", data, key="k-1") for _ in range(4)))
    assert len({job.id for job in jobs}) == 1
    assert sorted(job.created for job in jobs) == [False, False, False, True]
    with pytest.raises(InputError) as refused:
        await world.enqueue("add", {"left": 1, "right": 2}, key="k-1")
    assert refused.value.error_code == "IDEMPOTENCY_KEY_REUSED"


async def test_a_large_result_stays_out_of_history(world: JobWorld) -> None:
    """It is in a row; the history has a few kilobytes."""
    job = await world.enqueue("large", {"number": 3_000_000})
    assert (await world.ended(job.id)).state == "SUCCEEDED"
    assert len(await world.family.desk.result(TENANT, job.id)) == 3_000_000
    history = await world.handle(job).fetch_history()
    assert sum(event.ByteSize() for event in history.events) < 20_000


async def test_a_cancellation_reaches_a_running_handler(world: JobWorld, stage: Stage) -> None:
    """By Temporal's own cancellation; progress was told before, and the end is true."""
    job = await world.enqueue("waits")

    async def is_told() -> bool:
        return (await world.row(job.id)).progress == 0.4

    await until(is_told, "progress")
    state: JobState = await world.handle(job).query(JOB_STATE_QUERY, result_type=JobState)
    assert state.step is JobStep.EXECUTING
    await world.family.desk.cancel(TENANT, job.id, reason="no longer needed", actor="me")
    row = await world.ended(job.id)
    assert row.state == "CANCELED"
    assert row.progress_message == "half of it, nearly"
    assert await world.agrees(row)
    assert stage.cancelled == [str(job.id)]
    assert "cancel_requested" in await world.steps(job.id)
    with pytest.raises(ConflictError, match="has ended"):
        await world.family.desk.cancel(TENANT, job.id, reason=None, actor="me")


async def test_a_later_job_waits_and_may_be_cancelled(world: JobWorld, stage: Stage) -> None:
    """It does not start before its time; cancelled before, it never starts."""
    began = datetime.now(UTC)
    soon = await world.enqueue(
        "add", {"left": 1, "right": 1}, start_at=began + timedelta(seconds=1.5)
    )
    later = await world.enqueue("waits", start_at=began + timedelta(hours=3))
    assert (await world.row(soon.id)).state == "QUEUED"
    await world.family.desk.cancel(TENANT, later.id, reason=None, actor="me")
    assert (await world.ended(later.id)).state == "CANCELED"
    assert str(later.id) not in stage.begun
    row = await world.ended(soon.id)
    assert row.state == "SUCCEEDED"
    assert row.ended_at is not None
    assert row.ended_at >= began + timedelta(seconds=1.5)


async def test_a_terminated_job_is_said_to_be(world: JobWorld) -> None:
    """Whatever somebody does to the run in Temporal, the row follows."""
    job = await world.enqueue("waits")

    async def runs() -> bool:
        return (await world.row(job.id)).state == "RUNNING"

    await until(runs, "it runs")
    await world.handle(job).terminate(reason="by hand")
    row = await world.ended(job.id)
    assert (row.state, row.error_message) == ("TERMINATED", "by hand")
