"""Periodic work: when a round begins, what a failed one costs, how it ends."""

from __future__ import annotations

import asyncio

import structlog

from alga_workflows_core.infra.supervisor import Backoff, PeriodicService

DEADLINE = 10.0


class Rounds:
    """Work to be done periodically; tells when a round begins and lets it be held or broken."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failures = 0
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        self.begun.put_nowait(self.count)
        await self.go_on.wait()
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("broken")

    async def next(self) -> int:
        return await asyncio.wait_for(self.begun.get(), DEADLINE)


async def test_periodic_work_runs_by_itself_and_when_poked() -> None:
    """A poke calls at once; one that comes during a round causes another; stop ends the wait."""
    rounds, ready = Rounds(), asyncio.Event()
    service = PeriodicService("relay", 3600, rounds)
    task = asyncio.create_task(service.run(ready.set))
    assert await rounds.next() == 1
    assert ready.is_set()

    service.poke()
    assert await rounds.next() == 2

    rounds.go_on.clear()
    service.poke()
    assert await rounds.next() == 3
    service.poke()
    service.poke()
    rounds.go_on.set()
    assert await rounds.next() == 4

    await service.stop()
    await asyncio.wait_for(task, DEADLINE)
    assert rounds.count == 4

    quick = PeriodicService("sweep", 0.001, rounds)
    task = asyncio.create_task(quick.run(ready.set))
    assert [await rounds.next() for _ in range(3)] == [5, 6, 7]
    await quick.stop()
    await asyncio.wait_for(task, DEADLINE)


async def test_a_failed_round_is_logged_and_repeated_after_a_growing_wait() -> None:
    """Errors never end the loop, however many there are in a row."""
    rounds = Rounds()
    rounds.failures = 3
    service = PeriodicService("relay", 3600, rounds, backoff=Backoff(first=0.01, longest=0.02))

    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(service.run(service.poke))
        assert [await rounds.next() for _ in range(4)] == [1, 2, 3, 4]
        await service.stop()
        await asyncio.wait_for(task, DEADLINE)

    assert [line["action"] for line in logged] == ["service.round_failed"] * 3
    assert [line["retry_in_s"] for line in logged] == [0.01, 0.02, 0.02]
    assert all(line["exc_info"] for line in logged)


async def test_a_poke_does_not_shorten_the_wait_after_a_failure() -> None:
    """Else every hint from outside would hammer a server that is down."""
    rounds, loop = Rounds(), asyncio.get_running_loop()
    rounds.failures = 1
    wait = Backoff(first=0.2, longest=0.2)
    service = PeriodicService("relay", 3600, rounds, backoff=wait)
    task = asyncio.create_task(service.run(lambda: None))
    rounds.go_on.clear()
    await rounds.next()
    service.poke()
    failed_at = loop.time()
    rounds.go_on.set()

    await rounds.next()

    assert loop.time() - failed_at >= wait.first * 0.9
    await service.stop()
    await asyncio.wait_for(task, DEADLINE)


async def test_stop_lets_a_round_finish() -> None:
    """Work in progress is not torn; no further round begins."""
    rounds = Rounds()
    rounds.go_on.clear()
    service = PeriodicService("relay", 0.001, rounds)
    task = asyncio.create_task(service.run(lambda: None))
    await rounds.next()

    await service.stop()
    assert not task.done()
    rounds.go_on.set()
    await asyncio.wait_for(task, DEADLINE)

    assert rounds.count == 1
