"""Processes are killed and servers go away: each message has its one effect all the same."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.unit_of_work import Storage
from tests.services.command import eventually, running
from tests.services.servers import Servers
from tests.streams.conftest import MakeWorld
from tests.streams.server import RedisServer
from tests.streams.world import OPERATOR, TENANT, World

SOON = timedelta(milliseconds=300)


async def test_a_process_that_is_killed_behind_its_commit_doubles_nothing(
    world: World, database_url: str
) -> None:
    """What it has stored and parked is read again by another, and stays as it is."""
    for number in range(8):
        await world.add(f"e{number}", tenant=None if number == 3 else TENANT)
    environ = {
        "DATABASE_URL": database_url,
        "WORKFLOW_REDIS_URL": world.server.url,
        "WORKFLOW_REDIS_STREAM": world.stream,
        "WORKFLOW_REDIS_TENANTS": TENANT,
        "WORKFLOW_REDIS_PARKED_TENANT": OPERATOR,
    }
    async with running(environ=environ, module="tests.streams.killed_consumer") as killed:
        assert await killed.ended() == -signal.SIGKILL, killed.output
    before, parked_before = await world.events(), await world.parked()
    assert (len(before), len(parked_before)) == (7, 1)
    assert await world.pending() == 8
    async with world.consuming(claim_after=SOON, forget_after=SOON):
        await world.until_done(8)

        async def is_forgotten() -> bool:
            return "killed" not in await world.consumers()

        await eventually(is_forgotten, "its name is forgotten")
    assert await world.events() == before
    assert await world.parked() == parked_before


async def test_redis_goes_away_and_comes_back(
    make: MakeWorld, own_redis: RedisServer, storage: Storage
) -> None:
    """It is waited for; what was published before and after is taken."""
    world = make(own_redis, storage)
    async with world.consuming():
        await world.add("before")
        await world.until_done(1)
        await own_redis.stop()

        async def is_told() -> bool:
            return b'alga_dependency_up{dependency="redis"} 0.0' in world.metrics.render()[0]

        await eventually(is_told, "the metrics say that Redis is away")
        await own_redis.start()
        await world.add("after")
        await world.until_done(2)
        assert b'alga_dependency_up{dependency="redis"} 1.0' in world.metrics.render()[0]
    assert [event.event_id for event in await world.events()] == ["before", "after"]


@pytest_asyncio.fixture
async def own_postgres() -> AsyncGenerator[Servers]:
    """A PostgreSQL that the test may stop."""
    with tempfile.TemporaryDirectory(prefix="alga-test-") as folder:
        servers = Servers(Path(folder))
        await servers.start_postgres()
        try:
            yield servers
        finally:
            await servers.stop()


async def test_the_database_goes_away_and_comes_back(
    make: MakeWorld, redis_server: RedisServer, own_postgres: Servers
) -> None:
    """Messages stay unacknowledged meanwhile, are not parked, and are taken afterwards."""
    url = own_postgres.database_url
    database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
    world = make(redis_server, Storage(database))
    try:
        async with world.consuming():
            await world.add("before")
            await world.until_done(1)
            await own_postgres.stop_postgres()
            for number in range(15):
                await world.add(f"e{number}", tenant=None if number == 3 else TENANT)

            async def are_in_hand() -> bool:
                return await world.pending() > 0

            await eventually(are_in_hand, "some have been read")
            await own_postgres.start_postgres()
            await world.until_done(16)
        ids = [event.event_id for event in await world.events()]
        assert ids == ["before", *(f"e{number}" for number in range(15) if number != 3)]
        (parked,) = await world.parked()
        assert parked.row.code == "NO_TENANT"
    finally:
        await database.close()


async def test_who_stops_while_the_database_is_away_leaves_its_messages(
    make: MakeWorld, redis_server: RedisServer, own_postgres: Servers
) -> None:
    """With its name, so that another one takes them over."""
    database = Database(load(DatabaseSettings, {"DATABASE_URL": own_postgres.database_url}))
    world = make(redis_server, Storage(database))
    try:
        await own_postgres.stop_postgres()
        await world.add("left")
        async with world.consuming("stopped"):

            async def is_in_hand() -> bool:
                return await world.pending() == 1

            await world.join()
            await eventually(is_in_hand, "the message has been read")
        assert (await world.pending(), await world.consumers()) == (1, {"stopped"})
        await own_postgres.start_postgres()
        async with world.consuming(claim_after=SOON):
            await world.until_done(1)
        assert [event.event_id for event in await world.events()] == ["left"]
    finally:
        await database.close()
