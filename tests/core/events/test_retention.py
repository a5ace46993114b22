"""Old events go, unless somebody may still need them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from alga_workflows_core.events.desk import EventDesk
from alga_workflows_core.events.retention import EventRetention
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.events.inboxes import TENANT, Inboxes
from tests.core.events.stepping import stopped

NAME = "OLD"
KEEP = timedelta(days=90)
FOR_EVER = 5000.0
DEFINITION = "waiting"  # that of the runs of `Inboxes`


def retention(storage: Storage, **limits: int) -> EventRetention:
    """Whose turn it always is."""
    return EventRetention(storage, Metrics(), keep=KEEP, every=timedelta(), **limits)


async def execute(storage: Storage, statement: str, **parameters: Any) -> None:
    """Change rows of any tenant."""
    async with storage.database.engine.begin() as connection:
        await connection.execute(text(statement), parameters)


async def told(
    storage: Storage, *, days: float, state: str = "ACCEPTED", tenant: str = TENANT
) -> UUID:
    """An event that was received, and accepted, so long ago, with a key and a refusal."""
    row_id = uuid4()
    accepted = "received_at" if state == "ACCEPTED" else "NULL"
    await execute(
        storage,
        """
        WITH e AS (
            INSERT INTO workflow_events (tenant, id, source, event_id, type, data, state,
                                         accept_due_at, received_at)
            VALUES (:tenant, :id, 'test', CAST(:id AS text), :name, '1', :state,
                    clock_timestamp() + interval '1 day', clock_timestamp() - :age)
        ), k AS (
            INSERT INTO alga_event_keys VALUES (:tenant, :name, 'a', :id, clock_timestamp())
        )
        INSERT INTO alga_event_refusals (tenant, event_id, target, match, filter)
        VALUES (:tenant, :id, 'x', 0, 0)
        """,
        tenant=tenant,
        id=row_id,
        name=NAME,
        state=state,
        age=timedelta(days=days),
    )
    await execute(
        storage,
        f"UPDATE workflow_events SET accepted_at = {accepted} WHERE id = :id",  # noqa: S608
        id=row_id,
    )
    return row_id


async def delivery(
    storage: Storage, event: UUID, state: str, *, days: float, kind: str = "trigger"
) -> UUID:
    """A delivery of the event, closed so long ago, for a run that there is not; the id of the
    run."""
    run_id = uuid4()
    await execute(
        storage,
        """
        INSERT INTO workflow_event_deliveries (tenant, id, run_id, kind, event_id, definition_id,
                                               state, next_at, closed_at)
        VALUES (:tenant, :id, :run, :kind, :event, :definition, :state,
                clock_timestamp() + interval '1 day', clock_timestamp() - :age)
        """,
        tenant=TENANT,
        id=uuid4(),
        run=run_id,
        kind=kind,
        event=event,
        definition=DEFINITION,
        state=state,
        age=timedelta(days=days),
    )
    return run_id


async def looks(storage: Storage, lookback: str, *, state: str = "ARCHIVED") -> None:
    """The runs' version waits for such events. Runs may begin only where its definition is
    ACTIVE."""
    names = {"tenant": TENANT, "id": DEFINITION}
    await execute(
        storage,
        """INSERT INTO workflow_definitions (tenant, id, name, state, active_version,
                                             created_by, updated_by)
           VALUES (:tenant, :id, 'Waiting', :state, 1, 'test', 'test')""",
        **names,
        state=state,
    )
    await execute(
        storage,
        """INSERT INTO workflow_definition_versions
               (tenant, definition_id, version, hash, document, actions, engine,
                expression_engine, published_by)
           VALUES (:tenant, :id, 1, 'h', '{}', '[]', 1, '1', 'test')""",
        **names,
    )
    await execute(
        storage,
        """INSERT INTO alga_version_events (tenant, definition_id, version, event_name, use, detail)
           VALUES (:tenant, :id, 1, :name, 'wait', CAST(:detail AS json))""",
        **names,
        name=NAME,
        detail=f'{{"lookback": {lookback}}}',
    )


async def begun(inboxes: Inboxes, *, days: float, starter: UUID | None = None) -> UUID:
    """An open run that was asked for so long ago."""
    run = await inboxes.run(starter=starter)
    await execute(
        inboxes.storage,
        "UPDATE workflow_runs SET created_at = clock_timestamp() - :age WHERE id = :id",
        age=timedelta(days=days),
        id=run.run_id,
    )
    return run.run_id


async def end(storage: Storage, run_id: UUID) -> None:
    await execute(
        storage, "UPDATE workflow_runs SET status = 'SUCCEEDED' WHERE id = :id", id=run_id
    )


async def left(storage: Storage, events: Sequence[UUID]) -> list[bool]:
    """Which are still there, after a turn; of the others there is no trace."""
    await retention(storage).remove_old()
    found: list[bool] = []
    async with storage.database.connect() as connection:
        for each in events:
            rows = [
                await connection.scalar(
                    text(f"SELECT count(*) FROM {table} WHERE {column} = :id"),  # noqa: S608
                    {"id": each},
                )
                for table, column in (
                    ("workflow_events", "id"),
                    ("alga_event_keys", "event_id"),
                    ("alga_event_refusals", "event_id"),
                    ("workflow_event_deliveries", "event_id"),
                )
            ]
            assert rows[0] or not any(rows)
            found.append(bool(rows[0]))
    return found


async def test_settled_events_go_when_they_are_old(storage: Storage) -> None:
    """With keys, refusals and deliveries; refused ones after twice the time, staged ones never."""
    events = [
        await told(storage, days=89),
        await told(storage, days=91),
        await told(storage, days=91, state="REFUSED"),
        await told(storage, days=181, state="REFUSED"),
        await told(storage, days=400, state="STAGED"),
    ]
    await delivery(storage, events[1], "DELIVERED", days=91)
    assert await left(storage, events) == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("state", "days", "stays"),
    [
        ("DELIVERED", 1, False),
        ("GONE", 1, False),
        ("PENDING", 400, True),
        ("HELD", 400, True),
        ("DEAD", 179, True),
        ("DEAD", 181, False),
        ("REJECTED", 179, True),
        ("REJECTED", 181, False),
    ],
)
async def test_what_may_still_be_delivered_stays(
    storage: Storage, state: str, days: float, stays: bool
) -> None:
    """What is on its way for ever; what was given up for twice the time, so that people see it."""
    event = await told(storage, days=400)
    await delivery(storage, event, state, days=days)
    assert await left(storage, [event]) == [stays]


async def test_what_a_run_was_never_told_stays(storage: Storage, inboxes: Inboxes) -> None:
    """A delivery that was given up, for a run that still waits for it."""
    event = await told(storage, days=400)
    run_id = await delivery(storage, event, "DEAD", days=400, kind="wait")
    run = await inboxes.run()
    await execute(
        storage,
        "UPDATE workflow_event_deliveries SET run_id = :new WHERE run_id = :old",
        new=run.run_id,
        old=run_id,
    )
    assert await left(storage, [event]) == [True]
    await end(storage, run.run_id)
    assert await left(storage, [event]) == [False]


@pytest.mark.parametrize(
    ("lookback", "reaches"),
    [("0.0", 0), (str(30 * 86400.0), 30), ("null", 90), ("1e15", FOR_EVER)],
    ids=["none", "thirty days", "by an expression", "for ever"],
)
async def test_an_open_run_finds_events_since_it_began(
    storage: Storage, inboxes: Inboxes, lookback: str, reaches: float
) -> None:
    """However old it is, and before that as far as its version looks back: as far as events are
    kept where an expression decides it. Once it has ended they go."""
    await looks(storage, lookback)
    run_id = await begun(inboxes, days=300)
    events = [
        await told(storage, days=299),
        await told(storage, days=300 + reaches - 1),
        await told(storage, days=300 + reaches + 2),
    ]
    assert await left(storage, events) == [True, True, reaches == FOR_EVER]
    await end(storage, run_id)
    assert await left(storage, events) == [False, False, False]


async def test_a_run_began_with_its_event(storage: Storage, inboxes: Inboxes) -> None:
    """Which stays as long as the run is open, as does what came between them."""
    await looks(storage, "0.0")
    starter = await told(storage, days=400)
    events = [starter, await told(storage, days=395), await told(storage, days=410)]
    run_id = await begun(inboxes, days=300, starter=starter)
    assert await left(storage, events) == [True, True, False]
    await end(storage, run_id)
    assert await left(storage, events) == [False, False, False]


async def test_a_run_that_is_held_begins_with_its_event(storage: Storage) -> None:
    """What came after that stays: the run will look for it."""
    await looks(storage, "0.0", state="PAUSED")
    starter = await told(storage, days=400)
    await delivery(storage, starter, "HELD", days=400)
    events = [starter, await told(storage, days=395), await told(storage, days=410)]
    assert await left(storage, events) == [True, True, False]


async def test_runs_that_may_begin_find_what_they_look_back_to(storage: Storage) -> None:
    """A look-back of the active version that is longer than events are kept."""
    await looks(storage, str(200 * 86400.0), state="ACTIVE")
    events = [await told(storage, days=199), await told(storage, days=202)]
    assert await left(storage, events) == [True, False]


@pytest.mark.usefixtures("inboxes")
async def test_a_redelivery_at_the_same_moment_wins(storage: Storage) -> None:
    """What somebody has just had tried again is not removed."""
    event = await told(storage, days=400)
    await delivery(storage, event, "DEAD", days=400)
    repeating = await stopped(EventDesk(storage).redeliver(TENANT, event, by="test"), "COMMIT")
    async with asyncio.timeout(10):
        await retention(storage).remove_old()
    assert (await repeating).deliveries == 1
    assert await left(storage, [event]) == [True]


async def test_a_turn_has_bounds_and_the_next_goes_on(storage: Storage) -> None:
    """From page to page and from tenant to tenant, past what stays, and begins anew at the end; of
    several processes one looks at a time."""
    tenants = ["a", "b", "c"]
    events = [await told(storage, days=100 + n, tenant=t) for t in tenants for n in range(5)]
    staying = [await told(storage, days=400, state="STAGED", tenant=t) for t in tenants]

    async def remaining() -> int:
        async with storage.database.connect() as connection:
            return await connection.scalar(text("SELECT count(*) FROM workflow_events")) or 0

    looking = retention(storage, pages=2, page=2)
    counts: list[int] = []
    for _ in range(6):
        await looking.remove_old()
        counts.append(await remaining())
    assert counts[0] == len(events) + len(staying) - 3
    assert all(before - after <= 4 for before, after in itertools.pairwise(counts))
    assert counts[-1] == len(staying)

    events = [await told(storage, days=100, tenant=tenant) for tenant in tenants]
    # The first finds the end, then there is a tenant in each.
    for _ in range(4):
        await looking.remove_old()
    assert await remaining() == len(staying)

    other = EventRetention(storage, Metrics(), keep=KEEP, every=timedelta(hours=1))
    await told(storage, days=100)
    await other.remove_old()
    assert await remaining() == len(staying)
    await told(storage, days=100)
    await EventRetention(storage, Metrics(), keep=KEEP).remove_old()
    assert await remaining() == len(staying) + 1
