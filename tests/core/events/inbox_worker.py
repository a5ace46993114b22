"""One of the four processes: `python -m tests.core.events.inbox_worker URL SEED LANE`.

It reads lines of two numbers, plays its lane of those worlds, all at once, and the preludes of some
of those behind them, then writes a line of JSON: what its runs were told. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic_ns
from typing import Any, TypeVar
from uuid import UUID

import structlog

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.errors import Category, ConflictError, ErrorInfo, NotFoundError
from alga_workflows_core.events.accepting import Accepted, Acceptor, Judgement
from alga_workflows_core.events.relay import Relay
from alga_workflows_core.events.waits import EventWaitRules
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.interpreter.facts import Fact, WaitOpened
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.closing import close_in
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.events import EventRow, NewEvent, event_row_id
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.temporal.wire import (
    Batch,
    ClosedWait,
    FlushRequest,
    OpenedWait,
    RunIdentity,
)
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import RunStatus
from tests.core.events import plans
from tests.core.events.crashing import CrashedError, NotedStorage, crashing, noting, watch
from tests.core.events.plans import Crash, PlannedWait, World, world

T = TypeVar("T")

_PAUSE = 0.004


class Types:
    """The event types of all worlds: what an event's data says."""

    async def judge(self, work: UnitOfWork, events: Sequence[EventRow]) -> Mapping[UUID, Judgement]:
        judged: dict[UUID, Judgement] = {}
        for each in events:
            assert isinstance(each.data, dict)
            info = ErrorInfo(code="BAD", category=Category.VALIDATION, message="It is bad.")
            refusal = info if each.data["bad"] else None
            judged[each.id] = Judgement(refusal=refusal, keys=each.data["more"])
        return judged


class NotingAcceptor(Acceptor):
    """Notes what it was asked to accept. Only injected exceptions are expected."""

    def __init__(self, storage: Storage, errors: list[str]) -> None:
        super().__init__(storage, Types())
        self._errors = errors

    async def accept(self, tenant: str, row_ids: Collection[UUID]) -> Accepted:
        try:
            with noting({"op": "accept", "events": [str(each) for each in row_ids]}):
                return await super().accept(tenant, row_ids)
        except CrashedError:
            raise
        except Exception as error:
            self._errors.append(f"{tenant}: accept: {error!r}")
            raise


@dataclass(slots=True)
class Told:
    """What runs were told, by wait: by the opening whose answer reached the run, and when it closed
    the wait; and how often an event was told as the first of its kind."""

    opened: dict[str, JsonObject | None] = field(default_factory=dict[str, JsonObject | None])
    closed: dict[str, JsonObject | None] = field(default_factory=dict[str, JsonObject | None])
    staged: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    crashes: int = 0


