"""Events are delivered in their order, at least once, whatever goes away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry

from alga_temporal_domain.outgoing.desk import OutgoingDesk
from alga_temporal_domain.outgoing.events import cloud_event
from alga_temporal_domain.outgoing.metrics import OutgoingMetrics
from alga_temporal_domain.outgoing.relay import Relay
from alga_temporal_domain.outgoing.settings import OutgoingSettings
from alga_temporal_domain.storage.outgoing import OutgoingQueue, OutgoingRow
from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError, NotFoundError, SettingsError, UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.settings import DatabaseSettings, load
from tests.domain.outgoing.receiver import Receiver

TENANT = "default"
NOBODY = "00000000-0000-0000-0000-000000000000"


async def add(storage: DomainStorage, subject: str, *keys: int, tenant: str = TENANT) -> None:
    """Events of a subject, in the order of their keys."""
    async with storage.unit_of_work(tenant) as work:
        await work.outgoing.add(
            [
                cloud_event(
                    tenant=tenant,
                    source="/test",
                    key=f"{subject}/{key}",
                    type="test.told",
                    subject=subject,
                    time=datetime.now(UTC),
                    data={"key": key},
                )
                for key in keys
            ]
        )


async def rows(storage: DomainStorage, state: str | None = None) -> list[OutgoingRow]:
    """The oldest first."""
    page = await OutgoingDesk(storage).page(TENANT, state=state, before=None, at_most=500)
    return page[::-1]


def keys(events: list[dict[str, Any]], subject: str) -> list[int]:
    """Those of a subject, as they came."""
    return [event["data"]["key"] for event in events if event["subject"] == subject]


@asynccontextmanager
async def relaying(
    storage: DomainStorage, url: str, registry: CollectorRegistry | None = None, **more: str
) -> AsyncGenerator[Relay]:
    """A relay that waits a moment only."""
    settings = load(
        OutgoingSettings,
        {
            "TEMPORAL_WORKER_EVENTS_URL": url,
            "TEMPORAL_WORKER_EVENTS_LONGEST_WAIT": "0.05",
            "TEMPORAL_WORKER_EVENTS_ATTEMPTS": "3",
            **more,
        },
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        metrics = OutgoingMetrics(registry or CollectorRegistry())
        yield Relay(storage=storage, settings=settings, http=http, metrics=metrics)


async def until_none_waits(relay: Relay, storage: DomainStorage) -> None:
    """Deliver until nothing is pending."""
    async with asyncio.timeout(20):
        while await rows(storage, "pending"):
            await relay.deliver_due()
            await asyncio.sleep(0.02)


async def test_each_subject_has_its_order_and_an_event_is_there_once(
    domain_storage: DomainStorage,
) -> None:
    """A fault of one subject holds up no other one, and nobody overtakes within one."""
    receiver, failed = Receiver(), set[str]()

    def decide(event: dict[str, Any]) -> int:
        first = event["subject"] == "a" and event["id"] not in failed
        failed.add(event["id"])
        return 500 if first else 202

    receiver.decide = decide
    for _ in range(2):  # the same again adds nothing
        await add(domain_storage, "a", *range(5))
        await add(domain_storage, "b", *range(5))
    registry = CollectorRegistry()
    async with receiver.listening(), relaying(domain_storage, receiver.url, registry) as relay:
        await relay.deliver_due()
        assert keys(receiver.got, "b") == [0, 1, 2, 3, 4]
        await relay.deliver_due()
        assert registry.get_sample_value("alga_outgoing_events", {"state": "pending"}) in range(
            1, 6
        )
        await until_none_waits(relay, domain_storage)
        await relay.deliver_due()
    assert keys(receiver.got, "a") == [0, 1, 2, 3, 4]
    assert {row.state for row in await rows(domain_storage)} == {"delivered"}
    assert registry.get_sample_value("alga_outgoing_lag_seconds") == 0
    labels = {"outcome": "delivered"}
    assert registry.get_sample_value("alga_outgoing_deliveries_total", labels) == 10


async def test_nothing_is_lost_while_the_receiver_is_away(domain_storage: DomainStorage) -> None:
    """However often it is tried; an outage is no answer that refuses an event."""
    receiver = Receiver()
    await add(domain_storage, "a", *range(3))
    async with relaying(domain_storage, receiver.url) as relay:
        for _ in range(6):
            await relay.deliver_due()
            await asyncio.sleep(0.06)
        (first, *others) = await rows(domain_storage)
        assert (first.state, first.attempts) == ("pending", 0)
        assert first.failures >= 4
        assert first.reason
        assert {row.failures for row in others} == {0}
        async with receiver.listening():
            receiver.decide = lambda _event: 503
            await relay.deliver_due()
            receiver.decide = lambda _event: 202
            await until_none_waits(relay, domain_storage)
    assert keys(receiver.got, "a") == [0, 1, 2]


async def test_what_is_refused_is_given_up_with_its_reason_and_can_be_sent_again(
    domain_storage: DomainStorage,
) -> None:
    """What is behind it goes on meanwhile."""
    receiver, desk = Receiver(), OutgoingDesk(domain_storage)
    receiver.decide = lambda event: 422 if event["data"]["key"] == 1 else 202
    await add(domain_storage, "a", *range(3))
    async with receiver.listening(), relaying(domain_storage, receiver.url) as relay:
        await until_none_waits(relay, domain_storage)
        (dead,) = await rows(domain_storage, "dead")
        assert (dead.attempts, dead.reason) == (3, "HTTP 422: told")
        assert keys(receiver.got, "a") == [0, 2]
        receiver.decide = lambda _event: 202
        assert await desk.redeliver_dead(TENANT) == 1
        with pytest.raises(ConflictError):
            await desk.redeliver(TENANT, dead.id)
        await until_none_waits(relay, domain_storage)
        await desk.redeliver(TENANT, dead.id)
        await until_none_waits(relay, domain_storage)
        with pytest.raises(NotFoundError):
            await desk.redeliver(TENANT, type(dead.id)(NOBODY))
        with pytest.raises(NotFoundError):
            await desk.redeliver("another", dead.id)
    assert keys(receiver.got, "a") == [0, 2, 1, 1]


async def test_a_relay_that_dies_leaves_its_events_to_another(
    domain_storage: DomainStorage,
) -> None:
    """Two at work deliver each event once; one that hangs loses its claim."""
    receiver = Receiver()
    for number in range(10):
        await add(domain_storage, f"s{number}", *range(4))
    async with (
        receiver.listening(),
        relaying(domain_storage, receiver.url) as one,
        relaying(domain_storage, receiver.url) as two,
    ):
        await asyncio.gather(*(until_none_waits(relay, domain_storage) for relay in (one, two)))
        for number in range(10):
            assert keys(receiver.got, f"s{number}") == [0, 1, 2, 3]
        await add(domain_storage, "late", 0)
        token = uuid4()
        async with domain_storage.transaction() as connection:
            claim = OutgoingQueue(connection).claim
            (held,) = await claim(token, lease=timedelta(seconds=0.3), at_most=20)
        await one.deliver_due()
        assert keys(receiver.got, "late") == []
        await until_none_waits(one, domain_storage)
        assert keys(receiver.got, "late") == [0]
        async with domain_storage.unit_of_work(TENANT) as work:
            assert not await work.outgoing.end(held, token, state="dead", reason="too late")


async def test_keys_belong_to_tenants(domain_storage: DomainStorage) -> None:
    """An event is never sent with another tenant's key; without one it waits."""
    receiver = Receiver()
    for tenant in (TENANT, "other", "third"):
        await add(domain_storage, tenant, 0, tenant=tenant)
    by_tenant = '{"default": "one", "other": "two"}'
    async with (
        receiver.listening(),
        relaying(domain_storage, receiver.url, TEMPORAL_WORKER_EVENTS_KEYS=by_tenant) as relay,
    ):
        await relay.deliver_due()
    sent = {event["tenant"]: key for event, key in receiver.asked}
    assert sent == {TENANT: "bearer one", "other": "bearer two"}
    with pytest.raises(SettingsError) as fault:
        load(OutgoingSettings, {"TEMPORAL_WORKER_EVENTS_KEYS": '"a-secret'})
    assert "a-secret" not in str(fault.value)


