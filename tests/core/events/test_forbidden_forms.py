"""Why the inbox's transactions have the form that they have: two others lose events.

Each schedule is stepped by hand, so that a form that may lose does lose.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.event_locks import NameAndKey
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.storage.waits import NewWait
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.states import EventState, WaitStatus
from tests.core.events.inboxes import NAME, TENANT, Inboxes
from tests.core.events.stepping import blocked, stopped, watch

# What `event_locks` hashes for NAME and the key "a".
LOCK = "\x1f".join((TENANT, NAME, "a"))
LOCK_AND_LOOK_BACK = text("""
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(:lock, 7)))
    SELECT e.id FROM (SELECT count(*) FROM locked) l, workflow_events e
    WHERE e.tenant = :tenant AND e.type = :name AND e.state = 'ACCEPTED'
""")
LOCK_AND_FIND = text("""
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(hashtextextended(:lock, 7)))
    SELECT m.wait_id FROM (SELECT count(*) FROM locked) l, alga_wait_matches m
    WHERE m.tenant = :tenant AND m.event_name = :name AND m.correlation_key = 'a'
""")
VALUES = {"lock": LOCK, "tenant": TENANT, "name": NAME}


@pytest_asyncio.fixture
async def repeatable(database_url: str) -> AsyncGenerator[Inboxes]:
    """The inbox as it is, but for the isolation of its transactions."""
    database = Database(load(DatabaseSettings, {"DATABASE_URL": database_url}))
    watch(database)
    database.engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
    yield Inboxes(Storage(database))
    await database.close()


FORMS = pytest.mark.parametrize(
    ("form", "meets"),
    [
        ("REPEATABLE READ", False),
        ("lock and read in one statement", False),
        ("the same, after a statement that locks", True),
        ("as it is", True),
    ],
)


@FORMS
async def test_a_wait_opens_while_an_event_for_it_is_accepted(
    storage: Storage, inboxes: Inboxes, repeatable: Inboxes, form: str, meets: bool
) -> None:
    """What a transaction, or a statement, sees is decided before it waits for the lock: it does not
    see the event, and whoever accepted that did not see the wait. Nobody else looks again."""
    run, event = await inboxes.run(), await inboxes.stage()
    wait = inboxes.wait(run)
    accepting = await stopped(inboxes.accept(event))
    forms: dict[str, Callable[[], Awaitable[object]]] = {
        "REPEATABLE READ": lambda: repeatable.open(run, wait),
        "lock and read in one statement": lambda: _open_in_one(storage, run, wait),
        "as it is": lambda: inboxes.open(run, wait),
    }
    lock_first = partial(_open_in_one, storage, run, wait, lock_first=True)
    opening = await blocked(storage, forms.get(form, lock_first)())
    await accepting
    assert bool(await opening) is meets
    status, _ = await inboxes.end(wait)
    assert (status is WaitStatus.RESOLVED) is (form == "as it is")
    assert (await inboxes.event(event)).state is EventState.ACCEPTED


@FORMS
async def test_an_event_is_accepted_while_a_wait_for_it_opens(
    storage: Storage, inboxes: Inboxes, repeatable: Inboxes, form: str, meets: bool
) -> None:
    """The same the other way round."""
    run, event = await inboxes.run(), await inboxes.stage()
    wait = inboxes.wait(run)
    opening = await stopped(inboxes.open(run, wait))
    forms: dict[str, Callable[[], Awaitable[object]]] = {
        "REPEATABLE READ": lambda: repeatable.accept(event),
        "lock and read in one statement": lambda: _accept_in_one(storage, event),
        "as it is": lambda: inboxes.accept(event),
    }
    lock_first = partial(_accept_in_one, storage, event, lock_first=True)
    accepting = await blocked(storage, forms.get(form, lock_first)())
    assert await opening is None
    found = await accepting
    status, _ = await inboxes.end(wait)
    assert bool(found or status is WaitStatus.RESOLVED) is meets
    assert (await inboxes.event(event)).state is EventState.ACCEPTED


async def _open_in_one(
    storage: Storage, run: RunIdentity, wait: OpenedWait, *, lock_first: bool = False
) -> list[UUID]:
    """Open a wait; the events that it then looks back to."""
    async with storage.transaction(TENANT) as connection:
        work = UnitOfWork.of(connection, TENANT)
        if lock_first:
            await connection.execute(LOCK_AND_LOOK_BACK, VALUES)
        row = NewWait(
            id=wait.id,
            run_id=run.run_id,
            key=wait.key,
            path=wait.path,
            kind=wait.kind,
            due_at=None,
            detail=wait.detail,
            epoch=run.epoch,
            opened_at=wait.at,
        )
        await work.waits.open([row])
        await work.event_waits.look_for(wait.id, [NameAndKey(NAME, "a")])
        return [each.id for each in await connection.execute(LOCK_AND_LOOK_BACK, VALUES)]


async def _accept_in_one(storage: Storage, event: UUID, *, lock_first: bool = False) -> list[UUID]:
    """Accept an event; the waits that it then finds."""
    async with storage.transaction(TENANT) as connection:
        work = UnitOfWork.of(connection, TENANT)
        (staged,) = await work.inbox.take([event])
        if lock_first:
            await connection.execute(LOCK_AND_FIND, VALUES)
        found = await connection.execute(LOCK_AND_FIND, VALUES)
        await work.inbox.accept([(staged.id, ["a"])])
        return [each.wait_id for each in found]
