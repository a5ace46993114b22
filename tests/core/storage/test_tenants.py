"""Rows of one tenant do not exist for another, whatever a repository asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.infra.database import Database, sqlstate
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.columns import metadata
from alga_workflows_core.storage.definitions import NewVersion
from alga_workflows_core.storage.entries import NewValue, Page
from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.parked_messages import NewParkedMessage
from alga_workflows_core.storage.slots import SlotKey
from alga_workflows_core.storage.task_records import Candidate, Deed
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.storage.webhooks import NewWebhook
from alga_workflows_core.types.states import RunStatus, SlotState, StepStatus
from tests.core.storage import rows
from tests.core.storage.task_rows import TASK, change_task, fill_task, new_task, task_rows

OURS, THEIRS = "acme", "globex"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN, KEY = uuid4(), uuid4()
DEFINITION = "triage"
VERSION = NewVersion(
    hash="h", document="{}", actions=[], engine=1, expression_engine="none", note=None
)
NEW_RUN = replace(rows.NEW_RUN, id=RUN, payload={"card": "4711-secret"})
CHANGE = replace(rows.CLOSED, id=RUN, status=RunStatus.RUNNING, started_at=None, closed_at=None)
SEEN = replace(rows.SEEN, id=RUN)
STEP = replace(rows.STEP, status=StepStatus.RUNNING, finished_at=None)
VALUE = NewValue(value={"n": 1}, size=8)
SLOTS = SlotKey(owner=DEFINITION, key='"a"')
PARKED = NewParkedMessage(
    stream="s", message_id="1-0", fields=((b"tenant", b"acme"),), code="NO_TYPE", reason="None."
)
WEBHOOK = NewWebhook(event_name="ORDER_PAID", secret="SHOP", tolerance=300)


async def stage(work: UnitOfWork, event_id: str) -> bool:
    """An event, unless it is there."""
    return await work.events.stage(
        NewEvent(
            source="shop",
            event_id=event_id,
            type="ORDER_PAID",
            subject=None,
            correlation_key="17",
            data={"n": 1},
            published_by_run=RUN,
        )
    )


async def fill(work: UnitOfWork) -> None:
    """One row in every table."""
    await work.definitions.save_draft(
        DEFINITION, name="Triage", draft="{}", draft_hash="h", by="test"
    )
    await work.definitions.add_version(DEFINITION, VERSION, by="test")
    await work.runs.add(NEW_RUN)
    await work.steps.apply(RUN, [STEP])
    await work.api_keys.add(KEY, name="laptop", role="admin", key_hash=f"hash of {work.tenant}")
    await work.data.change("counters", "seen", lambda _present: VALUE)
    await stage(work, "1")
    await work.slots.add(RUN, SLOTS, state=SlotState.WAITING, at_most=1, displaces=False)
    await fill_task(work)
    await work.webhooks.save("shop", WEBHOOK, new_id=uuid4(), by="test")
    await work.parked_messages.park(PARKED)


async def entries(work: UnitOfWork) -> Page:
    """All that `fill` has put into `counters`."""
    return await work.data.list(
        "counters", prefix="", after="", limit=10, values=True, most_bytes=1000
    )


async def everything(work: UnitOfWork) -> dict[str, Any]:
    """What the repositories of `work` answer about the rows that `fill` makes."""
    return {
        "definition": await work.definitions.get(DEFINITION),
        "definitions": await work.definitions.list(after=None, limit=10),
        "version": await work.definitions.version(DEFINITION, 1),
        "version by hash": await work.definitions.version_by_hash(DEFINITION, "h"),
        "versions": await work.definitions.versions(DEFINITION, after=None, limit=10),
        "run": await work.runs.get(RUN),
        "runs": await work.runs.list(after=None, limit=10),
        "steps": await work.steps.list(RUN, after=None, limit=10),
        "keys": await work.api_keys.list(),
        "entry": await work.data.get("counters", "seen"),
        "entries": (await entries(work)).entries,
        "slot": await work.slots.of_run(RUN),
        "queue": await work.slots.waiting(SLOTS),
        **await task_rows(work),
        "webhook": await work.webhooks.get("shop"),
        "parked": await work.parked_messages.list(retried=False, after=None, limit=10),
        "webhooks": await work.webhooks.list(after=None, limit=10),
    }


@asynccontextmanager
async def mistaken(storage: Storage) -> AsyncGenerator[UnitOfWork]:
    """Repositories of OURS in a transaction of THEIRS: the mistake that the database stops."""
    async with storage.transaction(THEIRS) as connection:
        yield storage.within(connection, OURS)


@pytest_asyncio.fixture
async def filled(storage: Storage) -> Storage:
    """A row of OURS in every table, nothing of THEIRS."""
    async with storage.unit_of_work(OURS) as work:
        await fill(work)
    return storage


async def test_rows_of_another_tenant_are_not_seen(filled: Storage) -> None:
    """Neither through repositories of the tenant, nor through ones that name another tenant."""
    async with filled.unit_of_work(THEIRS) as work:
        answers = [await everything(work)]
    async with mistaken(filled) as work:
        answers.append(await everything(work))
    for answer in answers:
        assert not any(answer.values()), answer


async def _change_all(work: UnitOfWork) -> None:
    await work.definitions.activate(DEFINITION, 1, by="them")
    await work.runs.postpone_start(RUN, 3600)
    await work.open_runs.begin_start(RUN, "theirs")
    await work.open_runs.confirm_start(SEEN, "theirs", timedelta(hours=1))
    await work.open_runs.start_again(SEEN)
    await work.open_runs.request_stop(SEEN, {"do": "cancel"})
    await work.open_runs.forget_stop(RUN, 0)
    await work.open_runs.close(SEEN, RunEnding(status=RunStatus.FAILED))
    await work.steps.close_open(RUN, {"code": "THEIRS"}, seq=9)
    await work.api_keys.revoke(KEY)
    assert await work.data.remove("counters", "seen", lambda _present: None) is None
    await change_task(work)
    assert not await work.webhooks.remove("shop")


async def test_rows_of_another_tenant_are_not_changed(filled: Storage) -> None:
    """An update that meets them changes no row, whichever tenant the repository names."""
    await filled.across.claim_run_starts(1, timedelta(hours=1))  # most look at STARTING only
    async with filled.unit_of_work(OURS) as work:
        before = await everything(work)
    async with filled.unit_of_work(THEIRS) as work:
        await _change_all(work)
    async with mistaken(filled) as work:
        await _change_all(work)
    async with filled.unit_of_work(OURS) as work:
        assert await everything(work) == before


WRITES: dict[str, Callable[[UnitOfWork], Awaitable[Any]]] = {
    "draft": lambda work: work.definitions.save_draft(
        DEFINITION, name="Theirs", draft="{}", draft_hash="x", by="them"
    ),
    "run": lambda work: work.runs.add(replace(NEW_RUN, id=uuid4())),
    "facts of a new run": lambda work: work.runs.apply(replace(CHANGE, id=uuid4())),
    "facts of an old run": lambda work: work.runs.apply(CHANGE),
    "step": lambda work: work.steps.apply(RUN, [replace(STEP, seq=9)]),
    "key": lambda work: work.api_keys.add(uuid4(), name="k", role="admin", key_hash="new"),
    "entry": lambda work: work.data.change("counters", "mine", lambda _present: VALUE),
    "event": lambda work: stage(work, "2"),
    "task": lambda work: work.tasks.open(new_task(uuid4())),
    "candidate": lambda work: work.task_records.ask(TASK, [Candidate("person", "them")]),
    "answer": lambda work: work.task_records.add_answer(TASK, "them", "no", 2),
    "deed": lambda work: work.task_records.log(TASK, Deed(deed="THEIRS")),
    "parked message": lambda work: work.parked_messages.park(replace(PARKED, message_id="2-0")),
    "webhook": lambda work: work.webhooks.save("shop", WEBHOOK, new_id=uuid4(), by="them"),
}


async def _write_mistaken(storage: Storage, write: Callable[[UnitOfWork], Awaitable[Any]]) -> None:
    async with mistaken(storage) as work:
        await write(work)


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_rows_of_another_tenant_are_not_inserted_or_overwritten(
    filled: Storage, name: str
) -> None:
    """The database refuses, without a value in the message, and nothing is written."""
    async with filled.unit_of_work(OURS) as work:
        before = await everything(work)
    with pytest.raises(DBAPIError, match="row-level security") as caught:
        await _write_mistaken(filled, WRITES[name])
    assert sqlstate(caught.value) == "42501"
    assert "4711-secret" not in str(caught.value)
    async with filled.unit_of_work(OURS) as work:
        assert await everything(work) == before


async def test_two_tenants_use_the_same_ids_without_meeting(filled: Storage) -> None:
    """Definition, run, step and key ids are unique within a tenant, not beyond."""
    async with filled.unit_of_work(OURS) as work:
        ours = await everything(work)
    async with filled.unit_of_work(THEIRS) as work:
        await fill(work)
        await work.runs.apply(replace(CHANGE, id=(other := uuid4())))
        theirs = await everything(work)
    assert [run.id for run in theirs["runs"]] == [other, RUN]
    async with filled.unit_of_work(OURS) as work:
        assert await everything(work) == ours


@pytest.mark.parametrize("tenant", [None, ""])
async def test_without_a_tenant_there_are_no_rows(filled: Storage, tenant: str | None) -> None:
    """A transaction that forgot its tenant, or set an empty one, sees nothing in any table."""
    async with filled.database.engine.begin() as connection:
        if tenant is not None:
            await connection.execute(text("SELECT set_config('alga.tenant', '', true)"))
        await connection.execute(text("SET LOCAL ROLE alga_workflows"))
        for table in metadata.tables.values():
            if "tenant" in table.columns:
                assert (await connection.execute(table.select())).all() == [], table.name


async def test_an_empty_tenant_cannot_own_rows(storage: Storage) -> None:
    """Writing with an empty tenant is refused, so that nothing is stored where nobody looks."""
    with pytest.raises(DBAPIError, match="row-level security"):
        async with storage.unit_of_work("") as work:
            await work.runs.add(NEW_RUN)


@pytest_asyncio.fixture
async def small_pool(database_url: str) -> AsyncGenerator[Storage]:
    """Storage over two connections, so that the next unit of work gets a used one."""
    settings = load(
        DatabaseSettings, {"DATABASE_URL": database_url, "WORKFLOW_DATABASE_POOL_SIZE": "2"}
    )
    database = Database(settings)
    yield Storage(database)
    await database.close()


async def who_is_next(database: Database) -> set[tuple[str, str | None, str]]:
    """User, tenant and search path that the next users of both pooled connections find."""
    look = text("""
        SELECT current_user, nullif(current_setting('alga.tenant', true), ''),
               current_setting('search_path')
    """)
    async with AsyncExitStack() as opened:
        connections = [await opened.enter_async_context(database.connect()) for _ in range(2)]
        return {tuple((await one.execute(look)).one()) for one in connections}


NOBODY = {("postgres", None, '"$user", public')}


async def test_role_and_tenant_end_with_the_transaction(small_pool: Storage) -> None:
    """The next user of a connection starts without them after success and after an error."""

    async def fail(run_id: UUID) -> None:
        async with small_pool.unit_of_work(OURS) as work:
            await work.runs.add(replace(NEW_RUN, id=run_id))
            raise LookupError

    async with small_pool.unit_of_work(OURS) as one, small_pool.unit_of_work(THEIRS) as two:
        await one.runs.add(NEW_RUN)
        await two.runs.add(NEW_RUN)
    assert await who_is_next(small_pool.database) == NOBODY
    failures = await asyncio.gather(fail(uuid4()), fail(uuid4()), return_exceptions=True)
    assert [type(failure) for failure in failures] == [LookupError, LookupError]
    assert await who_is_next(small_pool.database) == NOBODY


async def test_role_and_tenant_end_with_a_cancelled_transaction(small_pool: Storage) -> None:
    """Also when the task is cancelled while the server is working for it."""
    async with small_pool.unit_of_work(OURS) as work:
        await fill(work)

    async def wait_for_the_lock() -> None:
        async with small_pool.unit_of_work(OURS) as work:
            await work.runs.add(replace(NEW_RUN, id=uuid4()))
            await work.definitions.get(DEFINITION, lock=True)

    async with small_pool.unit_of_work(OURS) as work:
        await work.definitions.get(DEFINITION, lock=True)
        waiting = asyncio.create_task(wait_for_the_lock())
        await until_somebody_waits_for_a_lock(small_pool.database)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await who_is_next(small_pool.database) == NOBODY
    async with small_pool.unit_of_work(OURS) as work:
        assert [run.id for run in await work.runs.list(after=None, limit=10)] == [RUN]


async def until_somebody_waits_for_a_lock(database: Database) -> None:
    """Return once a connection to this database waits for another's lock."""
    look = text("""
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """)
    async with asyncio.timeout(10), database.session() as connection:
        while not await connection.scalar(look):
            await connection.rollback()
            await asyncio.sleep(0.01)
