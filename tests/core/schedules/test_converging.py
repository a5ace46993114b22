"""Many schedules become schedules of Temporal, with two keepers at it; long: `scripts/chaos`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio.client import Client

from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.supervisor import happens_within
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.schedules.firing import Occurrences
from alga_workflows_core.schedules.keeper import ScheduleKeeper
from alga_workflows_core.schedules.keeping import Keeping
from alga_workflows_core.schedules.settings import ScheduleSettings
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.schedules import TemporalSchedules
from tests.core.schedules.many import converge
from workflow_worker.scheduling import ScheduledRuns

COUNT = 50


async def test_two_keepers_converge_many_schedules(
    storage: Storage, temporal_client: Client
) -> None:
    """Each as it was stored, then as it was changed, paused or taken away; what others have in the
    namespace is left alone."""

    @asynccontextmanager
    async def kept() -> AsyncGenerator[None]:
        stopping = asyncio.Event()

        async def keep() -> None:
            temporal = TemporalSchedules(temporal_client)
            occurrences = Occurrences(
                storage=storage,
                starts=ScheduledRuns(Launcher(storage)),
                metrics=Metrics(),
            )
            keeping = Keeping(
                storage=storage,
                temporal=temporal,
                occurrences=occurrences,
                settings=ScheduleSettings(),
            )
            keeper = ScheduleKeeper(storage=storage, keeping=keeping)
            while not stopping.is_set():
                await keeper.keep_due()
                await happens_within(stopping, 0.2)

        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(keep())
            yield
            stopping.set()

    found = await converge(storage, temporal_client, COUNT, kept)
    assert found.changed == COUNT * 3 // 10
