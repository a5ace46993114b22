"""The virtual clock: time stands still while anybody can go on, then jumps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from alga_workflows_core.simulation.clock import NothingEverHappens, VirtualClock

START = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment after the start."""
    return START + timedelta(seconds=seconds)


@pytest.fixture
def clock() -> VirtualClock:
    """A clock at its start."""
    return VirtualClock(START)


def _never() -> bool:
    return False


def test_a_month_takes_no_time(clock: VirtualClock) -> None:
    """Waiting costs nothing, however long it is."""

    async def main() -> str:
        await clock.wait_until(_never, START + timedelta(days=30))
        return "done"

    began = perf_counter()
    assert clock.run(main()) == "done"
    assert perf_counter() - began < 1
    assert clock.now == START + timedelta(days=30)


def test_it_is_exact(clock: VirtualClock) -> None:
    """A microsecond is a microsecond, also a thousand years later."""
    late = START + timedelta(days=365_000)

    async def main() -> None:
        await clock.wait_until(_never, late)
        await clock.wait_until(_never, late + timedelta(microseconds=1))

    clock.run(main())
    assert clock.now == late + timedelta(microseconds=1)


def test_time_stands_still_while_anybody_can_go_on(clock: VirtualClock) -> None:
    """Work that does not wait happens at one moment, in all tasks."""
    seen: list[datetime] = []

    async def busy() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        seen.append(clock.now)

    async def sleeper() -> None:
        await clock.wait_until(_never, at(1))
        seen.append(clock.now)

    async def main() -> None:
        await asyncio.gather(sleeper(), busy())

    clock.run(main())
    assert seen == [START, at(1)]


def test_a_past_moment_is_now(clock: VirtualClock) -> None:
    """What is due in the past is due now; time does not go back."""
    happened: list[datetime] = []

    async def main() -> None:
        clock.plan(at(-5), lambda: happened.append(clock.now))
        await clock.wait_until(_never, at(-9))

    clock.run(main())
    assert happened == [START]
    assert clock.now == START


def test_what_is_planned_happens_in_order(clock: VirtualClock) -> None:
    """By time, and at one time in the order in which it was planned, before anybody is due."""
    seen: list[str] = []
    clock.plan(at(2), lambda: seen.append("c"))
    clock.plan(at(1), lambda: seen.append("a"))
    clock.plan(at(1), lambda: seen.append("b"))

    async def main() -> None:
        await clock.wait_until(_never, at(1))
        seen.append("due")
        await clock.wait_until(_never, at(3))

    clock.run(main())
    assert seen == ["a", "b", "due", "c"]


def test_what_happens_now_is_seen_before_the_deadline(clock: VirtualClock) -> None:
    """Somebody who is due and ready at the same time finds what has come."""
    box: list[int] = []
    clock.plan(at(1), lambda: box.append(1))

    async def main() -> int:
        await clock.wait_until(lambda: bool(box), at(1))
        return len(box)

    assert clock.run(main()) == 1


def test_those_who_are_due_wake_by_their_place(clock: VirtualClock) -> None:
    """Not by when they began to wait; of equal places the one that has waited longest."""
    seen: list[str] = []

    async def wait(name: str, place: tuple[int, ...]) -> None:
        await clock.wait_until(_never, at(1), place)
        seen.append(name)

    async def main() -> None:
        await asyncio.gather(
            wait("c", (1, 0)), wait("b", (0, 5)), wait("d", (1, 0)), wait("a", (0,))
        )

    clock.run(main())
    assert seen == ["a", "b", "c", "d"]


def test_one_goes_as_far_as_it_can_before_the_next(clock: VirtualClock) -> None:
    """What one who wakes does first can keep another one from being due."""
    ended: list[str] = []

    async def first() -> None:
        await clock.wait_until(_never, at(1), (0,))
        await asyncio.sleep(0)
        ended.append("first")

    async def second() -> None:
        await clock.wait_until(lambda: bool(ended), at(1), (1,))
        ended.append("second, ready" if ended else "second, due")

    async def main() -> None:
        await asyncio.gather(second(), first())

    clock.run(main())
    assert ended == ["first", "second, ready"]


def test_nothing_ever_happens(clock: VirtualClock) -> None:
    """A wait that nothing can end is told at once; the time is that of the last happening."""
    clock.plan(at(5), lambda: None)

    async def main() -> None:
        await clock.wait_until(_never, None)

    with pytest.raises(NothingEverHappens):
        clock.run(main())
    assert clock.now == at(5)


def test_stopping_at_a_moment(clock: VirtualClock) -> None:
    """Nothing behind it happens, what lies at it does; the time is that moment."""
    seen: list[int] = []
    clock.stop_at(at(10))
    clock.plan(at(10), lambda: seen.append(10))
    clock.plan(at(11), lambda: seen.append(11))

    async def main() -> None:
        await clock.wait_until(_never, at(20))

    with pytest.raises(NothingEverHappens):
        clock.run(main())
    assert seen == [10]
    clock = VirtualClock(START)
    clock.stop_at(at(10))
    with pytest.raises(NothingEverHappens):
        clock.run(main_until(clock, 20))
    assert clock.now == at(10)


async def main_until(clock: VirtualClock, seconds: float) -> None:
    """Wait so long."""
    await clock.wait_until(_never, at(seconds))


def test_what_runs_beside(clock: VirtualClock) -> None:
    """It shares the time, and is dropped when the main part ends."""
    seen: list[str] = []

    async def beside() -> None:
        await clock.wait_until(_never, at(1))
        seen.append("beside")
        await clock.wait_until(_never, at(9))
        seen.append("too late")

    async def main() -> None:
        clock.begin(beside())
        await clock.wait_until(_never, at(5))

    clock.run(main())
    assert seen == ["beside"]
    assert clock.now == at(5)


def test_a_failure_beside_is_one_of_the_whole(clock: VirtualClock) -> None:
    """It is raised, and not taken for a wait without end."""

    async def beside() -> None:
        await clock.wait_until(_never, at(1))
        raise LookupError("a bug")

    async def main() -> None:
        clock.begin(beside())
        await clock.wait_until(_never, None)

    with pytest.raises(LookupError, match="a bug"):
        clock.run(main())


def test_a_failure_of_the_main_part_is_raised(clock: VirtualClock) -> None:
    """As it is."""

    async def main() -> None:
        await clock.wait_until(_never, at(1))
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        clock.run(main())
