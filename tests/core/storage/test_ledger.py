"""The ledger: who may make a call, and what is known of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from alga_workflows_core.errors import ConflictError, UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.ledger import (
    Claimed,
    Entry,
    Failed,
    Ledger,
    LedgerState,
    Standing,
    Succeeded,
)
from alga_workflows_core.storage.ledger_schema import install_ledger
from alga_workflows_core.storage.migrate import SCHEMA
from alga_workflows_core.storage.transactions import EngineTransactions
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.types.json import Json

TENANT = "acme"
SUCCEEDED = LedgerState.SUCCEEDED
COUNTER = text("UPDATE counter SET effects = effects + 1")


@pytest.fixture
def ledger(storage: Storage) -> Ledger:
    """On the test's database."""
    return Ledger(storage)


def entry(**fields: Any) -> Entry:
    """A call of some run's step."""
    plain: dict[str, Any] = {
        "tenant": TENANT,
        "invocation": uuid4(),
        "run_id": uuid4(),
        "step": "loop[2]/charge",
        "series": 1,
        "action_id": "billing.charge",
        "version": 1,
        "input_hash": "one",
    }
    return Entry(**{**plain, **fields})


async def claimed(ledger: Ledger, call: Entry, *, repeatable: bool = True) -> int:
    """The fence of a claim that has to be granted."""
    verdict = await ledger.claim(call, repeatable=repeatable)
    assert isinstance(verdict, Claimed)
    return verdict.fence


async def change(storage: Storage, call: Entry, sql: str) -> None:
    """Set columns of the call's row."""
    async with storage.transaction(TENANT) as connection:
        await connection.execute(
            text(f"UPDATE alga_action_ledger SET {sql} WHERE id = :id"),  # noqa: S608
            {"id": call.id},
        )


async def row(storage: Storage, call: Entry) -> Any:
    """The call's row."""
    async with storage.transaction(TENANT) as connection:
        found = await connection.execute(
            text("SELECT * FROM alga_action_ledger WHERE id = :id"), {"id": call.id}
        )
        return found.one()


async def test_a_call_is_claimed_then_completed_then_answered(ledger: Ledger) -> None:
    """Whoever asks again gets what it answered, however often."""
    call = entry()
    fence = await claimed(ledger, call)
    answer = Succeeded({"id": 7, "note": "a\x00b"})
    assert await ledger.complete(call, fence, state=SUCCEEDED, output=answer.output) == answer
    for repeatable in (True, False):
        assert await ledger.claim(call, repeatable=repeatable) == answer


async def test_an_answer_may_be_null(ledger: Ledger) -> None:
    """Null is an answer, and not the absence of one."""
    call = entry()
    await ledger.complete(call, await claimed(ledger, call), state=SUCCEEDED, output=None)
    assert await ledger.claim(call, repeatable=False) == Succeeded(None)


async def test_a_row_describes_the_call(ledger: Ledger, storage: Storage) -> None:
    """Who looks into the table sees which call it was, and when."""
    call = entry(authored_key="order-1", series=2)
    await claimed(ledger, call)
    found = await row(storage, call)
    assert (found.run_id, found.step, found.series) == (call.run_id, call.step, 2)
    assert (found.action_id, found.version) == ("billing.charge", 1)
    assert (found.authored_key, found.input_hash, found.state) == ("order-1", "one", "CLAIMED")
    assert found.claimed_by == call.invocation
    assert found.created_at <= found.updated_at < found.lease_until


async def test_a_failed_call_may_be_made_again(ledger: Ledger, storage: Storage) -> None:
    """Also an unsafe one: it is known that it had no effect. The error is there meanwhile."""
    call = entry()
    fence = await claimed(ledger, call, repeatable=False)
    verdict = await ledger.complete(call, fence, state=LedgerState.FAILED, error={"code": "NO"})
    assert verdict == Failed({"code": "NO"})
    assert (await row(storage, call)).error == {"code": "NO"}
    assert await claimed(ledger, call, repeatable=False) == fence + 1
    assert (await row(storage, call)).error is None


