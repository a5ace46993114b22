"""Health: what is probed, when it changes, what is said about it, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.health import Check, HealthMonitor

DEADLINE = 10.0


class Dependency:
    """Something to probe that can be broken, mended and hung."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.release = asyncio.Event()
        self.release.set()
        self.probes = 0

    async def probe(self) -> None:
        self.probes += 1
        await self.release.wait()
        if self.error is not None:
            raise self.error


class Changes:
    """Collects what `on_change` is told; `next` waits for one."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    def __call__(self, name: str, up: bool) -> None:
        self._queue.put_nowait((name, up))

    async def next(self) -> tuple[str, bool]:
        return await asyncio.wait_for(self._queue.get(), DEADLINE)


async def eventually(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; TimeoutError after the deadline."""
    async with asyncio.timeout(DEADLINE):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(monitor: HealthMonitor) -> AsyncGenerator[None]:
    """`monitor` after its first round, stopped at the end."""
    ready = asyncio.Event()
    task = asyncio.create_task(monitor.run(ready.set))
    try:
        await asyncio.wait_for(ready.wait(), DEADLINE)
        yield
    finally:
        await monitor.stop()
        await asyncio.wait_for(task, DEADLINE)


async def test_the_first_round_is_done_before_it_is_ready_and_may_fail() -> None:
    """Ready means probed: a dependency that is down from the start is known, not fatal."""
    good, bad = Dependency(), Dependency()
    bad.error = ConnectionRefusedError("refused")
    monitor = HealthMonitor(
        [Check(name="PostgreSQL", probe=good.probe), Check(name="Temporal", probe=bad.probe)]
    )
    assert monitor.snapshot()["ready"] is False

    async with running(monitor):
        snapshot = monitor.snapshot()

    assert snapshot["ready"] is False
    assert snapshot["live"] is True
    assert snapshot["checks"]["PostgreSQL"]["ok"] is True
    assert "error" not in snapshot["checks"]["PostgreSQL"]
    assert snapshot["checks"]["Temporal"]["ok"] is False
    assert snapshot["checks"]["Temporal"].get("error") == "ConnectionRefusedError: refused"
    assert snapshot["checks"]["Temporal"]["since"].endswith("Z")


async def test_a_change_is_logged_once_and_told_once() -> None:
    """Loss and return each give one line with name, address and error, and one call."""
    dependency, changes = Dependency(), Changes()
    check = Check(name="PostgreSQL", probe=dependency.probe, address="db:5432")
    monitor = HealthMonitor([check], interval=0.005, on_change=changes)

    with structlog.testing.capture_logs() as logged:
        async with running(monitor):
            assert await changes.next() == ("PostgreSQL", True)
            dependency.error = UnavailableError(
                "PostgreSQL", "db:5432", "postgresql://u:hush@db:5432 is gone", remedy="Look."
            )
            assert await changes.next() == ("PostgreSQL", False)
            lost = monitor.snapshot()
            seen = dependency.probes
            await eventually(lambda: dependency.probes >= seen + 3)
            dependency.error = None
            assert await changes.next() == ("PostgreSQL", True)
            back = monitor.snapshot()

    assert (lost["ready"], back["ready"]) == (False, True)
    assert [line["action"] for line in logged] == ["dependency.lost", "dependency.recovered"]
    assert logged[0]["dependency"] == "PostgreSQL"
    assert logged[0]["address"] == "db:5432"
    assert "is gone" in logged[0]["error"]
    assert "hush" not in f"{logged} {lost}"
    assert lost["checks"]["PostgreSQL"]["since"] <= back["checks"]["PostgreSQL"]["since"]


async def test_a_stuck_probe_is_a_failure_and_holds_up_nobody() -> None:
    """Past its timeout a check is red, the others go on, and it recovers when it answers again."""
    stuck, other, changes = Dependency(), Dependency(), Changes()
    stuck.release.clear()
    monitor = HealthMonitor(
        [
            Check(name="stuck", probe=stuck.probe, timeout=0.05),
            Check(name="other", probe=other.probe),
        ],
        interval=0.005,
        on_change=changes,
    )

    async with running(monitor):
        assert {await changes.next(), await changes.next()} == {("other", True), ("stuck", False)}
        error = monitor.snapshot()["checks"]["stuck"].get("error")
        assert error == "no answer within 0.05 s"
        other.error = ConnectionResetError("gone")
        assert await changes.next() == ("other", False)
        stuck.release.set()
        assert await changes.next() == ("stuck", True)


async def test_a_probe_that_ignores_its_cancellation_is_not_started_twice() -> None:
    """Such a probe stays red and alone until it ends; probes do not pile up."""
    release, changes, begun = asyncio.Event(), Changes(), 0

    async def stubborn() -> None:
        nonlocal begun
        begun += 1
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    other = Dependency()
    monitor = HealthMonitor(
        [
            Check(name="stubborn", probe=stubborn, timeout=0.02),
            Check(name="other", probe=other.probe),
        ],
        interval=0.005,
        on_change=changes,
    )

    async with running(monitor):
        assert {await changes.next(), await changes.next()} == {
            ("other", True),
            ("stubborn", False),
        }
        seen = other.probes
        await eventually(lambda: other.probes >= seen + 5)
        assert begun == 1
        release.set()
        assert await changes.next() == ("stubborn", True)


async def test_services_count_as_checks() -> None:
    """A service that is down turns the report red, under a name of its own."""
    monitor = HealthMonitor()

    async with running(monitor):
        monitor.report_service("poller", up=True)
        assert monitor.snapshot()["ready"] is True
        monitor.report_service("poller", up=False, error="RuntimeError: x://u:hush@h\ngone")
        red = monitor.snapshot()
        monitor.report_service("poller", up=True)
        green = monitor.snapshot()

    assert red["ready"] is False
    assert red["checks"]["service.poller"].get("error") == "RuntimeError: x://u:***@h gone"
    assert green["ready"] is True
    assert "error" not in green["checks"]["service.poller"]


async def test_it_is_not_ready_while_it_stops() -> None:
    """As soon as it was asked to stop, no more traffic is wanted."""
    monitor = HealthMonitor()
    async with running(monitor):
        assert monitor.snapshot()["ready"] is True
        await monitor.stop()
        assert monitor.snapshot()["ready"] is False


async def test_a_loop_that_does_not_turn_is_not_live() -> None:
    """When the loop was blocked past the limit, the report says so until it ticks again."""
    monitor = HealthMonitor(tick_limit=0.05)
    blocked = asyncio.Event()

    def block() -> None:
        until = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < until:
            pass
        observed.append(monitor.snapshot()["live"])
        blocked.set()

    observed: list[bool] = []
    async with running(monitor):
        assert monitor.snapshot()["live"] is True
        asyncio.get_running_loop().call_soon(block)
        await asyncio.wait_for(blocked.wait(), DEADLINE)
        assert observed == [False]
        await eventually(lambda: monitor.snapshot()["live"])


async def test_a_check_may_give_the_process_up() -> None:
    """A dependency that fails leaves the process alive; one that says it will not mend does not."""
    is_alive, dependency = True, Dependency()
    monitor = HealthMonitor([Check(name="x", probe=dependency.probe, is_alive=lambda: is_alive)])
    async with running(monitor):
        dependency.error = UnavailableError("x", "there", "gone", remedy="Wait.")
        assert monitor.snapshot()["live"]
        is_alive = False
        assert not monitor.snapshot()["live"]
