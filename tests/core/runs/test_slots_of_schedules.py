"""Runs of a schedule get on with each other as it says, with others as their definition says."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import pytest

from alga_workflows_core.errors import NoSlotError
from alga_workflows_core.runs.admission import OfSchedule
from alga_workflows_core.runs.blocked_slot import BlockedOnSlot, blocked_on_slot
from alga_workflows_core.runs.slots import SlotKeeper
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.slots import SlotKind
from alga_workflows_core.types.states import RunStatus, SlotState
from tests.core.runs.limited import TENANT, World, limited


def of(schedule: str, overlap: Literal["allow", "queue", "cancelOldest"] = "queue") -> OfSchedule:
    return OfSchedule(id=schedule, overlap=overlap)


def unlimited(identity: str) -> dict[str, Any]:
    document = limited(identity, limit=1)
    del document["concurrency"]
    return document


async def blocked(world: World, run: RunRow) -> BlockedOnSlot:
    async with world.storage.unit_of_work(TENANT) as work:
        found = await blocked_on_slot(work, run.id)
    assert found is not None
    return found


async def begun(world: World) -> list[UUID]:
    return [run.id for run in await world.begin()]


async def test_runs_of_a_schedule_queue(world: World) -> None:
    """One begins when the one before it has ended, whatever else runs of the definition; a run says
    that its schedule keeps it."""
    await world.publish(unlimited("free"))
    runs = [await world.launch("free", schedule=of("nightly")) for _ in range(3)]
    other = await world.launch("free", schedule=of("hourly"))
    by_hand = await world.launch("free")
    (first, *others) = await world.begin()
    assert first.id == runs[0].id
    assert {run.id for run in others} == {other.id, by_hand.id}
    found = await blocked(world, runs[2])
    assert (found.of, found.id, found.position) == (SlotKind.SCHEDULE, "nightly", 2)
    assert found.holders == [first.id]
    await world.finish(first)
    (second,) = await world.begin()
    assert second.id == runs[1].id
    await world.close(second, RunStatus.FAILED)
    assert await begun(world) == [runs[2].id]


async def test_those_that_were_let_run_together_count(world: World) -> None:
    """Once its schedule says `queue`, the next one waits for all of them."""
    await world.publish(unlimited("free"))
    for _ in range(2):
        await world.launch("free", schedule=of("beat", "allow"))
    together = await world.begin()
    assert len(together) == 2
    later = await world.launch("free", schedule=of("beat"))
    for run in together:
        assert await begun(world) == []
        await world.finish(run)
    assert await begun(world) == [later.id]


async def test_the_newest_of_a_schedule_takes_the_place_of_the_others(world: World) -> None:
    """The one that runs is asked to cancel; those that have not begun never do, but the last."""
    await world.publish(unlimited("free"))
    runs = [await world.launch("free", schedule=of("latest", "cancelOldest")) for _ in range(4)]
    assert await world.asked_to_cancel() == {run.id for run in runs[:3]}
    (first,) = await world.begin()
    assert first.id == runs[0].id
    await world.close(first)
    assert await begun(world) == [runs[3].id]
    await world.leave()
    for run in runs[1:3]:
        assert (await world.row(run.id)).status is RunStatus.CANCELED
    assert await world.states() == {runs[3].id: "HELD"}


async def test_a_run_may_need_two_slots(world: World) -> None:
    """First that of its schedule, then one of its definition's key, behind those that came there
    before; it gives both back."""
    await world.publish(limited("one", limit=1))
    by_hand = await world.launch("one")
    first = await world.launch("one", schedule=of("nightly"))
    second = await world.launch("one", schedule=of("nightly"))
    third = await world.launch("one")
    found = await blocked(world, first)
    assert (found.of, found.id, found.position) == (SlotKind.DEFINITION, "one", 1)
    assert (await blocked(world, second)).of is SlotKind.SCHEDULE
    assert [slot.state for slot in await world.slots(second.id)] == [
        SlotState.WAITING,
        SlotState.LATER,
    ]
    for run in (by_hand, first, third, second):
        (there,) = await world.begin()
        assert there.id == run.id
        await world.finish(there)
    assert await world.states() == {}


async def test_a_run_that_leaves_gives_back_what_it_has(world: World) -> None:
    """Its schedule's slot while it waits for that of its definition, and its turns."""
    await world.publish(limited("one", limit=1))
    await world.launch("one")
    (by_hand,) = await world.begin()
    runs = [await world.launch("one", schedule=of("nightly")) for _ in range(3)]
    assert await world.close(runs[1])
    assert await world.close(runs[0])
    assert (await blocked(world, runs[2])).of is SlotKind.DEFINITION
    await world.finish(by_hand)
    assert await begun(world) == [runs[2].id]


async def test_what_its_schedule_has_queued_is_not_rejected_later(world: World) -> None:
    """A definition rejects an occurrence when it comes, not when it has waited for its turn."""
    await world.publish(limited("strict", limit=1, onLimit="reject"))
    await world.launch("strict", schedule=of("nightly"))
    (first,) = await world.begin()
    queued = await world.launch("strict", schedule=of("nightly"))
    with pytest.raises(NoSlotError):
        await world.launch("strict", schedule=of("hourly"))
    await world.finish(first)
    assert await begun(world) == [queued.id]
    assert await world.slots(queued.id) != []


async def test_forgotten_slots_of_schedules_are_mended(world: World) -> None:
    """The run behind one that is gone begins."""
    await world.publish(limited("one", limit=1))
    first, second = [await world.launch("one", schedule=of("nightly")) for _ in range(2)]
    assert await begun(world) == [first.id]
    await world.execute("DELETE FROM workflow_runs WHERE id = :id", id=first.id)
    await SlotKeeper(world.storage).mend()
    assert await begun(world) == [second.id]
    assert set(await world.states()) == {second.id}
    assert await world.storage.across.forgotten_slots(10) == []