async def test_the_same_invocation_takes_over_its_own_claim_at_once(ledger: Ledger) -> None:
    """Its worker was lost; nobody waits for a lease. Also with an authored key."""
    for call in (entry(), entry(authored_key="order-1")):
        fences = [await claimed(ledger, call) for _ in range(3)]
        assert fences == [1, 2, 3]


async def test_an_overtaken_attempt_changes_nothing(ledger: Ledger) -> None:
    """It learns that somebody else is at it, then what came of that."""
    call = entry()
    old = await claimed(ledger, call)
    new = await claimed(ledger, call)

    async def late() -> object:
        return await ledger.complete(call, old, state=SUCCEEDED, output="old")

    assert await late() is Standing.BUSY
    assert await ledger.complete(call, new, state=SUCCEEDED, output="new") == Succeeded("new")
    assert await late() == Succeeded("new")
    assert await ledger.claim(call, repeatable=True) == Succeeded("new")


async def test_an_unsafe_call_whose_attempt_was_lost_is_unknown_for_good(
    ledger: Ledger, storage: Storage
) -> None:
    """Asking twice changes nothing, and the lost attempt cannot complete it any more."""
    call = entry()
    lost = await claimed(ledger, call, repeatable=False)
    for _ in range(2):
        assert await ledger.claim(call, repeatable=False) is Standing.UNKNOWN
    assert (await row(storage, call)).state == "UNKNOWN"
    verdict = await ledger.complete(call, lost, state=SUCCEEDED, output="late")
    assert verdict is Standing.UNKNOWN


async def test_an_operator_s_retry_is_another_call(ledger: Ledger) -> None:
    """A higher series: of an unknown call by its own id, of a shared key by taking it over."""
    call = entry(authored_key="order-1")
    await claimed(ledger, call, repeatable=False)
    assert await ledger.claim(call, repeatable=False) is Standing.UNKNOWN
    other_run = entry(authored_key="order-1")
    assert await ledger.claim(other_run, repeatable=False) is Standing.UNKNOWN
    again = replace(call, invocation=uuid4(), series=2)
    assert await claimed(ledger, again, repeatable=False) > 1


async def test_an_authored_key_is_leased_to_one_run_at_a_time(
    ledger: Ledger, storage: Storage
) -> None:
    """Another run waits while the lease lasts, and takes the call over when it is over."""
    first, second = entry(authored_key="order-1"), entry(authored_key="order-1")
    assert first.id == second.id
    fence = await claimed(ledger, first)
    assert await ledger.claim(second, repeatable=True) is Standing.BUSY
    await change(storage, first, "lease_until = clock_timestamp() - interval '1 second'")
    assert await ledger.extend(first, fence)
    assert await ledger.claim(second, repeatable=True) is Standing.BUSY
    await change(storage, first, "lease_until = clock_timestamp() - interval '1 second'")
    assert await claimed(ledger, second) == fence + 1
    assert not await ledger.extend(first, fence)
    assert await ledger.complete(first, fence, state=SUCCEEDED) is Standing.BUSY


async def test_an_unsafe_call_is_unknown_to_another_run_when_the_lease_is_over(
    ledger: Ledger, storage: Storage
) -> None:
    """It may have taken effect in the run that was lost."""
    first, second = entry(authored_key="order-1"), entry(authored_key="order-1")
    await claimed(ledger, first, repeatable=False)
    assert await ledger.claim(second, repeatable=False) is Standing.BUSY
    await change(storage, first, "lease_until = clock_timestamp()")
    assert await ledger.claim(second, repeatable=False) is Standing.UNKNOWN


async def test_an_authored_key_stands_for_one_input(ledger: Ledger) -> None:
    """Another input under a key that has succeeded is a mistake of the author."""
    first = entry(authored_key="order-1")
    await ledger.complete(first, await claimed(ledger, first), state=SUCCEEDED, output=1)
    assert await ledger.claim(entry(authored_key="order-1"), repeatable=True) == Succeeded(1)
    other = entry(authored_key="order-1", input_hash="two")
    assert await ledger.claim(other, repeatable=True) is Standing.REUSED


