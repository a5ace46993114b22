"""A real Redis, a stream of each test's own, and what looks at both sides of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from alga_workflows_core.storage.unit_of_work import Storage
from tests.streams.programs import find
from tests.streams.server import RedisServer
from tests.streams.world import World


@pytest_asyncio.fixture(scope="session")
async def redis_program() -> Path:
    """Where `redis-server` is. Without one these tests fail; none is skipped."""
    return await asyncio.to_thread(find)


@pytest_asyncio.fixture(scope="session")
async def redis_server(redis_program: Path) -> AsyncGenerator[RedisServer]:
    """One Redis for the whole run, which nobody stops."""
    with tempfile.TemporaryDirectory(prefix="alga-test-") as folder:
        server = RedisServer(redis_program, Path(folder))
        await server.start()
        yield server
        await server.stop()


@pytest_asyncio.fixture
async def own_redis(redis_program: Path) -> AsyncGenerator[RedisServer]:
    """A Redis that the test may stop."""
    with tempfile.TemporaryDirectory(prefix="alga-test-") as folder:
        server = RedisServer(redis_program, Path(folder))
        await server.start()
        yield server
        await server.stop()


MakeWorld = Callable[[RedisServer, Storage], World]


@pytest_asyncio.fixture
async def make() -> AsyncGenerator[MakeWorld]:
    """Worlds on other servers than those of the run."""
    async with AsyncExitStack() as stack:

        def world(server: RedisServer, storage: Storage) -> World:
            made = World(server, storage, stream=f"events:{uuid4().hex}")
            stack.push_async_callback(made.close)
            return made

        yield world


@pytest.fixture
def world(make: MakeWorld, redis_server: RedisServer, storage: Storage) -> World:
    """A stream and a database of this test's own."""
    return make(redis_server, storage)
