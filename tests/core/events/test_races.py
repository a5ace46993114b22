"""Two transactions at once, stopped by hand where it hurts most."""

from __future__ import annotations

from typing import get_args

import pytest

from alga_workflows_core.errors import ConflictError
from alga_workflows_core.interpreter.waits import Closing
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.runs.waits import Closed
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import WaitStatus
from tests.core.events.inboxes import TENANT, Inboxes, match
from tests.core.events.stepping import blocked, stopped

LOOKED = "FROM workflow_run_waits"
"""In the statement by which an acceptance finds, and locks, open waits."""
LOOKED_BACK = "event_refusals"
"""In the statement by which a wait that opens looks for events."""

KEYS = pytest.mark.parametrize("key", ["a", None], ids=["keyed", "keyless"])
CLOSINGS = pytest.mark.parametrize("closing", get_args(Closing))


@KEYS
async def test_an_event_is_accepted_while_a_wait_for_it_opens(
    storage: Storage, inboxes: Inboxes, key: str | None
) -> None:
    """The acceptance waits until the wait is there, and meets it; the run is told by a delivery."""
    run, event = await inboxes.run(), await inboxes.stage()
    wait = inboxes.wait(run, match(key))
    opening = await stopped(inboxes.open(run, wait))
    accepting = await blocked(storage, inboxes.accept(event))
    assert await opening is None
    await accepting
    assert await inboxes.end(wait) == (WaitStatus.RESOLVED, event)
    assert await inboxes.deliveries(wait) == 1


@KEYS
@pytest.mark.parametrize("at", [LOOKED, "COMMIT"])
async def test_a_wait_opens_while_an_event_for_it_is_accepted(
    storage: Storage, inboxes: Inboxes, key: str | None, at: str
) -> None:
    """It opens when the event is there, and looks back to it: that is what its run is told."""
    run, event = await inboxes.run(), await inboxes.stage()
    wait = inboxes.wait(run, match(key))
    accepting = await stopped(inboxes.accept(event), at)
    opening = await blocked(storage, inboxes.open(run, wait))
    await accepting
    told = await opening
    row = await inboxes.row(wait)
    assert (row.status, row.event_id, row.resolution) == (WaitStatus.RESOLVED, event, told)
    assert await inboxes.deliveries(wait) == 0


async def test_two_events_at_once_for_two_waits_of_a_run(
    storage: Storage, inboxes: Inboxes
) -> None:
    """Each wait gets one: the event that was first the older wait, the other one the other."""
    run = await inboxes.run()
    older, newer = await inboxes.opened(run), await inboxes.opened(run)
    first, second = await inboxes.stage(), await inboxes.stage()
    one = await stopped(inboxes.accept(first), LOOKED)
    other = await blocked(storage, inboxes.accept(second))
    await one
    await other
    assert await inboxes.end(older) == (WaitStatus.RESOLVED, first)
    assert await inboxes.end(newer) == (WaitStatus.RESOLVED, second)


async def test_waits_of_a_run_that_open_in_one_instant(inboxes: Inboxes) -> None:
    """Branches often do. An event goes to the one that opened first, as in the simulator; when its
    opening is repeated, it does not get behind the other one."""
    for _ in range(8):
        run = await inboxes.run()
        first, second = await inboxes.opened(run), await inboxes.opened(run)
        assert first.at == second.at
        assert await inboxes.open(run, first) is None
        event = await inboxes.accepted()
        assert await inboxes.end(first) == (WaitStatus.RESOLVED, event)
        assert await inboxes.end(second) == (WaitStatus.WAITING, None)


@pytest.mark.parametrize("keys", [("a", None), (None, "a"), ("a", "a")])
async def test_two_waits_of_a_run_open_at_once_over_one_old_event(
    storage: Storage, inboxes: Inboxes, keys: tuple[str | None, str | None]
) -> None:
    """One of them gets it, though they take the locks of different keys; the other one waits."""
    run = await inboxes.run()
    event = await inboxes.accepted()
    first, second = (inboxes.wait(run, match(key)) for key in keys)
    one = await stopped(inboxes.open(run, first))
    other = await blocked(storage, inboxes.open(run, second))
    assert await one is not None
    assert await other is None
    assert await inboxes.end(first) == (WaitStatus.RESOLVED, event)
    assert await inboxes.end(second) == (WaitStatus.WAITING, None)


