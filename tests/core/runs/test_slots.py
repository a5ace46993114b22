"""As many runs of a key are there as the definition allows, the others begin in order."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.errors import InputError, NoSlotError
from alga_workflows_core.runs.admission import MAX_KEY_BYTES
from alga_workflows_core.runs.slots import SlotKeeper
from alga_workflows_core.types.states import RunStatus
from tests.core.runs.limited import World, limited


async def test_runs_of_a_key_begin_in_order(world: World) -> None:
    """Two at a time; whoever comes later waits, and each end lets in the next one."""
    await world.publish(limited("two", limit=2))
    runs = [await world.launch("two") for _ in range(5)]
    first = await world.begin()
    assert [run.id for run in first] == [run.id for run in runs[:2]]
    assert await world.begin() == []
    await world.finish(first[1])
    assert [run.id for run in await world.begin()] == [runs[2].id]
    await world.close(first[0], RunStatus.FAILED)
    assert [run.id for run in await world.begin()] == [runs[3].id]
    assert await world.states() == {
        runs[2].id: "HELD",
        runs[3].id: "HELD",
        runs[4].id: "WAITING",
    }


async def test_keys_are_counted_apart(world: World) -> None:
    """By what the key gives, whatever it is; null is one of them, and each tenant has its own."""
    await world.publish(limited("one", limit=1))
    keys: list[Any] = ["a", "b", 1, None, {"a": [1]}]
    runs = [await world.launch("one", key) for key in keys]
    assert {run.id for run in await world.begin()} == {run.id for run in runs}
    again = [await world.launch("one", key) for key in keys]
    assert await world.begin() == []
    await world.publish(limited("other", limit=1))
    other = await world.launch("other", "a")
    assert [run.id for run in await world.begin()] == [other.id]
    assert all(run.status is RunStatus.QUEUED for run in again)


async def test_without_a_key_all_runs_are_counted_together(world: World) -> None:
    """Whatever their payload is."""
    document = limited("all", limit=1)
    del document["concurrency"]["key"]
    await world.publish(document)
    first, _second = [await world.launch("all", key) for key in ("a", "b")]
    assert [run.id for run in await world.begin()] == [first.id]


async def test_a_run_that_is_ended_while_it_waits_leaves_the_queue(world: World) -> None:
    """It never begins, and the one behind it is next."""
    await world.publish(limited("one", limit=1))
    runs = [await world.launch("one") for _ in range(3)]
    (running,) = await world.begin()
    assert await world.close(runs[1])
    await world.finish(running)
    assert [run.id for run in await world.begin()] == [runs[2].id]
    assert (await world.row(runs[1].id)).status is RunStatus.CANCELED


async def test_launching_again_takes_no_second_slot(world: World) -> None:
    """The same key of a request is the same run, holding, waiting or over."""
    await world.publish(limited("one", limit=1))
    first = await world.launch("one", name="x")
    second = await world.launch("one", name="y")
    for _ in range(2):
        assert (await world.launch("one", name="x")).id == first.id
        assert (await world.launch("one", name="y")).id == second.id
    assert len(await world.states()) == 2
    (running,) = await world.begin()
    await world.finish(running)
    await world.launch("one", name="x")
    assert [run.id for run in await world.begin()] == [second.id]


async def test_one_too_many_is_rejected(world: World) -> None:
    """Nothing is written of it; when there is room again, the same request starts it."""
    await world.publish(limited("strict", limit=1, onLimit="reject"))
    await world.launch("strict")
    with pytest.raises(NoSlotError) as refused:
        await world.launch("strict", name="again")
    assert refused.value.error_code == "CONCURRENCY_LIMIT"
    assert refused.value.details == {"limit": 1, "key": '"a"'}
    (running,) = await world.begin()
    await world.finish(running)
    assert await world.states() == {}
    started = await world.launch("strict", name="again")
    assert [run.id for run in await world.begin()] == [started.id]


async def test_the_oldest_makes_room(world: World) -> None:
    """It is asked to cancel; the new one begins when it has ended. Of those that wait for that,
    only as many remain as there are slots."""
    await world.publish(limited("latest", limit=2, onLimit="cancelOldest"))
    runs = [await world.launch("latest") for _ in range(2)]
    first, second = await world.begin()
    third = await world.launch("latest")
    assert await world.asked_to_cancel() == {first.id}
    assert await world.begin() == []
    fourth = await world.launch("latest")
    assert await world.asked_to_cancel() == {first.id, second.id}
    # Both holders are leaving already: the oldest that waits for their places gives way.
    fifth = await world.launch("latest")
    assert await world.asked_to_cancel() == {*(run.id for run in runs), third.id}
    await world.close(second)
    assert [run.id for run in await world.begin()] == [fourth.id]
    await world.close(first)
    assert [run.id for run in await world.begin()] == [fifth.id]
    await world.leave()
    assert (await world.row(third.id)).status is RunStatus.CANCELED
    assert set(await world.states()) == {fourth.id, fifth.id}


async def test_the_newest_goes_before_those_that_queue(world: World) -> None:
    """Runs of a former version that queues are not cancelled, but come later."""
    await world.publish(limited("changed", limit=1))
    holder, queued = [await world.launch("changed") for _ in range(2)]
    (running,) = await world.begin()
    await world.publish(limited("changed", limit=1, onLimit="cancelOldest"))
    newest = await world.launch("changed")
    assert await world.asked_to_cancel() == {holder.id}
    await world.close(running)
    (first,) = await world.begin()
    assert first.id == newest.id
    await world.finish(first)
    assert [run.id for run in await world.begin()] == [queued.id]


async def test_the_limit_of_the_run_that_is_admitted_counts(world: World) -> None:
    """A raised limit is that of the new runs; they do not overtake those that came before."""
    await world.publish(limited("raised", limit=1))
    runs = [await world.launch("raised") for _ in range(2)]
    await world.publish(limited("raised", limit=3))
    later = [await world.launch("raised") for _ in range(3)]
    (running,) = await world.begin()
    assert running.id == runs[0].id
    await world.finish(running)
    begun = await world.begin()
    assert [run.id for run in begun] == [runs[1].id, later[0].id, later[1].id]


async def test_children_share_the_slot_of_those_that_wait_for_them(world: World) -> None:
    """Also across a definition without a limit; the slot is free when the last of them has ended. A
    child that nobody waits for, or of another key, needs one of its own."""
    await world.publish(limited("self", limit=1))
    free = limited("free", limit=1)
    del free["concurrency"]
    await world.publish(free)
    await world.launch("self")
    (root,) = await world.begin()
    between = await world.launch("free", under=root)
    child = await world.launch("self", under=between)
    begun = await world.begin()
    assert [run.id for run in begun] == [between.id, child.id]
    detached = await world.launch("self", under=root, waits=False)
    elsewhere = await world.launch("self", "b", under=root)
    assert [run.id for run in await world.begin()] == [elsewhere.id]
    # The root ends before its child does: the slot is still taken.
    await world.close(root, RunStatus.FAILED)
    assert await world.begin() == []
    await world.finish(begun[1])
    assert [run.id for run in await world.begin()] == [detached.id]


async def test_a_whole_family_counts_as_one(world: World) -> None:
    """However deep runs of the same key wait for each other."""
    await world.publish(limited("deep", limit=2))
    await world.launch("deep")
    (root,) = await world.begin()
    child = await world.launch("deep", under=root)
    grandchild = await world.launch("deep", under=child)
    other = await world.launch("deep")
    another = await world.launch("deep")
    begun = await world.begin()
    assert [run.id for run in begun] == [child.id, grandchild.id, other.id]
    for run in (root, begun[0]):
        await world.finish(run)
        assert await world.begin() == []
    await world.finish(begun[1])
    assert [run.id for run in await world.begin()] == [another.id]


async def test_a_key_that_cannot_be_had_starts_no_run(world: World) -> None:
    """An error of the expression, and a key that is too long, are the payload's fault."""
    document = limited("picky", limit=1)
    document["concurrency"]["key"] = {"$expr": "$number(payload.key)"}
    await world.publish(document)
    with pytest.raises(InputError) as refused:
        await world.launch("picky", "x")
    assert refused.value.error_code == "CONCURRENCY_KEY_INVALID"
    assert "concurrency key of 'picky'" in refused.value.message
    await world.publish(limited("long", limit=1))
    with pytest.raises(InputError, match=f"{MAX_KEY_BYTES} is the limit"):
        await world.launch("long", "x" * MAX_KEY_BYTES)
    assert await world.begin() == []


async def test_what_was_forgotten_is_mended(world: World) -> None:
    """Slots of runs that are gone or over, and a queue that nobody has told that there is room."""
    await world.publish(limited("one", limit=1))
    keeper = SlotKeeper(world.storage)
    runs = [await world.launch("one") for _ in range(4)]
    await keeper.mend()
    assert [run.id for run in await world.begin()] == [runs[0].id]
    await world.execute("DELETE FROM workflow_runs WHERE id = :id", id=runs[0].id)
    await world.execute("DELETE FROM workflow_runs WHERE id = :id", id=runs[1].id)
    await keeper.mend()
    assert [run.id for run in await world.begin()] == [runs[2].id]
    await world.execute("UPDATE workflow_runs SET status = 'FAILED' WHERE id = :id", id=runs[2].id)
    await world.execute("DELETE FROM alga_run_slots WHERE run_id = :id", id=runs[2].id)
    await keeper.mend()
    assert [run.id for run in await world.begin()] == [runs[3].id]
    assert set(await world.states()) == {runs[3].id}
    assert await world.storage.across.forgotten_slots(10) == []
