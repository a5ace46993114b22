"""Messages of a stream become events of their tenants: none is lost, none is taken twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from alga_workflows_core.infra.streams import BEGINNING
from alga_workflows_core.storage.unit_of_work import Storage
from tests.services.command import eventually
from tests.streams.world import OPERATOR, OTHER, TENANT, World

SOON = timedelta(milliseconds=200)


async def test_a_message_becomes_an_event_with_all_that_it_says(world: World) -> None:
    """Also one that was published before anybody read the stream; the stream stays as it is."""
    await world.add(
        "e1",
        execution_id=str(uuid4()),
        workflow_correlation_key="T-17",
        event_name="created",
        timestamp="2026-11-22T10:00:00.000Z",
        user_id=str(uuid4()),
        from_state="",
        to_state="OPEN",
        payload_json='{"id": 17, "of": {"a": [1, null]}}',
    )
    async with world.consuming():
        await world.until_done(1)
        await world.add("e2", tenant=OTHER, source="shop", event_type=None)
        last = await world.add("", timestamp=None, payload_json=None)
        await world.until_done(3)
    first, third = await world.events()
    assert (first.source, first.event_id, first.type) == (
        f"redis:{world.stream}",
        "e1",
        "TICKET_CREATED",
    )
    assert (first.correlation_key, first.data) == ("T-17", {"id": 17, "of": {"a": [1, None]}})
    assert first.occurred_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert (first.for_run, first.published_by_run) == (None, None)
    assert (third.event_id, third.data, third.occurred_at) == (last, {}, None)
    (second,) = await world.events(OTHER)
    assert (second.source, second.event_id, second.type) == ("shop", "e2", "TICKET_CREATED")
    assert await world.redis.xlen(world.stream) == 3


async def test_what_comes_again_is_one_event(world: World) -> None:
    """Whether in one batch or later, as another message or as the same one."""
    for _ in range(3):
        await world.add("same")
    async with world.consuming():
        await world.until_done(3)
        await world.add("same", payload_json='{"changed": true}')
        await world.until_done(4)
    # A group that is made anew reads everything anew.
    await world.redis.xgroup_destroy(world.stream, "alga-workflows")
    async with world.consuming():
        await world.until_done(4)
    (event,) = await world.events()
    assert event.data == {"id": "same"}


async def test_several_share_a_stream(world: World) -> None:
    """Each message is taken once, and in the order of the stream where one takes them all."""
    ids = [f"e{number}" for number in range(100)]
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(world.consuming())
        for each in ids:
            await world.add(each)
        await world.until_done(100)
    assert sorted(event.event_id for event in await world.events()) == sorted(ids)
    for each in ids:
        await world.add(f"{each}-b")
    async with world.consuming():
        await world.until_done(200)
    assert [event.event_id for event in (await world.events())[100:]] == [f"{e}-b" for e in ids]


async def test_new_messages_are_read_although_others_have_some_in_hand(world: World) -> None:
    """Somebody who hangs delays nobody, and keeps its own as long as it is not given up."""
    for each in ("theirs", "ours"):
        await world.add(each)
    assert len(await world.read_as("hanging", 1)) == 1
    async with world.consuming():

        async def ours_is_there() -> bool:
            return [event.event_id for event in await world.events()] == ["ours"]

        await eventually(ours_is_there, "the message that nobody has is taken")
        assert await world.pending() == 1


async def test_what_others_have_left_lying_is_taken_over(world: World) -> None:
    """In batches, all of it, beside what is new; then the name of who is gone is forgotten."""
    for number in range(25):
        await world.add(f"e{number}")
    await world.read_as("dead", 24)
    await world.redis.xgroup_createconsumer(world.stream, "alga-workflows", "idle")
    async with world.consuming("alive", claim_after=SOON, forget_after=SOON):
        await world.until_done(25)

        async def only_we_are_there() -> bool:
            return await world.consumers() == {"alive"}

        await eventually(only_we_are_there, "names of others are forgotten")
    assert len(await world.events()) == 25
    # Who ends with nothing in hand takes its name along.
    assert await world.consumers() == set()


async def test_a_name_with_messages_in_hand_is_not_forgotten(world: World) -> None:
    """With it they would be: nobody could take them over any more."""
    await world.add("kept")
    await world.read_as("dead", 1)
    stream = world.connect("alive")
    assert list(await stream.forget_others(timedelta(0))) == []
    await world.redis.xreadgroup("alga-workflows", "alive", {world.stream: "0"})
    claimed = await stream.claim(BEGINNING, timedelta(0))
    assert len(claimed.messages) == 1
    await stream.leave()
    assert "alive" in await world.consumers()
    assert list(await stream.forget_others(timedelta(0))) == ["dead"]
    await stream.close()


async def test_claims_go_on_where_the_last_ended(world: World) -> None:
    """A batch after the other, and not from the beginning again."""
    for number in range(5):
        await world.add(f"e{number}")
    ids = await world.read_as("dead", 5)
    stream = world.connect("alive", WORKFLOW_REDIS_BATCH="2")
    found: list[str] = []
    cursors: list[str] = []
    cursor = BEGINNING
    while True:
        claimed = await stream.claim(cursor, timedelta(0))
        found += [message.id for message in claimed.messages]
        cursor = claimed.cursor
        cursors.append(cursor)
        if cursor == BEGINNING:
            break
    await stream.close()
    assert found == ids
    assert len(set(cursors)) == len(cursors) >= 3


async def test_what_we_had_in_hand_is_read_again_at_once(world: World) -> None:
    """After an answer was lost on its way, for instance: nobody waits to take it over."""
    for number in range(25):
        await world.add(f"e{number}")
    await world.read_as("same", 25)
    async with world.consuming("same"):
        await world.until_done(25)
    assert len(await world.events()) == 25


async def test_a_message_that_was_removed_unread_holds_nothing_up(world: World) -> None:
    """It is gone, which is counted; those around it are taken."""
    for number in range(3):
        await world.add(f"e{number}")
    ids = await world.read_as("same", 3)
    await world.redis.xdel(world.stream, ids[1])
    async with world.consuming("same"):
        await world.until_done(2)
    assert [event.event_id for event in await world.events()] == ["e0", "e2"]
    assert b'alga_stream_messages_total{outcome="lost"} 1.0' in world.metrics.render()[0]


async def test_what_the_database_refuses_holds_nothing_up(world: World, storage: Storage) -> None:
    """The others of its batch are stored, and it is parked."""
    refuse = """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''not this one''; END';
        CREATE TRIGGER refuse BEFORE INSERT ON workflow_events
            FOR EACH ROW WHEN (NEW.type = 'BROKEN') EXECUTE FUNCTION refuse();
    """
    async with storage.database.engine.begin() as connection:
        for statement in refuse.split(";\n")[:-1]:
            await connection.execute(text(statement))
    for number in range(5):
        await world.add(f"e{number}", event_type="BROKEN" if number == 2 else "FINE")
    async with world.consuming():
        await world.until_done(5)
    assert [event.event_id for event in await world.events()] == ["e0", "e1", "e3", "e4"]
    (parked,) = await world.parked(TENANT)
    assert parked.row.code == "NOT_STORED"
    assert (b"event_id", b"e2") in parked.fields


async def test_what_cannot_even_be_parked_stays_in_the_stream(
    world: World, storage: Storage
) -> None:
    """Unacknowledged, until it can be; what comes behind it is taken."""
    async with storage.database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE alga_parked_messages RENAME TO away"))
    await world.add("unfit", tenant=None)
    await world.add("fine")
    async with world.consuming(claim_after=SOON):

        async def fine_is_there() -> bool:
            return len(await world.events()) == 1

        await eventually(fine_is_there, "the other message is taken")
        assert await world.pending() == 1
        async with storage.database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE away RENAME TO alga_parked_messages"))
        await world.until_done(2)
    assert len(await world.parked()) == 1


async def test_unfit_messages_are_parked_whole(world: World) -> None:
    """With every field as it was, for the people of the tenant that they may speak for, else for
    those who look after such messages; nothing becomes an event of a tenant by mistake."""
    raw = {b"tenant": TENANT.encode(), b"event_type": b"\xff\x00", b"more": "ü".encode()}
    first = await world.redis.xadd(world.stream, raw)
    second = await world.redis.execute_command(
        *("XADD", world.stream, "*", "tenant", TENANT, "tenant", OTHER, "event_type", "TWICE")
    )
    third = await world.add("e3", tenant="stranger")
    fourth = await world.add("e4", payload_json='{"a": NaN}')
    async with world.consuming():
        await world.until_done(4)
    ours, theirs = await world.parked(OPERATOR), await world.parked(TENANT)
    assert [(each.row.message_id, each.row.code) for each in ours] == [
        (second, "FIELD_TWICE"),
        (third, "TENANT_NOT_ALLOWED"),
    ]
    assert [(each.row.message_id, each.row.code) for each in theirs] == [
        (first, "NOT_TEXT"),
        (fourth, "PAYLOAD_INVALID"),
    ]
    assert theirs[0].fields == tuple(raw.items())
    assert ours[0].fields == (
        (b"tenant", b"acme"),
        (b"tenant", b"globex"),
        (b"event_type", b"TWICE"),
    )
    assert theirs[1].fields[-1] == (b"payload_json", b'{"a": NaN}')
    assert {each.row.stream for each in ours} == {world.stream}
    for tenant in (TENANT, OTHER, "stranger", OPERATOR):
        assert await world.events(tenant) == []


async def test_large_and_hostile_messages_hold_nothing_up(world: World) -> None:
    """What is too large or too deep is parked, however large it is."""
    await world.add("large", payload_json='"' + "x" * 3_000_000 + '"')
    await world.add("deep", payload_json="[" * 100_000)
    await world.add("fine")
    async with world.consuming():
        await world.until_done(3)
    assert [event.event_id for event in await world.events()] == ["fine"]
    large, deep = await world.parked(TENANT)
    assert (large.row.code, deep.row.code) == ("SIZE_LIMIT", "PAYLOAD_INVALID")
    assert len(dict(large.fields)[b"payload_json"]) == 3_000_002


async def test_a_stream_that_was_deleted_is_begun_anew(world: World) -> None:
    """With its group, from its oldest message."""
    async with world.consuming():
        await world.add("before")
        await world.until_done(1)
        await world.redis.delete(world.stream)
        await world.add("behind")
        await world.until_done(1)
    assert [event.event_id for event in await world.events()] == ["before", "behind"]


async def test_how_far_the_group_is_is_measured(world: World) -> None:
    """What is unread, what is in hand, and how old the oldest of what is unread may be."""
    await world.join()
    stream = world.connect("looker")
    empty = await stream.state()
    assert (empty.pending, empty.unread or 0, empty.behind) == (0, 0, timedelta(0))
    for number in range(3):
        await world.redis.xadd(world.stream, {"n": number}, id=f"{1_000_000 + number * 1000}-0")
    assert (await stream.state()).behind == timedelta(seconds=2)
    await world.read_as("other", 2)
    state = await stream.state()
    assert (state.pending, state.behind) == (2, timedelta(seconds=1))
    assert state.unread in {1, None}  # before 7.0 the server does not say
    await stream.close()
    async with world.consuming():

        async def is_measured() -> bool:
            return b"alga_stream_pending_messages{" in world.metrics.render()[0]

        await eventually(is_measured, "the metrics are there")
    shown = world.metrics.render()[0].decode()
    assert f'alga_stream_lag_seconds{{stream="{world.stream}"}}' in shown
    assert f'alga_stream_unread_messages{{stream="{world.stream}"}}' in shown
    assert 'alga_dependency_up{dependency="redis"} 1.0' in shown


@pytest.mark.parametrize("waiting", [True, False])
async def test_it_stops_soon(world: World, waiting: bool) -> None:
    """Also while it waits for messages, and while Redis is away."""
    consuming = world.consuming(
        stream=world.connect("a")
        if waiting
        else world.connect("a", WORKFLOW_REDIS_URL="redis://127.0.0.1:1/0")
    )
    async with asyncio.timeout(5), consuming:
        await asyncio.sleep(0)