async def test_waits_of_two_runs_open_at_once_over_one_old_event(
    storage: Storage, inboxes: Inboxes
) -> None:
    """Both get it: runs have nothing to do with each other."""
    one, other = await inboxes.run(), await inboxes.run()
    event = await inboxes.accepted()
    first, second = inboxes.wait(one), inboxes.wait(other)
    opening = await stopped(inboxes.open(one, first))
    waiting = await blocked(storage, inboxes.open(other, second))
    assert await opening == await waiting is not None
    assert await inboxes.end(first) == await inboxes.end(second) == (WaitStatus.RESOLVED, event)


@CLOSINGS
async def test_a_run_closes_a_wait_while_an_event_for_it_is_accepted(
    storage: Storage, inboxes: Inboxes, closing: Closing
) -> None:
    """The event was first: the run is told so, and does not take the other branch."""
    run = await inboxes.run()
    wait, event = await inboxes.opened(run), await inboxes.stage()
    accepting = await stopped(inboxes.accept(event))
    closed = await blocked(storage, inboxes.close(run, wait, closing))
    await accepting
    row = await inboxes.row(wait)
    assert await closed == Closed(row.resolution)
    assert (row.status, row.event_id) == (WaitStatus.RESOLVED, event)


@CLOSINGS
async def test_an_event_is_accepted_while_a_run_closes_the_wait_for_it(
    storage: Storage, inboxes: Inboxes, closing: Closing
) -> None:
    """The end was first: the event is not spent, and the run's next wait has it."""
    run = await inboxes.run()
    wait, event = await inboxes.opened(run), await inboxes.stage()
    closed = await stopped(inboxes.close(run, wait, closing))
    accepting = await blocked(storage, inboxes.accept(event))
    assert await closed == Closed()
    await accepting
    assert await inboxes.end(wait) == (WaitStatus(closing.upper()), None)
    assert await inboxes.deliveries(wait) == 0
    later = inboxes.wait(run)
    assert await inboxes.open(run, later) is not None
    assert await inboxes.end(later) == (WaitStatus.RESOLVED, event)


async def test_an_older_wait_is_closed_while_an_event_is_accepted_for_it(
    storage: Storage, inboxes: Inboxes
) -> None:
    """The event goes to the run's next wait that is open: it is not lost with the older one."""
    run = await inboxes.run()
    older, newer = await inboxes.opened(run), await inboxes.opened(run)
    event = await inboxes.stage()
    closed = await stopped(inboxes.close(run, older, "timed_out"))
    accepting = await blocked(storage, inboxes.accept(event))
    await closed
    await accepting
    assert await inboxes.end(newer) == (WaitStatus.RESOLVED, event)


async def test_a_wait_is_decided_by_hand_while_it_opens(storage: Storage, inboxes: Inboxes) -> None:
    """Its row may be there before, written with something else. Who opens it holds the row: what it
    looked back to is what it ended with, and nobody may decide otherwise any more."""
    run, event = await inboxes.run(), await inboxes.accepted()
    wait = await inboxes.written(run)
    opening = await stopped(inboxes.open(run, wait), LOOKED_BACK)
    decisions = Decisions(storage)
    deciding = await blocked(storage, decisions.end(TENANT, wait.id, {}, "ada"))
    told = await opening
    with pytest.raises(ConflictError, match="is over"):
        await deciding
    row = await inboxes.row(wait)
    assert (row.status, row.event_id, row.resolution) == (WaitStatus.RESOLVED, event, told)
    assert await inboxes.looked_for(wait) == await inboxes.deliveries(wait) == 0


async def test_a_wait_opens_while_it_is_decided_by_hand(storage: Storage, inboxes: Inboxes) -> None:
    """The decision was first: the run is told of it, and the event is left for its next wait."""
    run, event = await inboxes.run(), await inboxes.accepted()
    wait = await inboxes.written(run)
    decisions = Decisions(storage)
    deciding = await stopped(decisions.end(TENANT, wait.id, {}, "ada"))
    opening = await blocked(storage, inboxes.open(run, wait))
    decided = await deciding
    assert await opening == decided.resolution
    assert await inboxes.end(wait) == (WaitStatus.RESOLVED, None)
    assert await inboxes.looked_for(wait) == 0
    later = inboxes.wait(run)
    assert await inboxes.open(run, later) is not None
    assert await inboxes.end(later) == (WaitStatus.RESOLVED, event)
