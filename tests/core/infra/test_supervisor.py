"""Supervision: ordered start, restart of what fails, ordered stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.supervisor import Backoff, Supervisor

DEADLINE = 10.0
QUICK = Backoff(first=0.01, longest=0.02, reset_after=60.0)


class Panic(BaseException):
    """What a native extension raises when it panics: no Exception."""


class Part:
    """A service whose every move is written into a shared diary."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self.name = name
        self.diary = diary
        self.runs = asyncio.Event()
        self.may_be_ready = asyncio.Event()
        self.may_be_ready.set()
        self.fail_before_ready: BaseException | None = None
        self.end = asyncio.Event()
        self.failure: BaseException | None = None
        self.ignores_stop = False

    async def run(self, ready: Callable[[], None]) -> None:
        self.diary.append(f"{self.name} runs")
        self.runs.set()
        await self.may_be_ready.wait()
        if self.fail_before_ready is not None:
            raise self.fail_before_ready
        ready()
        ready()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.diary.append(f"{self.name} is cancelled")
            raise
        if self.failure is not None:
            failure, self.failure = self.failure, None
            self.end.clear()
            raise failure
        self.diary.append(f"{self.name} ends")

    async def stop(self) -> None:
        self.diary.append(f"{self.name} is asked to stop")
        self.may_be_ready.set()
        if not self.ignores_stop:
            self.end.set()


