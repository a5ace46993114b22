"""The judge of polls: what it has to notice, and what it has to allow."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.projects.process.launcher import Launcher
from tests.domain.process.conftest import Project, end_of
from tests.domain.supervision.polls import Polls


@pytest_asyncio.fixture
async def slot(processes: Launcher, projects_client: Client) -> AsyncGenerator[Project]:
    """One slot, each process of which has the next epoch."""
    made = Project(processes, projects_client)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def polls(slot: Project) -> AsyncGenerator[Polls]:
    """Of that slot's queue."""
    made = Polls(slot.client, [slot.queue])
    yield made
    made.close()


async def test_one_that_ignores_the_end_of_its_lease_is_noticed(
    slot: Project, polls: Polls
) -> None:
    """Even if all it does is to wait in a poll that it began in time."""
    first = await slot.start()
    await polls.look()
    second = await slot.start()
    await polls.look()
    for child in (first, second):
        child.kill()
        await end_of(child)
        await polls.look()
    (wrong,) = polls.overlaps()
    assert "epoch 1 has polled" in wrong
    assert "after epoch 2" in wrong
    assert f"its process {first.pid} ended after" in wrong


async def test_the_poll_of_a_killed_process_is_allowed(slot: Project, polls: Polls) -> None:
    """Its end is the server's; the next epoch waits for the process, not for it."""
    for _ in range(2):
        child = await slot.start()
        await polls.look()
        child.kill()
        await end_of(child)
    await polls.look()
    assert polls.successions == 1
    assert polls.overlaps() == []
