"""What one process of the interleavings does: its lane of each world, with exceptions injected."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic_ns
from typing import Any, TypeVar
from uuid import UUID

from alga_workflows_core.errors import Category, ConflictError, ErrorInfo, NotFoundError
from alga_workflows_core.events.accepting import Accepted, Acceptor, Judgement, ToJudge
from alga_workflows_core.events.relay import Relay
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.interpreter.facts import Fact, WaitOpened
from alga_workflows_core.runs.closing import close_in
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.storage.event_rows import NewEvent, event_row_id
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
from tests.core.events.crashing import CrashedError, crashing, noting, stalling
from tests.core.events.inboxes import activities
from tests.core.events.plans import Crash, PlannedWait, World

T = TypeVar("T")

_PAUSE = 0.004
_BAD = ErrorInfo(code="BAD", category=Category.VALIDATION, message="It is bad.")


class Types:
    """The event types of all worlds: what an event's data says."""

    async def judge(
        self,
        work: UnitOfWork,  # noqa: ARG002
        events: Sequence[ToJudge],
    ) -> Mapping[UUID, Judgement]:
        judged: dict[UUID, Judgement] = {}
        for each in events:
            data: Any = each.data
            refusal = _BAD if data["bad"] else None
            judged[each.id] = Judgement(refusal=refusal, keys=data["more"])
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

    def __init__(self, storage: Storage, url: str, told: Told, seed: int) -> None:
        self._storage = storage
        self._told = told
        self._acceptor = NotingAcceptor(storage, told.errors)
        self._relay = Relay(storage=storage, acceptor=self._acceptor, metrics=Metrics())
        self._decisions = Decisions(storage)
        self._activities = activities(storage, url)
        # When things happen is chance in any case; these are the same for a seed.
        self._random = random.Random(seed)  # noqa: S311

    async def play(
        self, which: World, operations: Sequence[plans.Operation], *, at_once: bool = False
    ) -> None:
        """One after the other, with short pauses, where others are at it also between statements;
        what goes wrong is told."""
        try:
            for operation in operations:
                await asyncio.sleep(self._random.random() * _PAUSE)
                with stalling(self._random) if at_once else nullcontext():
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
        while not await self._ended(which.tenant, run):
            pass  # somebody has written its row since

    async def _ended(self, tenant: str, run: UUID) -> bool:
        try:
            with noting({"op": "end", "run": str(run)}):
                async with self._storage.unit_of_work(tenant) as work:
                    seen = await work.runs.get(run)
                    assert seen is not None
                    await _require(close_in(work, seen, RunEnding(status=RunStatus.CANCELED)))
        except _NotAsSeenError:
            return False
        return True

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


class _NotAsSeenError(Exception):
    """Nothing was done; so nothing is to be noted either."""


async def _require(done: Awaitable[bool]) -> None:
    if not await done:
        raise _NotAsSeenError


def _opens(request: FlushRequest) -> JsonObject:
    assert request.opens is not None
    return {"op": "open", "wait": str(request.opens.id), "run": str(request.run.run_id)}


def _identity(which: World, number: int) -> RunIdentity:
    return which.runs[number].identity(which.tenant)


def _batch(facts: list[Fact]) -> Batch:
    # Of the whole machine, so that all processes count on.
    return Batch(seq=monotonic_ns(), status=RunStatus.WAITING, facts=facts)