async def test_an_authored_key_is_free_thirty_days_after_it_succeeded(
    ledger: Ledger, storage: Storage
) -> None:
    """By the database's clock; then the call is made anew, also with another input."""
    first = entry(authored_key="order-1")
    await ledger.complete(first, await claimed(ledger, first), state=SUCCEEDED, output=1)
    found = await row(storage, first)
    assert 29.99 < (found.expires_at - found.updated_at).total_seconds() / 86400 < 30.01
    await change(storage, first, "expires_at = clock_timestamp()")
    other = entry(authored_key="order-1", input_hash="two")
    await ledger.complete(other, await claimed(ledger, other), state=SUCCEEDED, output=2)
    assert await ledger.claim(other, repeatable=True) == Succeeded(2)


async def test_a_call_without_an_authored_key_never_expires(
    ledger: Ledger, storage: Storage
) -> None:
    """A run that waits for a year still finds what it did."""
    call = entry()
    await ledger.complete(call, await claimed(ledger, call), state=SUCCEEDED)
    assert (await row(storage, call)).expires_at is None


@pytest.mark.parametrize(
    "other", [{"tenant": "other"}, {"action_id": "billing.refund"}, {"version": 2}]
)
async def test_a_key_belongs_to_one_version_of_an_action_of_one_tenant(
    ledger: Ledger, other: dict[str, Any]
) -> None:
    """Any key will do, also text that no column takes as it is."""
    for key in ("order-1", "a\x00\x1fb", "\U0001f600", ""):
        await claimed(ledger, entry(authored_key=key))
        await claimed(ledger, entry(authored_key=key, **other))


async def make_counter(connection: AsyncConnection) -> None:
    """A table that effects are counted in, for everybody."""
    await connection.execute(text("CREATE TABLE counter AS SELECT 0 AS effects"))
    await connection.execute(text("GRANT ALL ON counter TO PUBLIC"))


async def effects(database: Database) -> int:
    async with database.connect() as connection:
        return (await connection.execute(text("SELECT effects FROM counter"))).scalar_one()


@pytest_asyncio.fixture
async def counted(database: Database) -> Database:
    """The test's database with a counter."""
    async with database.engine.begin() as connection:
        await make_counter(connection)
    return database


async def count(connection: AsyncConnection) -> Json:
    """The work of a call: one effect."""
    await connection.execute(COUNTER)
    return "counted"


async def test_fifty_attempts_of_one_call_have_one_effect(
    ledger: Ledger, counted: Database
) -> None:
    """All at the same time; each learns the one answer."""
    call = entry()
    verdicts = await asyncio.gather(
        *(ledger.transactional(call, count, patience=30) for _ in range(50))
    )
    assert verdicts == [Succeeded("counted")] * 50
    assert await effects(counted) == 1


async def test_an_attempt_that_fails_leaves_the_call_to_the_one_that_waits(
    ledger: Ledger, counted: Database
) -> None:
    """Its effect and its entry are undone together."""
    call, began, go = entry(), asyncio.Event(), asyncio.Event()

    async def fail(connection: AsyncConnection) -> Json:
        await count(connection)
        began.set()
        await go.wait()
        raise LookupError

    failing = asyncio.ensure_future(ledger.transactional(call, fail, patience=5))
    async with asyncio.timeout(60):
        await began.wait()
        waiting = asyncio.ensure_future(ledger.transactional(call, count, patience=5))
        async with counted.connect() as connection:
            await until_somebody_waits_for_a_lock(connection)
        go.set()
        with pytest.raises(LookupError):
            await failing
        assert await waiting == Succeeded("counted")
    assert await effects(counted) == 1


async def until_somebody_waits_for_a_lock(connection: AsyncConnection) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while not await connection.scalar(waiting):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)


async def test_whoever_waits_too_long_for_another_attempt_is_told_so(
    ledger: Ledger, counted: Database
) -> None:
    """The other one is not disturbed."""
    call, began, go = entry(), asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> Json:
        began.set()
        await go.wait()
        return await count(connection)

    first = asyncio.ensure_future(ledger.transactional(call, slow, patience=5))
    async with asyncio.timeout(60):
        await began.wait()
        assert await ledger.transactional(call, count, patience=0.1) is Standing.BUSY
        go.set()
        assert await first == Succeeded("counted")
    assert await effects(counted) == 1


