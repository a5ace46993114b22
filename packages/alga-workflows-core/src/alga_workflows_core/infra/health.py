"""Whether the process can serve: what its dependencies answer, and which services are up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

import structlog

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.telemetry import mask_secrets

log = structlog.get_logger()

_LONGEST_ERROR = 300
_CANCEL_GRACE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A dependency: `probe` returns if it answers and raises if it does not.

    `address` is shown to people and holds no secret. A probe that takes longer than `timeout`
    seconds has failed. `is_alive` false: the process cannot get out of this by itself.
    """

    name: str
    probe: Callable[[], Coroutine[Any, Any, None]]
    address: str = ""
    timeout: float = 2.0
    is_alive: Callable[[], bool] | None = None


class CheckState(TypedDict):
    """`since` (ISO 8601, UTC) is when it came into this state; `error` is there when not ok."""

    ok: bool
    since: str
    error: NotRequired[str]


class HealthSnapshot(TypedDict):
    """`ready`: every check is ok. `live`: the event loop turns, and no check has given the process
    up. Services are `service.<name>`."""

    ready: bool
    live: bool
    checks: dict[str, CheckState]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    ok: bool
    since: datetime
    error: str | None


class HealthMonitor:
    """A service that probes each dependency every `interval` seconds, each for itself.

    Dependencies' changes are logged once and told to `on_change(name, up)`, the first result too.
    It is ready after the first round, whatever that found. `live` turns false when the loop has
    not run this service for `tick_limit` seconds, or a check says that it is not alive.
    """

    name = "health"

    def __init__(
        self,
        checks: Sequence[Check] = (),
        *,
        interval: float = 1.0,
        tick_limit: float = 10.0,
        on_change: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._checks = tuple(checks)
        self._interval = interval
        self._tick_limit = tick_limit
        self._on_change = on_change
        self._dependencies: dict[str, _Fact] = {}
        self._services: dict[str, _Fact] = {}
        self._last_tick: float | None = None
        self._stopping = asyncio.Event()
        self._first_round = asyncio.Event()
        if not self._checks:
            self._first_round.set()

    async def run(self, ready: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._watch(check)) for check in self._checks]
            workers.append(group.create_task(self._tick()))
            await self._first_round.wait()
            if not self._stopping.is_set():
                ready()
            await self._stopping.wait()
            for worker in workers:
                worker.cancel()
        self._last_tick = None

    async def stop(self) -> None:
        self._stopping.set()
        self._first_round.set()

    def report_service(self, name: str, up: bool, error: str | None = None) -> None:
        """Take note that a supervised service came up or went down; nothing is logged here."""
        text = None if error is None else _for_people(error)
        self._services[name] = _following(self._services.get(name), up, text)

    def snapshot(self) -> HealthSnapshot:
        """What is known now; nothing is probed. Before the first round nothing is ready."""
        facts = {
            **self._dependencies,
            **{f"service.{name}": fact for name, fact in self._services.items()},
        }
        probed = len(self._dependencies) == len(self._checks)
        return {
            "ready": probed and not self._stopping.is_set() and all(f.ok for f in facts.values()),
            "live": self._turns()
            and all(check.is_alive() for check in self._checks if check.is_alive is not None),
            "checks": {name: _as_state(fact) for name, fact in facts.items()},
        }

    def _turns(self) -> bool:
        return self._last_tick is None or time.monotonic() - self._last_tick <= self._tick_limit

    async def _tick(self) -> None:
        while True:
            self._last_tick = time.monotonic()
            await asyncio.sleep(min(1.0, self._tick_limit / 4))

    async def _watch(self, check: Check) -> None:
        while True:
            await self._probe(check)
            await asyncio.sleep(self._interval)

    async def _probe(self, check: Check) -> None:
        # A task of its own: what it raises is read, not caught, and one that ignores its
        # cancellation delays nothing but its own next round.
        probing = asyncio.create_task(check.probe(), name=f"probe {check.name}")
        try:
            await asyncio.wait({probing}, timeout=check.timeout)
            if not probing.done():
                self._record(check, f"no answer within {check.timeout:g} s")
                probing.cancel()
                await asyncio.wait({probing})
            elif probing.cancelled():
                self._record(check, "the probe was cancelled")
            else:
                error = probing.exception()
                self._record(check, None if error is None else _describe(error))
        finally:
            if not probing.done():
                # What it holds, such as a connection, must be given back before its owner closes.
                probing.cancel()
                await asyncio.wait({probing}, timeout=_CANCEL_GRACE)

    def _record(self, check: Check, error: str | None) -> None:
        before = self._dependencies.get(check.name)
        now = _following(before, error is None, error)
        self._dependencies[check.name] = now
        if len(self._dependencies) == len(self._checks):
            self._first_round.set()
        if before is not None and before.ok == now.ok:
            return
        if self._on_change is not None:
            self._on_change(check.name, now.ok)
        facts = {"dependency": check.name, "address": check.address}
        if error is not None:
            log.warning(
                "A dependency does not answer.", action="dependency.lost", error=error, **facts
            )
        elif before is not None:
            log.info(
                "A dependency answers again.",
                action="dependency.recovered",
                down_s=round((now.since - before.since).total_seconds(), 1),
                **facts,
            )


def _following(before: _Fact | None, ok: bool, error: str | None) -> _Fact:
    if before is not None and before.ok == ok:
        return replace(before, error=error)
    return _Fact(ok=ok, since=datetime.now(UTC), error=error)


def _as_state(fact: _Fact) -> CheckState:
    state: CheckState = {
        "ok": fact.ok,
        "since": fact.since.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z",
    }
    if fact.error is not None:
        state["error"] = fact.error
    return state


def _describe(error: BaseException) -> str:
    text = str(error) if isinstance(error, AlgaError) else f"{type(error).__name__}: {error}"
    return _for_people(text)


def _for_people(text: str) -> str:
    """One masked line: the report is read by people without a key."""
    return mask_secrets(" ".join(text.split()))[:_LONGEST_ERROR]
