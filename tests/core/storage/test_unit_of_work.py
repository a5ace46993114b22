"""One transaction per unit of work, and one kind of error when the server is not there."""

from __future__ import annotations

import asyncio
import random
import string
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.errors import AlgaError, UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.storage.runs import NewRun
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork

TENANT = "acme"


async def add(work: UnitOfWork) -> UUID:
    """Insert a queued run."""
    run_id = uuid4()
    await work.runs.add(
        NewRun(
            id=run_id,
            definition_id="triage",
            version=1,
            trigger_type="api",
            execution_key=str(run_id),
            request_hash="hash",
            payload={},
            created_by="test",
        )
    )
    return run_id


async def stored(storage: Storage) -> set[UUID]:
    """The ids of all runs of the tenant."""
    async with storage.unit_of_work(TENANT) as work:
        return {run.id for run in await work.runs.list(after=None, limit=100)}


async def test_what_a_block_wrote_is_there_when_it_ends_well(storage: Storage) -> None:
    """All of it, for others too, and not before."""
    async with storage.unit_of_work(TENANT) as work:
        ids = {await add(work), await add(work)}
        assert await stored(storage) == set()
    assert await stored(storage) == ids


class _Interrupted(BaseException):
    """Not an Exception, as KeyboardInterrupt is not."""


@pytest.mark.parametrize("error", [LookupError("theirs"), AlgaError("ours"), _Interrupted()])
async def test_any_exception_undoes_the_block_and_passes(
    storage: Storage, error: BaseException
) -> None:
    """Nothing is half-written, and the caller gets its own exception."""

    async def fail() -> None:
        async with storage.unit_of_work(TENANT) as work:
            await add(work)
            raise error

    with pytest.raises(type(error)) as caught:
        await fail()
    assert caught.value is error
    assert await stored(storage) == set()


async def test_a_cancelled_block_is_undone(storage: Storage) -> None:
    """Wherever the task happens to be waiting when it is cancelled."""
    wrote = asyncio.Event()

    async def write_and_wait() -> None:
        async with storage.unit_of_work(TENANT) as work:
            await add(work)
            wrote.set()
            await asyncio.Event().wait()

    writing = asyncio.create_task(write_and_wait())
    async with asyncio.timeout(10):
        await wrote.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await stored(storage) == set()


async def test_a_unit_of_work_can_be_cancelled_at_any_moment(storage: Storage) -> None:
    """It is committed whole or not at all, and the pool is as usable as before."""

    async def write_two() -> None:
        async with storage.unit_of_work(TENANT) as work:
            await add(work)
            await add(work)

    chance = random.Random(4)  # noqa: S311 - moments, not secrets
    for _ in range(40):
        writing = asyncio.create_task(write_two())
        await asyncio.sleep(chance.random() * 0.006)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert len(await stored(storage)) % 2 == 0
    await asyncio.gather(*(write_two() for _ in range(25)))


async def test_isolation_is_read_committed_whatever_the_server_prefers(
    database_url: str, storage: Storage
) -> None:
    """A database whose default is stricter does not change what statements see."""
    async with storage.database.engine.begin() as connection:
        name = await connection.scalar(text("SELECT quote_ident(current_database())"))
        await connection.execute(
            text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
        )
    fresh = Database(load(DatabaseSettings, {"DATABASE_URL": database_url}))
    try:
        async with Storage(fresh).unit_of_work(TENANT) as work:
            assert await work.runs.list(after=None, limit=100) == []
            async with storage.unit_of_work(TENANT) as other:
                run_id = await add(other)
            assert [run.id for run in await work.runs.list(after=None, limit=100)] == [run_id]
    finally:
        await fresh.close()


