"""Recurring jobs: rows and Temporal's schedules agree, and runs are told of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import ScheduleOverlapPolicy
from temporalio.service import RPCError

from alga_temporal_domain.jobs.names import schedule_id
from alga_temporal_domain.jobs.recurring import RecurringDefinition
from alga_temporal_domain.storage.job_schedules import ScheduleRow
from alga_temporal_domain.storage.jobs import JobFilter
from alga_workflows_core.errors import InputError, NotFoundError
from tests.domain.jobs.world import TENANT, JobWorld, until


async def _last(world: JobWorld, key: str, state: str) -> ScheduleRow:
    async def look() -> ScheduleRow | None:
        row = await world.family.recurring.get(TENANT, key)
        return row if row.last_state == state else None

    return await until(look, f"the last run of {key} is {state}")


async def test_a_recurring_job_runs_and_tells_how(world: JobWorld) -> None:
    """Its runs are jobs with rows; the tracker has the state of the last one."""
    recurring = world.family.recurring
    every = RecurringDefinition(name="add", input={"left": 1, "right": 2}, every=1)
    row, created = await recurring.put(TENANT, "often", every, paused=False, actor="me")
    assert created
    assert row.told_seq == row.seq
    row = await _last(world, "often", "SUCCEEDED")
    assert row.last_job_id is not None
    job = await world.row(row.last_job_id)
    assert (job.name, job.schedule_key, job.state) == ("add", "often", "SUCCEEDED")
    assert job.workflow_id.startswith("job-add-acme/often-")
    assert await world.agrees(job)
    fails = RecurringDefinition(name="halves", input={"number": 3}, every=1)
    row, created = await recurring.put(TENANT, "often", fails, paused=False, actor="me")
    assert not created
    await _last(world, "often", "FAILED")
    await recurring.delete(TENANT, "often")
    with pytest.raises(NotFoundError):
        await recurring.get(TENANT, "often")
    handle = world.client.get_schedule_handle(schedule_id(TENANT, "often"))
    with pytest.raises(RPCError):
        await handle.describe()


async def test_zones_policies_pause_and_trigger(world: JobWorld) -> None:
    """The schedule skips overlaps, catches up as told, and is paused with its row."""
    recurring = world.family.recurring
    daily = RecurringDefinition(
        name="halves", input={"number": 2}, cron="30 3 * * *", zone="Europe/Vienna", catch_up=600
    )
    await recurring.put(TENANT, "daily", daily, paused=False, actor="me")
    assert len(await recurring.next_times(TENANT, "daily")) > 3
    row = await recurring.pause(TENANT, "daily", paused=True)
    assert row.paused
    handle = world.client.get_schedule_handle(schedule_id(TENANT, "daily"))
    schedule = (await handle.describe()).schedule
    assert schedule.state.paused
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == timedelta(minutes=10)
    assert schedule.spec.time_zone_name == "Europe/Vienna"
    await recurring.trigger(TENANT, "daily")
    await _last(world, "daily", "SUCCEEDED")
    assert len(await world.family.desk.page(TENANT, JobFilter(schedule_key="daily"), None, 9)) == 1
    assert not (await recurring.pause(TENANT, "daily", paused=False)).paused


async def test_what_was_changed_in_temporal_is_changed_back(world: JobWorld) -> None:
    """The row is what counts: a schedule that somebody has deleted comes again."""
    recurring = world.family.recurring
    weekly = RecurringDefinition(name="halves", input={"number": 2}, cron="0 3 * * 1")
    await recurring.put(TENANT, "weekly", weekly, paused=True, actor="me")
    handle = world.client.get_schedule_handle(schedule_id(TENANT, "weekly"))
    await handle.delete()
    async with world.storage.unit_of_work(TENANT) as work:
        await work.job_schedules.pause("weekly", paused=True)
    await recurring.converge_due()
    assert (await handle.describe()).schedule.state.paused


async def test_what_cannot_recur_is_refused(world: JobWorld) -> None:
    """An unknown job, input that does not fit, and times that Temporal does not take."""
    recurring = world.family.recurring
    for definition, code in (
        (RecurringDefinition(name="halve", every=60), "JOB_UNKNOWN"),
        (RecurringDefinition(name="halves", every=60), "JOB_INPUT_INVALID"),
        (
            RecurringDefinition(name="halves", input={"number": 1}, cron="99 3 * * *"),
            "SCHEDULE_REFUSED",
        ),
    ):
        with pytest.raises(InputError) as refused:
            await recurring.put(TENANT, "never", definition, paused=False, actor="me")
        assert refused.value.error_code == code
        with pytest.raises(NotFoundError):
            await recurring.get(TENANT, "never")
