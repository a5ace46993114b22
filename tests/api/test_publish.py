"""Another service tells events in its own transactions, with a login that may do nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from alga_workflows_core.errors import InputError, TooLargeError
from alga_workflows_core.events.cloud_event import CloudEvent
from alga_workflows_core.events.publish import publish
from alga_workflows_core.infra.database import sqlstate
from alga_workflows_core.storage.event_rows import event_row_id
from tests.api.inbox import (
    cloud_event,
    ended,
    looking_for,
    runs_of,
    triggered,
    waiting_run,
)
from tests.api.service import Service, check_problem, published

STAGE = "alga_stage_event(text, uuid, text, text, text, text, text, json, timestamptz)"
TENANT = "default"


@pytest_asyncio.fixture
async def shop(service: Service) -> AsyncGenerator[AsyncEngine]:
    """The engine of another service: its login has a schema of its own, and of ours the one
    function."""
    login = f"shop_{uuid4().hex[:12]}"
    for statement in (
        f"CREATE ROLE {login} LOGIN",
        f"CREATE SCHEMA {login} AUTHORIZATION {login}",
        f"ALTER ROLE {login} SET search_path = {login}, public",
        f"GRANT USAGE ON SCHEMA public TO {login}",
        f"GRANT EXECUTE ON FUNCTION {STAGE} TO {login}",
    ):
        await service.execute(statement)
    engine = create_async_engine(service.storage.database.engine.url.set(username=login))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE orders (number integer PRIMARY KEY)"))
        yield engine
    finally:
        await engine.dispose()
        await service.execute(f"DROP OWNED BY {login} CASCADE")
        await service.execute(f"DROP ROLE {login}")


async def order(engine: AsyncEngine, number: int, event: CloudEvent | dict[str, Any]) -> bool:
    """An order of the shop and its event, in one transaction."""
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO orders VALUES (:n)"), {"n": number})
        return await publish(connection, TENANT, event)


async def orders(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        found = await connection.execute(text("SELECT number FROM orders ORDER BY number"))
        return [row.number for row in found]


async def test_an_event_is_told_when_its_transaction_commits(
    service: Service, shop: AsyncEngine
) -> None:
    """With a row of the caller's: neither after a rollback, both after the commit; a run that
    waits goes on, and a trigger starts one."""
    api = service.api
    await published(api, triggered("orders", "ORDERED"))
    run_id = await waiting_run(api, "ordering", looking_for("ORDERED", key="A-17"))
    event = CloudEvent(
        id="o-1", source="shop", type="ORDERED", correlation_key="A-17", data={"n": 1}
    )
    row = event_row_id(TENANT, "shop", "o-1")

    async with shop.connect() as connection:
        await connection.execute(text("INSERT INTO orders VALUES (1)"))
        assert await publish(connection, TENANT, event)
        await connection.rollback()
    assert await orders(shop) == []
    check_problem(await api.get(f"/events/{row}"), 404, "NOT_FOUND")

    assert await order(shop, 1, event)
    assert await orders(shop) == [1]
    assert (await ended(api, run_id))["result"] == {"got": {"n": 1}}
    (run,) = await runs_of(api, "orders", 1)
    assert run["result"] == {"n": 1}

    assert not await order(shop, 2, event.model_copy(update={"data": {"n": 2}}))
    assert (await api.get(f"/events/{row}")).json()["data"] == {"n": 1}


async def test_a_session_tells_events_as_well(service: Service, shop: AsyncEngine) -> None:
    """An ORM's session will do, and so will a CloudEvent as JSON, of whichever tenant."""
    event = cloud_event("SESSION_TOLD", {"n": 1}, time="2026-01-31T09:00:00Z")
    async with AsyncSession(shop) as session, session.begin():
        assert await publish(session, TENANT, event)
        assert await publish(session, "other", event)
        assert not await publish(session, TENANT, event)
    row = event_row_id(TENANT, "shop", event["id"])
    told = (await service.api.get(f"/events/{row}")).json()
    assert (told["type"], told["data"]) == ("SESSION_TOLD", {"n": 1})
    async with service.storage.unit_of_work("other") as work:
        assert await work.events.known([event_row_id("other", "shop", event["id"])])


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"specversion": "1.0", "id": "1", "source": "shop"}, "CLOUD_EVENT_INVALID"),
        (cloud_event("two words"), "CLOUD_EVENT_INVALID"),
        (cloud_event("BAD", id="line\nbreak"), "CLOUD_EVENT_INVALID"),
        (cloud_event("BAD", datacontenttype="text/plain"), "DATA_NOT_JSON"),
        (cloud_event("BAD", {"n": float("nan")}), "INPUT_INVALID"),
        (CloudEvent(id="1", source="shop", type="BAD", data={"n": object()}), "INPUT_INVALID"),
        (cloud_event("BAD", {"text": "x" * 300_000}), "SIZE_LIMIT"),
    ],
)
async def test_what_is_no_event_is_refused_before_the_database_is_asked(
    shop: AsyncEngine, event: CloudEvent | dict[str, Any], code: str
) -> None:
    """With the errors that HTTP answers; the transaction goes on."""
    async with shop.begin() as connection:
        with pytest.raises(InputError) as refused:
            await publish(connection, TENANT, event)
        assert refused.value.error_code == code
        assert isinstance(refused.value, TooLargeError) is (code == "SIZE_LIMIT")
        await connection.execute(text("INSERT INTO orders VALUES (1)"))
    assert await orders(shop) == [1]


@pytest.mark.parametrize("tenant", ["", "a b", "-a", "a" * 65])
async def test_an_event_needs_a_tenant(shop: AsyncEngine, tenant: str) -> None:
    """What cannot be one is refused: nobody would see the event."""
    async with shop.connect() as connection:
        with pytest.raises(InputError) as refused:
            await publish(connection, tenant, cloud_event("BAD"))
    assert refused.value.error_code == "TENANT_INVALID"


async def test_the_login_may_do_nothing_else(shop: AsyncEngine) -> None:
    """It sees no event, not even its own, and no other function is for it."""
    assert await order(shop, 1, cloud_event("SECRET"))
    for statement in (
        "SELECT data FROM workflow_events",
        "INSERT INTO workflow_events (tenant, id) VALUES ('default', gen_random_uuid())",
        "SELECT * FROM alga_claim_events(1, '1 s')",
        "SET ROLE alga_workflows",
    ):
        async with shop.connect() as connection:
            with pytest.raises(DBAPIError) as refused:
                await connection.execute(text(statement))
            assert sqlstate(refused.value) == "42501"
