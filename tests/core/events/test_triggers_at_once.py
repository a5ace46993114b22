"""Definitions are paused, resumed and archived while events for them are accepted and delivered."""

from __future__ import annotations

import pytest_asyncio

from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import DefinitionState, DeliveryState
from tests.core.events.inboxes import TENANT, Inboxes
from tests.core.events.stepping import blocked, stopped
from tests.core.events.triggers import Triggered

CLOSED = "UPDATE workflow_event_deliveries"
"""In the statement by which a delivery ends, or is held."""


@pytest_asyncio.fixture
async def triggered(storage: Storage) -> Triggered:
    """A published one."""
    made = Triggered(storage)
    await made.publish()
    return made


async def test_paused_while_an_event_is_accepted(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """The event was first; whoever delivers it finds the definition paused, and holds it until it
    is resumed."""
    event = await inboxes.stage()
    accepting = await stopped(inboxes.accept(event))
    pausing = await blocked(storage, triggered.pause())
    await accepting
    await pausing
    delivery = await triggered.claimed(event)
    await triggered.deliver(delivery)
    assert (await triggered.delivery(event)).state is DeliveryState.HELD
    await triggered.resume()
    assert (await triggered.delivery(event)).state is DeliveryState.PENDING


async def test_accepted_while_the_definition_is_paused(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """The pause was first: the event is held."""
    event = await inboxes.stage()
    pausing = await stopped(triggered.pause())
    accepting = await blocked(storage, inboxes.accept(event))
    await pausing
    await accepting
    assert (await triggered.delivery(event)).state is DeliveryState.HELD


async def test_resumed_while_an_event_is_accepted(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """The event was first, and was held: the resumption lets it go."""
    await triggered.pause()
    event = await inboxes.stage()
    accepting = await stopped(inboxes.accept(event))
    resuming = await blocked(storage, triggered.resume())
    await accepting
    await resuming
    assert (await triggered.delivery(event)).state is DeliveryState.PENDING


async def test_accepted_while_the_definition_is_resumed(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """The resumption was first: nothing is held that nobody would let go."""
    await triggered.pause()
    event = await inboxes.stage()
    resuming = await stopped(triggered.resume())
    accepting = await blocked(storage, inboxes.accept(event))
    await resuming
    await accepting
    assert (await triggered.delivery(event)).state is DeliveryState.PENDING


async def test_resumed_while_a_delivery_is_held(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """The resumption waits for whoever found the definition paused, and lets go what that one has
    held."""
    event = await inboxes.accepted()
    delivery = await triggered.claimed(event)
    await triggered.pause()
    delivering = await stopped(triggered.deliver(delivery), CLOSED)
    resuming = await blocked(storage, triggered.resume())
    await delivering
    await resuming
    assert (await triggered.delivery(event)).state is DeliveryState.PENDING
    assert await triggered.runs() == []


async def test_archived_while_an_event_is_accepted(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """Nothing stays held for a definition that starts nothing any more."""
    await triggered.pause()
    event = await inboxes.stage()
    accepting = await stopped(inboxes.accept(event))
    archiving = await blocked(storage, triggered.lifecycle.archive(TENANT, triggered.id, by="test"))
    await accepting
    assert (await archiving).state is DefinitionState.ARCHIVED
    assert (await triggered.delivery(event)).state is DeliveryState.GONE


async def test_delivered_again_while_the_first_delivery_is_at_work(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """Whose lease was over before it had ended: there is one run, and one end of the delivery."""
    event = await inboxes.accepted()
    claims = [await triggered.claimed(event) for _ in range(2)]
    slow = await stopped(triggered.deliver(claims[0]), CLOSED)
    again = await blocked(storage, triggered.deliver(claims[1]))
    await slow
    await again
    (run,) = await triggered.runs()
    delivery = await triggered.delivery(event)
    assert (delivery.state, delivery.run_id) == (DeliveryState.DELIVERED, run.id)


async def test_delivered_again_after_the_first_delivery_has_died(
    storage: Storage, inboxes: Inboxes, triggered: Triggered
) -> None:
    """In the middle of its transaction, when the second one was waiting for it: that starts the
    run."""
    event = await inboxes.accepted()
    claims = [await triggered.claimed(event) for _ in range(2)]
    slow = await stopped(triggered.deliver(claims[0]), CLOSED)
    again = await blocked(storage, triggered.deliver(claims[1]))
    slow.task.cancel()
    await again
    (run,) = await triggered.runs()
    delivery = await triggered.delivery(event)
    assert (delivery.state, delivery.run_id) == (DeliveryState.DELIVERED, run.id)
