"""What Temporal is told of a schedule, and an occurrence that comes late and is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.client import ScheduleOverlapPolicy
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from alga_workflows_core.temporal.names import SCHEDULE_FIRE_WORKFLOW, TASK_QUEUE, schedule_id
from tests.api.reconciled import TENANT, MakeWorld, eventually
from tests.api.service import published, returning
from tests.api.test_schedules_fire import HOURLY, exists, fires, stored

NOMINAL = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


async def test_temporal_lets_occurrences_overlap(make: MakeWorld) -> None:
    """One that takes long, as in an outage, keeps no later one away: what is authored decides."""
    world = await make()
    await published(world.api, returning("report", 1))
    await stored(world, "overlapping", HOURLY, overlap="skip", catchUp="PT2H")
    identity = schedule_id(TENANT, "overlapping")
    await eventually(lambda: exists(world, identity))
    described = await world.client.get_schedule_handle(identity).describe()
    policy = described.schedule.policy
    assert policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL
    assert policy.catchup_window == timedelta(hours=2)


async def test_a_late_occurrence_is_tried_again_until_it_is_decided(make: MakeWorld) -> None:
    """With its nominal time, however often its transaction fails; it starts one run."""
    world = await make()
    await published(world.api, returning("report", 1))
    await stored(world, "late", HOURLY)
    nominal = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await world.execute("REVOKE INSERT ON workflow_schedule_fires FROM alga_workflows")
    handle = await world.client.start_workflow(
        SCHEDULE_FIRE_WORKFLOW,
        {"tenant": TENANT, "schedule": "late"},
        id="late",
        task_queue=TASK_QUEUE,
        search_attributes=TypedSearchAttributes([SearchAttributePair(NOMINAL, nominal)]),
    )

    async def has_failed() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return bool(pending) and pending[0].attempt > 2

    await eventually(has_failed)
    await world.execute("GRANT INSERT ON workflow_schedule_fires TO alga_workflows")
    fired = await handle.result()
    assert fired["outcome"] == "started"
    (fire,) = await fires(world, "late")
    assert datetime.fromisoformat(fire["nominalAt"]) == nominal
    assert fire["runId"] == fired["runId"]
