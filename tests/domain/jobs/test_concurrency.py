"""At most N jobs of one key at a time, also when one of them goes without a word."""

from __future__ import annotations

import asyncio

from temporalio.client import WorkflowExecutionStatus

from alga_temporal_domain.jobs.names import limiter_id
from tests.domain.jobs.handlers import Stage
from tests.domain.jobs.world import TENANT, JobWorld, until


async def test_no_more_than_allowed_run_at_a_time(world: JobWorld, stage: Stage) -> None:
    """All are done, in the order in which they asked; the limiter continues as new meanwhile."""
    stage.most_at_once = 0
    jobs = await asyncio.gather(
        *(world.enqueue("exclusive", {"customer": "a", "number": n}) for n in range(20))
    )
    rows = [await world.ended(job.id) for job in jobs]
    assert {row.state for row in rows} == {"SUCCEEDED"}
    assert stage.most_at_once == 2
    limiter = world.client.get_workflow_handle(limiter_id(TENANT, "customer a"))
    history = await limiter.fetch_history()
    assert history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id

    async def is_gone() -> bool:
        return (await limiter.describe()).status is WorkflowExecutionStatus.COMPLETED

    await until(is_gone, "the limiter ends when nobody needs it")


async def test_a_job_that_goes_without_a_word_blocks_nobody(world: JobWorld, stage: Stage) -> None:
    """Terminated jobs keep no slot, cancelled ones no place in the line."""
    held = [await world.enqueue("exclusive", {"customer": "b", "number": -1}) for _ in range(2)]

    async def both_run() -> bool:
        return {str(job.id) for job in held} <= set(stage.begun)

    await until(both_run, "both slots are taken")
    waiting = await world.enqueue("exclusive", {"customer": "b", "number": 1})
    impatient = await world.enqueue("exclusive", {"customer": "b", "number": 2})
    await world.family.desk.cancel(TENANT, impatient.id, reason=None, actor="me")
    assert (await world.ended(impatient.id)).state == "CANCELED"
    assert str(waiting.id) not in stage.begun
    for job in held:
        await world.handle(job).terminate()
    assert (await world.ended(waiting.id)).state == "SUCCEEDED"
    assert str(impatient.id) not in stage.begun


async def test_tenants_and_keys_do_not_wait_for_one_another(world: JobWorld, stage: Stage) -> None:
    """Another key has slots of its own."""
    held = [await world.enqueue("exclusive", {"customer": "c", "number": -1}) for _ in range(2)]
    other = await world.enqueue("exclusive", {"customer": "d", "number": 1})
    assert (await world.ended(other.id)).state == "SUCCEEDED"
    for job in held:
        await world.family.desk.cancel(TENANT, job.id, reason=None, actor="me")
        assert (await world.ended(job.id)).state == "CANCELED"