class Player:
    """Plays lanes."""

    def __init__(self, storage: Storage, told: Told, hints: Hints) -> None:
        self._storage = storage
        self._told = told
        self._acceptor = NotingAcceptor(storage, told.errors)
        self._relay = Relay(storage=storage, acceptor=self._acceptor, metrics=Metrics())
        self._decisions = Decisions(storage, poke=lambda: None)
        self._activities = RunActivities(
            performer=Performer(Registry([])),
            rows=RowWriter(storage=storage, closed=ClosedRuns(hints), metrics=Metrics()),
            waits=WaitDesk(storage, {"event": EventWaitRules()}),
        )
        self._random = random.Random()  # noqa: S311 - when things happen is chance in any case

    async def play(self, which: World, operations: Sequence[plans.Operation]) -> None:
        """One after the other, with short pauses; what goes wrong is told."""
        try:
            for operation in operations:
                await asyncio.sleep(self._random.random() * _PAUSE)
                await self._one(which, operation)
        except Exception as error:  # noqa: BLE001 - all of it is a finding
            self._told.errors.append(f"{which.tenant}: {error!r}")

    async def _one(self, which: World, operation: plans.Operation) -> None:
        match operation:
            case plans.Begin():
                await self._begin(which, operation)
            case plans.Stage():
                await self._again(operation.crashes, lambda: self._stage(which, operation.event))
            case plans.Accept():
                await self._accept(which, operation)
            case plans.WaitStep():
                await self._step(which, operation)
            case plans.Decide():
                await self._decide(which, operation)
            case plans.End():
                await self._again(operation.crashes, lambda: self._end(which, operation.run))

    async def _again(self, crashes: Sequence[Crash], do: Callable[[], Awaitable[T]]) -> T:
        """As Temporal repeats an activity, and a service what its client asks for again."""
        for crash in crashes:
            try:
                with crashing(crash):
                    return await do()
            except CrashedError:
                self._told.crashes += 1
                await asyncio.sleep(self._random.random() * _PAUSE)
        return await do()

    async def _begin(self, which: World, operation: plans.Begin) -> None:
        run = _identity(which, operation.run)
        await self._activities.flush(
            FlushRequest(run=run, temporal_run_id="execution", batch=_batch([]))
        )

    async def _stage(self, which: World, number: int) -> None:
        event = which.events[number]
        for_run = None if event.for_run is None else which.runs[event.for_run].id(which.tenant)
        new = NewEvent(
            source=plans.SOURCE,
            event_id=str(number),
            type=event.name,
            correlation_key=event.key,
            data={"n": event.n, "more": list(event.more), "bad": event.bad},
            for_run=for_run,
        )
        async with self._storage.unit_of_work(which.tenant) as work:
            first = await work.events.stage(new)
        if first:
            self._told.staged.append(f"{which.tenant}/{number}")

    async def _accept(self, which: World, operation: plans.Accept) -> None:
        events = [
            event_row_id(which.tenant, plans.SOURCE, str(each.number)) for each in which.events
        ]
        if operation.by == "relay":
            # What it has claimed comes back when its lease is over.
            with suppress(CrashedError), crashing((*operation.crashes, None)[0]):
                await self._relay.accept_due()
            return
        await self._again(operation.crashes, lambda: self._acceptor.accept(which.tenant, events))

    async def _decide(self, which: World, operation: plans.Decide) -> None:
        run = which.runs[operation.run].id(which.tenant)
        wait = PlannedWait(run=operation.run, number=operation.wait, detail={}).id(run)

        async def decide() -> None:
            with noting({"op": "decide", "wait": str(wait)}):
                await self._decisions.end(which.tenant, wait, {"by": "hand"}, "test")

        try:
            await self._again(operation.crashes, decide)
        except (ConflictError, NotFoundError):
            return

    async def _end(self, which: World, number: int) -> None:
        run = which.runs[number].id(which.tenant)
        while True:
            with noting({"op": "end", "run": str(run)}):
                try:
                    async with self._storage.unit_of_work(which.tenant) as work:
                        seen = await work.runs.get(run)
                        assert seen is not None
                        if seen.status is RunStatus.CANCELED:
                            return
                        if not await close_in(work, seen, RunEnding(status=RunStatus.CANCELED)):
                            raise BlockingIOError
                except BlockingIOError:
                    continue
                return

    async def _step(self, which: World, step: plans.WaitStep) -> None:
        opened: list[tuple[PlannedWait, JsonObject | None]] = []
        requests: list[FlushRequest] = []
        for wait in step.waits:
            request = self._opening(which, wait)
            if wait.rides:
                with noting(_opens(request) | {"op": "write"}):
                    await self._activities.flush(request.model_copy(update={"opens": None}))
            answer = await self._opened(wait, request)
            self._told.opened[str(wait.id(request.run.run_id))] = answer
            opened.append((wait, answer))
            requests.append(request)
        await asyncio.sleep(self._random.random() * _PAUSE)
        if step.closing is not None:
            for wait, answer in opened:
                if answer is None:
                    await self._close(which, step, wait)
        for wait, request in zip(step.waits, requests, strict=True):
            if wait.late:
                with noting(_opens(request)):
                    await self._activities.flush(request)

    async def _opened(self, wait: PlannedWait, request: FlushRequest) -> JsonObject | None:
        """Until an attempt has an answer. Of two at once the run gets one's, whichever ends last:
        the other one was given up."""

        async def open_it() -> JsonObject | None:
            with noting(_opens(request)):
                return (await self._activities.flush(request)).resolution

        if not wait.twice:
            return await self._again(wait.crashes, open_it)
        _, answer = await asyncio.gather(open_it(), self._again(wait.crashes, open_it))
        return answer

    async def _close(self, which: World, step: plans.WaitStep, wait: PlannedWait) -> None:
        run = _identity(which, wait.run)
        assert step.closing is not None
        closed = ClosedWait(id=wait.id(run.run_id), closing=step.closing, at=datetime.now(UTC))
        request = FlushRequest(
            run=run, temporal_run_id="execution", batch=_batch([]), closes=closed
        )

        async def close_it() -> JsonObject | None:
            note = {"op": "close", "wait": str(closed.id), "how": closed.closing}
            with noting(note | {"run": str(run.run_id)}):
                return (await self._activities.flush(request)).resolution

        answer = await self._again(step.crashes, close_it)
        self._told.closed[str(closed.id)] = answer

    def _opening(self, which: World, wait: PlannedWait) -> FlushRequest:
        run, at = _identity(which, wait.run), datetime.now(UTC)
        common: dict[str, Any] = {
            "key": wait.key,
            "path": wait.key.partition("#")[0],
            "due": None,
            "detail": wait.detail,
            "at": at,
        }
        fact = WaitOpened(seq=monotonic_ns(), wait="event", **common)
        return FlushRequest(
            run=run,
            temporal_run_id="execution",
            batch=_batch([fact]),
            opens=OpenedWait(id=wait.id(run.run_id), kind="event", **common),
        )


def _opens(request: FlushRequest) -> JsonObject:
    assert request.opens is not None
    return {"op": "open", "wait": str(request.opens.id), "run": str(request.run.run_id)}


def _identity(which: World, number: int) -> RunIdentity:
    return which.runs[number].identity(which.tenant)


def _batch(facts: list[Fact]) -> Batch:
    # Of the whole machine, so that all processes count on.
    return Batch(seq=monotonic_ns(), status=RunStatus.WAITING, facts=facts)


async def _main(url: str, seed: int, lane: int) -> None:
    settings = load(DatabaseSettings, {"DATABASE_URL": url, "WORKFLOW_DATABASE_POOL_SIZE": "16"})
    database = Database(settings)
    watch(database)
    told = Told()
    player = Player(NotedStorage(database), told, Hints(database, settings))
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        begin, end, ahead = (int(each) for each in line.split())
        lanes = [world(seed, number) for number in range(begin, end)]
        preludes = [
            world(seed, number)
            for number in range(end, ahead)
            if number % plans.PROCESSES == lane
        ]
        await asyncio.gather(
            *(player.play(each, each.lanes[lane]) for each in lanes),
            *(player.play(each, each.prelude) for each in preludes),
        )
        sys.stdout.write("done\n")
        sys.stdout.flush()
    await database.close()
    sys.stdout.write(
        json.dumps(
            {
                "opened": told.opened,
                "closed": told.closed,
                "staged": told.staged,
                "errors": told.errors,
                "crashes": told.crashes,
            }
        )
    )


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
