"""Deliveries are tried each on its own, and closed when they took effect or never can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from temporalio.client import Client

from alga_workflows_core.runs import deliverer
from alga_workflows_core.runs.deliverer import MOST_ATTEMPTS, Deliverer
from alga_workflows_core.storage.deliveries import Delivery, DeliveryRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import DeliveryState
from tests.core.events.inboxes import TENANT, Inboxes
from tests.core.events.triggers import Triggered


async def all_due(storage: Storage, **changes: int) -> None:
    """Nobody has to wait for what is to be tried again."""
    settings = ["next_at = clock_timestamp()", *(f"{name} = :{name}" for name in changes)]
    statement = (
        f"UPDATE workflow_event_deliveries SET {', '.join(settings)} WHERE state = 'PENDING'"  # noqa: S608 - our own names
    )
    async with storage.database.engine.begin() as connection:
        await connection.execute(text(statement), changes)


async def of_event(storage: Storage, event: UUID) -> Sequence[DeliveryRow]:
    async with storage.unit_of_work(TENANT) as work:
        return await work.deliveries.of_event(event)


async def delayed(storage: Storage, row: DeliveryRow) -> float:
    """After how many seconds from now a delivery is tried again."""
    statement = text(
        "SELECT extract(epoch FROM next_at - clock_timestamp())::float8"
        " FROM workflow_event_deliveries WHERE id = :id"
    )
    async with storage.database.connect() as connection:
        return await connection.scalar(statement, {"id": row.id}) or 0.0


@dataclass
class Starting:
    """Delivers to all definitions but to `broken`."""

    storage: Storage
    broken: str
    tried: list[str] = field(default_factory=list[str])

    async def deliver(self, tenant: str, delivery: Delivery) -> None:
        self.tried.append(delivery.definition_id or "")
        if delivery.definition_id == self.broken:
            raise RuntimeError("It is broken.")
        async with self.storage.unit_of_work(tenant) as work:
            await work.deliveries.close(delivery.id, DeliveryState.DELIVERED, None)


async def test_what_fails_is_tried_again_later_and_later_and_then_is_dead(
    inboxes: Inboxes, temporal_client: Client
) -> None:
    """With the reason; the other target of the same event has been told at once."""
    storage = inboxes.storage
    for identity in ("sound", "broken"):
        await Triggered(storage, identity).publish()
    event = await inboxes.accepted()
    starting = Starting(storage, "broken")
    delivering = Deliverer(storage=storage, client=temporal_client, elsewhere={"trigger": starting})
    delays: list[float] = []
    for attempt in (1, 2, 3):
        await delivering.deliver_due()
        broken, sound = sorted(
            await of_event(storage, event), key=lambda row: row.definition_id or ""
        )
        assert (sound.state, broken.state) == (DeliveryState.DELIVERED, DeliveryState.PENDING)
        assert (broken.attempts, broken.last_error) == (attempt, "RuntimeError")
        delays.append(await delayed(storage, broken))
        await delivering.deliver_due()
        await all_due(storage)
    assert starting.tried.count("broken") == 3
    assert [round(delay / 2) * 2 for delay in delays] == [2, 4, 8]
    await all_due(storage, attempts=MOST_ATTEMPTS - 1)
    await delivering.deliver_due()
    (dead,) = [row for row in await of_event(storage, event) if row.definition_id == "broken"]
    assert dead.state is DeliveryState.DEAD
    assert dead.error is not None
    assert dead.error["code"] == "DELIVERY_FAILED"


async def test_a_run_that_is_not_there_any_more_is_told_nothing(
    inboxes: Inboxes, temporal_client: Client
) -> None:
    """Its delivery is gone, after one attempt."""
    run = await inboxes.run()
    await inboxes.opened(run)
    event = await inboxes.accepted()
    await Deliverer(storage=inboxes.storage, client=temporal_client).deliver_due()
    (row,) = await of_event(inboxes.storage, event)
    assert (row.state, row.attempts) == (DeliveryState.GONE, 1)


async def test_that_temporal_does_not_answer_does_not_count(
    inboxes: Inboxes, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is: such a delivery is not given up, and tried again soon."""
    monkeypatch.setattr(deliverer, "RPC_TIMEOUT", timedelta(microseconds=1))
    run = await inboxes.run()
    await inboxes.opened(run)
    event = await inboxes.accepted()
    await all_due(inboxes.storage, attempts=MOST_ATTEMPTS)
    await Deliverer(storage=inboxes.storage, client=temporal_client).deliver_due()
    (row,) = await of_event(inboxes.storage, event)
    assert (row.state, row.attempts) == (DeliveryState.PENDING, MOST_ATTEMPTS)
    assert row.last_error
    assert await delayed(inboxes.storage, row) < 2


async def test_what_one_has_claimed_no_other_one_gets_until_its_lease_ends(
    inboxes: Inboxes,
) -> None:
    """By the clock of the database; whoever comes then takes it over, and that is an attempt."""
    run = await inboxes.run()
    await inboxes.opened(run)
    event = await inboxes.accepted()
    claim = inboxes.storage.across.claim_deliveries
    (row,) = await of_event(inboxes.storage, event)
    assert await claim(10, timedelta(minutes=1)) == [(TENANT, row.id)]
    assert await claim(10, timedelta(minutes=1)) == []
    await all_due(inboxes.storage)
    assert await claim(10, timedelta(minutes=1)) == [(TENANT, row.id)]
    (row,) = await of_event(inboxes.storage, event)
    assert row.attempts == 2
