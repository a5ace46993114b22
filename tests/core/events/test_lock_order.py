"""Nobody who holds a lock waits for somebody who waits for it."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from alga_workflows_core.interpreter.facts import WaitClosed
from alga_workflows_core.storage.slots import SlotKey
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.wire import (
    Batch,
    ClosedWait,
    FlushRequest,
    OpenedWait,
    RunIdentity,
)
from alga_workflows_core.types.states import RunStatus, WaitStatus
from tests.core.events.inboxes import NAME, NOW, TENANT, Inboxes, activities, match
from tests.core.events.stepping import blocked, stopped


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_run_ends_several_waits_while_an_event_is_accepted_for_all(
    storage: Storage, database_url: str, inboxes: Inboxes, order: tuple[int, ...]
) -> None:
    """Whatever the order in which its facts name them: who comes later waits, and both end."""
    run, other = await inboxes.run(), await inboxes.run()
    opened = [await inboxes.opened(run) for _ in range(3)]
    waits = sorted(opened, key=lambda wait: wait.id)
    event, unrelated = await inboxes.stage(), await inboxes.opened(other, match("b"))
    flush = _ends(run, [waits[index] for index in order])
    async with storage.unit_of_work(TENANT) as work:
        # So that the acceptance stands in the middle, with some of the waits and not the others.
        assert await work.waits.get(waits[1].id, lock=True) is not None
        accepting = await blocked(storage, inboxes.accept(event))
        flushing = await blocked(storage, activities(storage, database_url).flush(flush))
    async with asyncio.timeout(10):
        await accepting
        await flushing
    ends = [await inboxes.end(wait) for wait in waits]
    assert ends[waits.index(opened[0])] == (WaitStatus.RESOLVED, event)
    assert ends.count((WaitStatus.TIMED_OUT, None)) == 2
    assert await inboxes.end(unrelated) == (WaitStatus.WAITING, None)


async def test_many_keys_are_locked_in_one_order(storage: Storage, inboxes: Inboxes) -> None:
    """Waits for many keys, and events of many, in whatever order they name them, do not wait for
    each other for ever."""
    keys = [str(number) for number in range(12)]
    runs = [await inboxes.run() for _ in range(8)]
    events = [await inboxes.stage(key) for key in keys]
    async with asyncio.timeout(30):
        await asyncio.gather(
            *(
                inboxes.open(run, inboxes.wait(run, *map(match, keys[turn:] + keys[:turn])))
                for turn, run in enumerate(runs)
            ),
            *(inboxes.accept(*events[turn::3]) for turn in range(3)),
        )


async def test_slots_and_events_of_the_same_name_have_nothing_to_do_with_each_other(
    storage: Storage, inboxes: Inboxes
) -> None:
    """A definition may be named like an event, and a slot's key like a correlation key."""
    accepting = await stopped(inboxes.accept(await inboxes.stage("1")))
    async with asyncio.timeout(10), storage.unit_of_work(TENANT) as work:
        await work.slots.lock(SlotKey(owner=NAME, key="1"))
    await accepting


def _ends(run: RunIdentity, waits: list[OpenedWait]) -> FlushRequest:
    """The flush in which a run tells of the end of some waits, and ends the last one."""
    *told, last = waits
    facts = [
        WaitClosed(seq=seq, at=NOW, path=wait.path, key=wait.key, outcome="TIMED_OUT")
        for seq, wait in enumerate(told, start=1)
    ]
    return FlushRequest(
        run=run,
        temporal_run_id="execution",
        batch=Batch(seq=9, status=RunStatus.RUNNING, facts=[*facts]),
        closes=ClosedWait(id=last.id, closing="timed_out", at=NOW),
    )