async def terminate_all(storage: Storage) -> None:
    """End every other connection to the database, as a restart of the server does."""
    async with storage.database.session() as connection:
        await connection.execute(
            text("""
                SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)
        )


async def test_connections_that_the_server_has_ended_are_replaced(storage: Storage) -> None:
    """Units of work begin well after a restart of the server."""
    async with storage.unit_of_work(TENANT), storage.unit_of_work(TENANT):
        pass
    await terminate_all(storage)
    async with storage.unit_of_work(TENANT) as work:
        run_id = await add(work)
    assert await stored(storage) == {run_id}


async def test_losing_the_server_in_the_middle_is_unavailable(storage: Storage) -> None:
    """The block ends with UnavailableError and has written nothing."""

    async def lose() -> None:
        async with storage.unit_of_work(TENANT) as work:
            await add(work)
            await terminate_all(storage)
            await add(work)

    with pytest.raises(UnavailableError) as caught:
        await lose()
    assert caught.value.address == storage.database.address
    assert await stored(storage) == set()


PASSWORD = "p@ss/w:rd%?#&ö é"
ENCODED = "p%40ss%2Fw%3Ard%25%3F%23%26%C3%B6%20%C3%A9"


@pytest_asyncio.fixture
async def unreachable() -> AsyncGenerator[Storage]:
    """Storage at a port where nobody listens, with a password in its address."""
    url = f"postgresql://alga:{ENCODED}@127.0.0.1:1/orders"
    settings = load(DatabaseSettings, {"DATABASE_URL": url})
    assert settings.sqlalchemy_url.password == PASSWORD
    database = Database(settings)
    yield Storage(database)
    await database.close()


async def _use(storage: Storage) -> None:
    async with storage.unit_of_work(TENANT) as work:
        await add(work)


USES: dict[str, Callable[[Storage], Awaitable[object]]] = {
    "unit of work": _use,
    "claim": lambda storage: storage.across.claim_run_starts(1, timedelta(seconds=1)),
    "authenticate": lambda storage: storage.across.authenticate("hash"),
    "ping": lambda storage: storage.database.ping(),
    "check_revision": lambda storage: SCHEMA.check_revision(storage.database),
    "migrate": lambda storage: SCHEMA.migrate(storage.database),
}


@pytest.mark.parametrize("name", USES)
async def test_a_server_that_cannot_be_reached_is_named_without_the_password(
    unreachable: Storage, name: str
) -> None:
    """UnavailableError with address, reason and remedy; the password is in no part of it."""
    with pytest.raises(UnavailableError) as caught:
        await USES[name](unreachable)
    error = caught.value
    assert "127.0.0.1:1/orders" in str(error)
    assert "refused" in str(error)
    assert "DATABASE_URL" in str(error)
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.details)
    for secret in (PASSWORD, ENCODED, "p@ss", "p%40ss"):
        assert secret not in told


@pytest_asyncio.fixture
async def two_connections(database_url: str) -> AsyncGenerator[Storage]:
    """Storage over two connections that waits for one of them for a moment only."""
    settings = load(
        DatabaseSettings, {"DATABASE_URL": database_url, "WORKFLOW_DATABASE_POOL_SIZE": "2"}
    )
    database = Database(settings, checkout_timeout=0.05)
    yield Storage(database)
    await database.close()


async def test_a_pool_that_is_used_up_is_unavailable(two_connections: Storage) -> None:
    """It says how many connections there are and which setting makes them more; it recovers."""
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(two_connections.unit_of_work(TENANT))
        with pytest.raises(UnavailableError, match="all 2 connections") as caught:
            await _use(two_connections)
    assert "WORKFLOW_DATABASE_POOL_SIZE" in str(caught.value)
    await _use(two_connections)


async def test_a_statement_that_is_too_large_is_not_taken_for_an_outage(storage: Storage) -> None:
    """Trying again cannot help, so it is not UnavailableError."""
    chance = random.Random(5)  # noqa: S311 - something that cannot be compressed
    too_long = "".join(chance.choices(string.ascii_letters + string.digits, k=12_000))
    with pytest.raises(DBAPIError, match="index row") as caught:
        async with storage.unit_of_work(TENANT) as work:
            await work.definitions.save_draft(
                too_long, name="N", draft="{}", draft_hash="h", by="test"
            )
    assert too_long[:100] not in str(caught.value)


async def test_times_are_the_databases_and_have_a_zone(storage: Storage) -> None:
    """`created_at` is when the row was inserted, by the clock of the server, in any time zone."""
    async with storage.unit_of_work(TENANT) as work:
        await work.runs.add(
            NewRun(
                id=(run_id := uuid4()),
                definition_id="triage",
                version=1,
                trigger_type="api",
                execution_key="k",
                request_hash="hash",
                payload=None,
                created_by="test",
            )
        )
        run = await work.runs.get(run_id)
    assert run is not None
    assert run.payload is None
    assert abs(datetime.now(UTC) - run.created_at) < timedelta(minutes=1)
