"""Named services of one process: ordered start, restart of what fails, ordered stop, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, Protocol

import structlog

from alga_workflows_core.errors import AlgaError

log = structlog.get_logger()

# How long a cancelled service may take for its clean-up before it is left behind.
_CANCEL_GRACE = 2.0


class Service(Protocol):
    """A part of the process that works until it is stopped."""

    @property
    def name(self) -> str:
        """Short, unique in the process; it appears in logs and in the health report."""
        ...

    async def run(self, ready: Callable[[], None]) -> None:
        """Work until `stop()` was called; call `ready()` once, when it can serve.

        May be called again after it has raised. If `stop()` came first, it returns at once.
        """
        ...

    async def stop(self) -> None:
        """Ask `run()` to end soon. For good, and harmless when repeated."""
        ...


class StateListener(Protocol):
    """Is told whenever a service comes up or goes down."""

    def __call__(self, name: str, up: bool, error: str | None = None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waiting times after failures, in seconds: `first`, then doubled up to `longest`.

    Who has worked for `reset_after` begins at `first` again.
    """

    first: float = 1.0
    longest: float = 30.0
    reset_after: float = 60.0

    def delay(self, failures: int) -> float:
        """The wait after the `failures`-th failure in a row, counted from 1."""
        return min(self.longest, self.first * 2 ** min(failures - 1, 62))


DEFAULT_BACKOFF = Backoff()