async def test_a_restart_of_postgresql_is_survived(tmp_path: Path) -> None:
    """What was committed is delivered when it is back."""
    receiver = Receiver()
    folder = tmp_path
    server = await PostgresServer.start(folder / "pg", log_file=folder / "log", durable=False)
    try:
        await server.create_database("alga")
        url = server.url("alga")
        database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
        storage = DomainStorage(database)
        await SCHEMA.migrate(database)
        await add(storage, "a", *range(3))
        async with receiver.listening(), relaying(storage, receiver.url) as relay:
            await server.stop()
            with pytest.raises(UnavailableError):
                await relay.deliver_due()
            server = await PostgresServer.start(
                folder / "pg", log_file=folder / "log", durable=False
            )
            await until_none_waits(relay, storage)
        assert keys(receiver.got, "a") == [0, 1, 2]
        await database.close()
    finally:
        await server.stop()


async def test_delivered_events_are_kept_for_a_while(domain_storage: DomainStorage) -> None:
    """And not for ever; what waits is never forgotten."""
    receiver = Receiver()
    await add(domain_storage, "a", 0)
    async with receiver.listening(), relaying(domain_storage, receiver.url) as relay:
        await until_none_waits(relay, domain_storage)
        await add(domain_storage, "a", 1)
        await relay.forget_old()
        assert len(await rows(domain_storage)) == 2
        async with domain_storage.database.engine.begin() as connection:
            await connection.exec_driver_sql(
                "UPDATE alga_domain.outgoing_events SET ended_at = ended_at - interval '31 days',"
                " created_at = created_at - interval '31 days'"
            )
        await relay.forget_old()
    assert [row.state for row in await rows(domain_storage)] == ["pending"]
