"""More processes where work waits, and fewer when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.projects.bundles import Bundle, Limits, Manifest
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.settings import DatabaseSettings
from tests.domain.supervision.conftest import SETTINGS, Place, placed
from tests.domain.supervision.waiting import eventually, known, live
from tests.domain.supervision.world import project

# One at a time: 20 s of work for one process.
RUNS = 20
CODE = """
import asyncio
from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def work() -> str:
    await asyncio.sleep(1)
    return "done"


@workflow.defn
class Works:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(work, start_to_close_timeout=timedelta(seconds=30))
"""


@pytest_asyncio.fixture
async def hurried(
    domain_storage: DomainStorage,
    domain_settings: DatabaseSettings,
    projects_client: Client,
    processes: Launcher,
) -> AsyncGenerator[Place]:
    """A supervisor that waits for nothing long."""
    settings = SETTINGS.model_copy(
        update={"backlog_age": 1.0, "more_after": 0.3, "fewer_after": 0.5}
    )
    async with placed(
        domain_storage, domain_settings, projects_client, processes, settings
    ) as made:
        yield made


async def test_slots_come_with_a_backlog_and_go_with_it(hurried: Place) -> None:
    """One by one, up to the project's most; and all of the work is done once."""
    bundle = Bundle(
        manifest=Manifest(workflows=("Works",), activities=("work",), limits=Limits(activities=1)),
        files={"flows.py": CODE},
    )
    project_id = await project(hurried.storage, bundle)
    await known(hurried, project_id)
    assert await live(hurried, project_id) == 1
    runs = [await hurried.start(project_id, "Works") for _ in range(RUNS)]
    seen: list[int] = []

    async def are_more() -> bool:
        seen.append(await live(hurried, project_id))
        return seen[-1] >= 3

    await eventually(are_more)
    assert {1, 2} <= set(seen)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*(run.result() for run in runs)) == ["done"] * RUNS

    async def is_one() -> bool:
        return await live(hurried, project_id) == 1

    await eventually(is_one)
