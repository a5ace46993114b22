"""The inbox of authored runs takes the events of SLA clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import httpx
from prometheus_client import CollectorRegistry
from temporalio.client import Client

from alga_temporal_domain.outgoing.metrics import OutgoingMetrics
from alga_temporal_domain.outgoing.relay import Relay
from alga_temporal_domain.outgoing.settings import OutgoingSettings
from alga_temporal_domain.sla.contracts import Fact, FactKind
from alga_temporal_domain.sla.machine import advance, start
from alga_temporal_domain.sla.rows import item_row, write_facts
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.auth import generate_key, hash_key
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.storage.unit_of_work import Storage
from tests.api.service import serving
from tests.domain.sla.items import HOUR, MONDAY, TENANT, escalating, new_item, spec


async def test_the_inbox_takes_every_event_of_a_clock_and_each_once(
    domain_storage: DomainStorage,
    domain_settings: DatabaseSettings,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> None:
    """With a key of a real workflow-worker; a redelivered one is known there."""
    new = new_item(spec(target=HOUR, escalations=escalating((90, 2))))
    begun = start(new, "test")
    after = advance(begun.state, MONDAY + 2 * HOUR)
    facts = [*begun.facts, *after.facts, *_others(after.state.sequence)]
    async with domain_storage.unit_of_work(TENANT) as work:
        await work.sla.add(item_row(after.state, None))
        await write_facts(work, after.state, facts)

    key = generate_key()
    async with Storage(domain_storage.database).unit_of_work(TENANT) as work:
        await work.api_keys.add(uuid4(), name="sla", role="operator", key_hash=hash_key(key))
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=temporal_client.namespace
    )
    url = domain_settings.url.get_secret_value()
    async with (
        serving(url, temporal, temporal_telemetry) as worker,
        httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {key}"}) as http,
    ):
        settings = load(
            OutgoingSettings,
            {
                "TEMPORAL_WORKER_EVENTS_URL": f"{worker}/api/v1/events",
                "TEMPORAL_WORKER_EVENTS_KEY": key,
            },
        )
        metrics = OutgoingMetrics(CollectorRegistry())
        relay = Relay(storage=domain_storage, settings=settings, http=http, metrics=metrics)
        await relay.deliver_due()
        async with domain_storage.unit_of_work(TENANT) as work:
            sent = await work.outgoing.page(None, None, 100)
            assert {(row.state, row.reason) for row in sent} == {("delivered", None)}
            assert await work.outgoing.again(sent[0].id) == 1
        await relay.deliver_due()
        answer = await http.get(f"{worker}/api/v1/events?limit=100")
    got = answer.json()["items"]
    assert len(got) == len(sent) == len(facts)
    assert {(each["type"], each["correlationKey"]) for each in got} == {
        (f"sla.{fact.kind}", new.item) for fact in facts
    }


def _others(sequence: int) -> list[Fact]:
    """One of each other kind that is told."""
    kinds = [
        FactKind.PAUSED,
        FactKind.RESUMED,
        FactKind.RETARGETED,
        FactKind.CALENDAR_CHANGED,
        FactKind.COMPLETED,
        FactKind.CANCELLED,
        FactKind.CLOSED,
    ]
    now = datetime.now(UTC)
    return [
        Fact(seq=sequence + number, kind=kind, at=now, clock="response")
        for number, kind in enumerate(kinds, 1)
    ]
