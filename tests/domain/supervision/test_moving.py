"""Executions that move to new code later than others."""

from __future__ import annotations

from temporalio.api.enums.v1 import EventType

from tests.domain.supervision.conftest import Place
from tests.domain.supervision.waiting import code, eventually, known, versions
from tests.domain.supervision.world import activate, project

# Visibility shows an execution on a version when its first task is done, which takes so long here.
SLOW = """await workflow.execute_local_activity(
            slow, start_to_close_timeout=timedelta(seconds=30)
        )"""
SLOWLY = """

@activity.defn
async def slow() -> None:
    await asyncio.sleep(5)
"""


async def test_one_that_visibility_does_not_show_yet_is_moved_later(place: Place) -> None:
    """By a sweep after the first move; in between its code may have counted as drained."""
    one, two = (code(name, SLOW, more=SLOWLY) for name in ("one", "two"))
    project_id = await project(place.storage, one)
    await known(place, project_id)
    run = await place.start(project_id)

    async def is_begun() -> bool:
        return any(
            event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
            for event in (await run.fetch_history()).events
        )

    await eventually(is_begun)
    await activate(place.storage, project_id, two, mode="AUTO_UPGRADE")

    async def is_decided() -> bool:
        return (await versions(place.storage, project_id))[two.hash].moved_seq == 2

    await eventually(is_decided)
    mover = place.supervision.mover
    assert await mover.running_elsewhere(project_id, two.hash) == []

    async def is_moved() -> bool:
        description = await run.describe()
        return bool(
            description.raw_info.versioning_info.versioning_override.pinned.version.build_id
        )

    await eventually(is_moved)
    assert await place.let(run) == "two"