class States:
    """Collects what a supervisor reports; waits for a service to come up or go down."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool, str | None]] = []
        self._changed = asyncio.Event()

    def __call__(self, name: str, up: bool, error: str | None = None) -> None:
        self.seen.append((name, up, error))
        self._changed.set()

    async def until(self, name: str, *, ups: int = 0, downs: int = 0) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.count(name, up=True) < ups or self.count(name, up=False) < downs:
                self._changed.clear()
                await self._changed.wait()

    def count(self, name: str, *, up: bool) -> int:
        return sum(1 for seen in self.seen if seen[:2] == (name, up))


class Supervised:
    """A supervisor at work in a task of its own."""

    def __init__(self, *parts: Part, stop_timeout: float = 5.0, backoff: Backoff = QUICK) -> None:
        self.states = States()
        self.stop = asyncio.Event()
        supervisor = Supervisor(
            parts, stop_timeout=stop_timeout, on_state=self.states, backoff=backoff
        )
        self.task = asyncio.create_task(supervisor.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, DEADLINE)


def parts(*names: str) -> tuple[list[str], list[Part]]:
    diary: list[str] = []
    return diary, [Part(name, diary) for name in names]


async def test_start_in_order_and_stop_in_reverse() -> None:
    """Nobody runs before the one in front is ready; nobody stops before the one behind has."""
    diary, (first, second, third) = parts("a", "b", "c")
    second.may_be_ready.clear()

    with structlog.testing.capture_logs() as logged:
        supervised = Supervised(first, second, third)
        await supervised.states.until("a", ups=1)
        assert supervised.states.seen[:3] == [(name, False, "not started") for name in "abc"]
        second.may_be_ready.set()
        await supervised.states.until("c", ups=1)
        await supervised.end()

    assert diary == [
        *("a runs", "b runs", "c runs"),
        *("c is asked to stop", "c ends"),
        *("b is asked to stop", "b ends"),
        *("a is asked to stop", "a ends"),
    ]
    assert [(line["action"], line["name"]) for line in logged] == [
        *(("service.started", name) for name in "abc"),
        *(("service.stopped", name) for name in "cba"),
    ]
    assert all(line["duration_ms"] >= 0 for line in logged)
    assert supervised.states.seen[-1] == ("a", False, "stopping")


async def test_a_start_that_fails_stops_the_others_and_raises() -> None:
    """What fails before it is ready ends the start, with its own error, and leaves nothing up."""
    diary, (first, second, third) = parts("a", "b", "c")
    second.fail_before_ready = AlgaError("no port")

    supervised = Supervised(first, second, third)
    with pytest.raises(AlgaError, match="no port"):
        await asyncio.wait_for(supervised.task, DEADLINE)

    assert diary == ["a runs", "b runs", "a is asked to stop", "a ends"]


async def test_ending_before_being_ready_is_a_failed_start() -> None:
    """A service that returns without a word is not taken for a success."""

    class Silent(Part):
        async def run(self, ready: Callable[[], None]) -> None:
            assert callable(ready)

    supervised = Supervised(Silent("silent", []))
    with pytest.raises(AlgaError, match="Service silent ended without being asked to"):
        await asyncio.wait_for(supervised.task, DEADLINE)


@pytest.mark.parametrize("failure", [RuntimeError("boom"), Panic("boom"), None])
async def test_a_service_that_fails_later_is_started_again(failure: BaseException | None) -> None:
    """It is logged with its error, reported down and up again; the others do not notice."""
    diary, (first, second) = parts("a", "b")

    with structlog.testing.capture_logs() as logged:
        supervised = Supervised(first, second)
        await supervised.states.until("b", ups=1)
        for restart in (1, 2, 3):
            first.failure = failure
            first.end.set()
            await supervised.states.until("a", downs=restart + 1)
            first.end.clear()
            await supervised.states.until("a", ups=restart + 1)
        assert not supervised.task.done()
        await supervised.end()

    failures = [line for line in logged if line["action"] == "service.failed"]
    assert [line["name"] for line in failures] == ["a", "a", "a"]
    expected = "boom" if failure is not None else "Service a ended without being asked to."
    assert [str(line["exc_info"]) for line in failures] == [expected] * 3
    restarted = [line for line in logged if line["action"] == "service.started"]
    assert [line["restarts"] for line in restarted if line["name"] == "a"] == [0, 1, 2, 3]
    assert diary.count("b runs") == 1
    reported = [error for name, up, error in supervised.states.seen if name == "a" and not up]
    assert all(error is not None and expected in error for error in reported[1:-1])


def test_the_wait_doubles_up_to_its_limit() -> None:
    """One second, two, four … thirty, however often it fails."""
    backoff = Backoff()

    assert [backoff.delay(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay(100_000) == 30


async def test_good_work_makes_former_failures_forgotten() -> None:
    """After `reset_after` seconds of work the wait begins at its first value again."""
    _, (part,) = parts("a")
    waits: list[float] = []

    async def fail_once(supervised: Supervised, count: int) -> None:
        part.failure = RuntimeError("boom")
        part.end.set()
        await supervised.states.until("a", ups=count + 1)

    for reset_after in (60.0, 0.0):
        backoff = Backoff(first=0.001, longest=1.0, reset_after=reset_after)
        with structlog.testing.capture_logs() as logged:
            part = Part("a", [])
            supervised = Supervised(part, backoff=backoff)
            await supervised.states.until("a", ups=1)
            for count in (1, 2, 3):
                await fail_once(supervised, count)
            await supervised.end()
        waits += [line["restart_in_s"] for line in logged if line["action"] == "service.failed"]

    assert waits == [0.001, 0.002, 0.004, 0.001, 0.001, 0.001]


async def test_a_service_past_its_deadline_is_cancelled_and_the_rest_still_stops() -> None:
    """The deadline holds for each one; order is kept."""
    diary, (first, second) = parts("a", "b")
    second.ignores_stop = True

    with structlog.testing.capture_logs() as logged:
        supervised = Supervised(first, second, stop_timeout=0.05)
        await supervised.states.until("b", ups=1)
        await supervised.end()

    assert diary[2:] == [
        *("b is asked to stop", "b is cancelled"),
        *("a is asked to stop", "a ends"),
    ]
    assert [(line["action"], line["name"]) for line in logged[2:]] == [
        ("service.cancelled", "b"),
        ("service.stopped", "b"),
        ("service.stopped", "a"),
    ]


async def test_a_stop_that_raises_does_not_keep_the_others_up() -> None:
    """The service is cancelled instead, at once, and the failure is logged."""

    class Broken(Part):
        async def stop(self) -> None:
            raise OSError("cannot")

    diary: list[str] = []
    first, second = Part("a", diary), Broken("b", diary)
    supervised = Supervised(first, second, stop_timeout=DEADLINE * 2)
    await supervised.states.until("b", ups=1)

    with structlog.testing.capture_logs() as logged:
        await supervised.end()

    assert diary[2:] == ["b is cancelled", "a is asked to stop", "a ends"]
    assert ("service.failed", "b") in [(line["action"], line["name"]) for line in logged]


async def test_a_stop_that_comes_during_the_start_ends_it() -> None:
    """The one that is starting is stopped too, those behind it never run, and nothing is raised."""
    diary, (first, second, third) = parts("a", "b", "c")
    second.may_be_ready.clear()

    supervised = Supervised(first, second, third)
    await asyncio.wait_for(second.runs.wait(), DEADLINE)
    await supervised.end()

    assert "c runs" not in diary
    assert diary[-4:] == ["b is asked to stop", "b ends", "a is asked to stop", "a ends"]
    assert supervised.states.count("b", up=True) == 0


async def test_a_service_that_waits_for_its_restart_stops_at_once() -> None:
    """A backoff of an hour does not hold up the stop."""
    _, (part,) = parts("a")
    backoff = Backoff(first=3600, longest=3600)
    supervised = Supervised(part, backoff=backoff, stop_timeout=DEADLINE * 2)
    await supervised.states.until("a", ups=1)
    part.failure = RuntimeError("boom")
    part.end.set()
    await supervised.states.until("a", downs=2)

    await supervised.end()


async def test_cancelling_the_supervisor_stops_everything_in_order() -> None:
    """Whoever cancels gets an orderly stop first."""
    diary, (first, second) = parts("a", "b")
    supervised = Supervised(first, second)
    await supervised.states.until("b", ups=1)

    supervised.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(supervised.task, DEADLINE)

    assert diary[2:] == ["b is asked to stop", "b ends", "a is asked to stop", "a ends"]


def test_names_are_unique() -> None:
    """Two services of one name could not be told apart in the health report."""
    _, (first, second) = parts("a", "a")

    with pytest.raises(ValueError, match="same name"):
        Supervisor([first, second], stop_timeout=1)