async def happens_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` no longer than `seconds`; whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Supervisor:
    """Starts services in the given order, keeps them running, stops them in reverse order.

    A service that fails after it was ready is logged, reported down and started again, for ever:
    it never takes the process with it. Each service gets `stop_timeout` seconds to end; then it
    is cancelled. `on_state` hears of every change (`HealthMonitor.report_service` fits).
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        stop_timeout: float,
        on_state: StateListener | None = None,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        names = [service.name for service in services]
        if len(set(names)) != len(names):
            raise ValueError(f"Two services have the same name: {names}")
        self._services = tuple(services)
        self._stop_timeout = stop_timeout
        self._on_state = on_state or _ignore_state
        self._backoff = backoff

    async def run(self, stop_requested: asyncio.Event | None = None) -> None:
        """Run until `stop_requested` is set (or this task is cancelled), then stop everything.

        A service that fails before it was ready ends the start: those before it are stopped, and
        its error is raised.
        """
        stop = stop_requested or asyncio.Event()
        for service in self._services:
            self._on_state(service.name, up=False, error="not started")
        begun: list[_Keeper] = []
        try:
            for service in self._services:
                keeper = _Keeper(service, backoff=self._backoff, on_state=self._on_state)
                begun.append(keeper)
                await keeper.start(stop)
                if stop.is_set():
                    break
            await stop.wait()
        finally:
            for keeper in reversed(begun):
                await keeper.stop(self._stop_timeout)


class _Keeper:
    """Keeps one service running until it is told to stop it."""

    def __init__(self, service: Service, *, backoff: Backoff, on_state: StateListener) -> None:
        self._service = service
        self._name = service.name
        self._backoff = backoff
        self._on_state = on_state
        self._stopping = asyncio.Event()
        self._ready_at: float | None = None
        self._first_ready = asyncio.Event()
        self._start_error: BaseException | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._keep(), name=f"keep {service.name}")

    async def start(self, stop: asyncio.Event) -> None:
        """Return when the service is ready or `stop` is set; raise what made it fail before."""
        waits = [asyncio.create_task(event.wait()) for event in (self._first_ready, stop)]
        try:
            await asyncio.wait({self._task, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._start_error is not None:
            raise self._start_error

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 (two deadlines, and no raise)
        """Ask the service to end; cancel it after `timeout` seconds. Raises nothing."""
        if self._task.done():
            return
        began = time.monotonic()
        self._stopping.set()
        self._on_state(self._name, up=False, error="stopping")
        asking = asyncio.create_task(self._ask_to_stop(), name=f"stop {self._name}")
        await asyncio.wait({asking, self._task}, timeout=timeout)
        asking.cancel()
        if not self._task.done():
            self._cancel_attempt()
            await asyncio.wait({self._task}, timeout=_CANCEL_GRACE)
            log.warning(
                "A service did not stop in time and was cancelled.",
                action="service.cancelled",
                name=self._name,
                ended=self._task.done(),
            )
        if self._task.done():
            log.info(
                "Service has stopped.",
                action="service.stopped",
                name=self._name,
                duration_ms=_milliseconds_since(began),
            )

    async def _ask_to_stop(self) -> None:
        try:
            await self._service.stop()
        except Exception:
            # The boundary: the others must still be stopped.
            log.exception("Service failed to stop.", action="service.failed", name=self._name)
            self._cancel_attempt()

    def _cancel_attempt(self) -> None:
        if self._attempt is not None:
            self._attempt.cancel()

    async def _keep(self) -> None:
        failures = 0
        while True:
            error = await self._run_once(failures)
            if self._stopping.is_set():
                if error is not None:
                    self._log_failure("Service failed while it was stopping.", error)
                return
            if error is None:
                error = AlgaError(f"Service {self._name} ended without being asked to.")
            if not self._first_ready.is_set():
                self._start_error = error
                return
            failures = 1 if self._has_worked_well() else failures + 1
            delay = self._backoff.delay(failures)
            self._on_state(self._name, up=False, error=f"{type(error).__name__}: {error}")
            self._log_failure("Service failed; it will start again.", error, restart_in_s=delay)
            if await happens_within(self._stopping, delay):
                return

    async def _run_once(self, failures: int) -> BaseException | None:
        """Run the service to its end; what it raised. It is not cancelled with the caller."""
        began = time.monotonic()
        self._ready_at = None

        def ready() -> None:
            if self._ready_at is not None or self._stopping.is_set():
                return
            self._ready_at = time.monotonic()
            self._first_ready.set()
            self._on_state(self._name, up=True)
            log.info(
                "Service has started.",
                action="service.started",
                name=self._name,
                duration_ms=_milliseconds_since(began),
                restarts=failures,
            )

        self._attempt = asyncio.create_task(self._service.run(ready), name=self._name)
        await asyncio.wait({self._attempt})
        if self._attempt.cancelled():
            return None if self._stopping.is_set() else asyncio.CancelledError("cancelled")
        return self._attempt.exception()

    def _has_worked_well(self) -> bool:
        return (
            self._ready_at is not None
            and time.monotonic() - self._ready_at >= self._backoff.reset_after
        )

    def _log_failure(self, sentence: str, error: BaseException, **facts: float) -> None:
        log.error(sentence, action="service.failed", name=self._name, exc_info=error, **facts)


class PeriodicService:
    """Calls `work` when it starts, then every `interval` seconds or as soon as it is poked.

    What `work` raises is logged, and it is called again after a growing wait, poked or not.
    Stopping ends a wait at once; work in progress is finished.
    """

    def __init__(
        self,
        name: str,
        interval: float,
        work: Callable[[], Awaitable[None]],
        *,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self.name = name
        self._interval = interval
        self._work = work
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Ask for a call of `work` that begins after now; many pokes may share one call."""
        self._poked.set()

    async def run(self, ready: Callable[[], None]) -> None:
        ready()
        failures = 0
        while not self._stopping.is_set():
            self._poked.clear()
            try:
                await self._work()
            except Exception:
                # The boundary: one bad round must not end the loop.
                failures += 1
                delay = self._backoff.delay(failures)
                log.exception(
                    "A round of a periodic service failed and will be repeated.",
                    action="service.round_failed",
                    name=self.name,
                    failures=failures,
                    retry_in_s=delay,
                )
                await happens_within(self._stopping, delay)
            else:
                failures = 0
                if not self._stopping.is_set():
                    await happens_within(self._poked, self._interval)

    async def stop(self) -> None:
        self._stopping.set()
        self._poked.set()


def install_signal_handlers(stop_requested: asyncio.Event) -> None:
    """The first SIGTERM or SIGINT sets `stop_requested`; the second ends the process, status 130.

    Call it in the main thread, inside the running loop. The second works even if the loop hangs.
    """
    loop = asyncio.get_running_loop()
    asked = False

    def request_stop(name: str) -> None:
        log.info("A signal asks to stop.", action="process.stop_requested", signal=name)
        stop_requested.set()

    def receive(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked or loop.is_closed():
            exit_process(130)
        asked = True
        # Logging waits for the loop: the main thread may be in the middle of a write just now.
        loop.call_soon_threadsafe(request_stop, signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, receive)


def exit_process(code: int) -> NoReturn:
    """Flush the standard streams and end the process at once, without the interpreter's clean-up.

    The Temporal SDK's threads may abort the process while the interpreter is being finalised.
    """
    for stream in (sys.stdout, sys.stderr):
        # A closed pipe, or a write that a signal interrupted, must not keep the process alive.
        with suppress(OSError, ValueError, RuntimeError):
            stream.flush()
    os._exit(code)


def _ignore_state(name: str, up: bool, error: str | None = None) -> None:
    """For a supervisor that nobody listens to."""


def _milliseconds_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