async def test_what_the_database_refuses_is_undone_and_typed(
    ledger: Ledger, counted: Database
) -> None:
    """A statement that failed and was passed over spoils the transaction; no SQL is quoted."""
    call = entry()

    async def careless(connection: AsyncConnection) -> Json:
        await count(connection)
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 1 / 0"))
        return "counted"

    with pytest.raises(ConflictError) as raised:
        await ledger.transactional(call, careless, patience=1)
    assert raised.value.error_code == "ACTION_TRANSACTION_FAILED"
    assert "UPDATE" not in str(raised.value)
    assert await effects(counted) == 0
    assert await ledger.transactional(call, count, patience=1) == Succeeded("counted")


@pytest_asyncio.fixture
async def foreign(databases: TestDatabases) -> AsyncGenerator[AsyncEngine]:
    """The engine of a service with a database of its own, where a plain login owns the schema."""
    async with databases.empty() as url:
        settings = load(DatabaseSettings, {"DATABASE_URL": url})
        owner = f"owner_{uuid4().hex[:8]}"
        admin = create_async_engine(settings.sqlalchemy_url)
        async with admin.begin() as connection:
            await connection.execute(text(f"CREATE ROLE {owner} LOGIN"))
            await connection.execute(text(f"CREATE SCHEMA billing AUTHORIZATION {owner}"))
        engine = create_async_engine(
            settings.sqlalchemy_url,
            isolation_level="REPEATABLE READ",
            connect_args={"options": f"-c role={owner} -c search_path=billing"},
        )
        yield engine
        await engine.dispose()
        async with admin.begin() as connection:
            await connection.execute(text(f"DROP OWNED BY {owner} CASCADE"))
            await connection.execute(text(f"DROP ROLE {owner}"))
        await admin.dispose()


async def install(engine: AsyncEngine) -> bool:
    async with engine.begin() as connection:
        return await install_ledger(connection)


async def test_a_service_installs_the_ledger_in_its_own_database(foreign: AsyncEngine) -> None:
    """Without our roles and tables, as any login that may make tables; twice at once does no harm,
    and it works whatever isolation its own transactions have."""
    assert sorted(await asyncio.gather(*(install(foreign) for _ in range(4)))) == [
        False,
        False,
        False,
        True,
    ]
    async with foreign.begin() as connection:
        await make_counter(connection)
    ledger, call = Ledger(EngineTransactions(foreign)), entry()
    verdicts = await asyncio.gather(
        *(ledger.transactional(call, count, patience=30) for _ in range(10))
    )
    assert verdicts == [Succeeded("counted")] * 10
    async with foreign.connect() as connection:
        assert await connection.scalar(text("SELECT effects FROM counter")) == 1
    other = entry()
    fence = await claimed(ledger, other)
    assert await ledger.complete(other, fence, state=SUCCEEDED, output=1) == Succeeded(1)


async def test_a_service_sees_rows_of_the_tenant_it_works_for_only(foreign: AsyncEngine) -> None:
    """Its own table is under forced row-level security, too."""
    await install(foreign)
    transactions = EngineTransactions(foreign)
    await claimed(Ledger(transactions), entry())
    rows = text("SELECT count(*) FROM alga_action_ledger")
    async with transactions.transaction("other") as connection:
        assert await connection.scalar(rows) == 0
    async with transactions.transaction(TENANT) as connection:
        assert await connection.scalar(rows) == 1


async def test_a_service_whose_database_is_away_is_told_so() -> None:
    """As the error that our own storage raises."""
    engine = create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(UnavailableError, match="the service's address"):
        await Ledger(EngineTransactions(engine)).claim(entry(), repeatable=True)
    await engine.dispose()


async def test_our_schema_takes_the_ledger_that_a_service_has_installed(
    databases: TestDatabases,
) -> None:
    """In a database that both share; the service keeps its access."""
    async with databases.empty() as url:
        database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
        call = entry()
        assert await install(database.engine)
        service = Ledger(EngineTransactions(database.engine))
        await service.complete(call, await claimed(service, call), state=SUCCEEDED, output=1)
        await SCHEMA.migrate(database)
        assert not await install(database.engine)
        assert await Ledger(Storage(database)).claim(call, repeatable=True) == Succeeded(1)
        assert await service.claim(call, repeatable=True) == Succeeded(1)
        await database.close()
