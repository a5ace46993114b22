"""Rows of what happens to jobs, written beside the work and never in its way.

What is lost here, because PostgreSQL or this process was away, `Settling` and `Finding` restore
from Temporal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import structlog

from alga_temporal_domain.jobs.contracts import Progress
from alga_temporal_domain.storage.jobs import JobRef, Jobs, StepRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.supervisor import happens_within

log = structlog.get_logger()

MOST_FACTS = 20_000
"""Facts that wait for PostgreSQL; the oldest are forgotten."""

_BATCH = 200
_PROGRESS_SECONDS = 0.5
_AGAIN_SECONDS = 1.0
_WRITE_SECONDS = 15.0
_AT_ONCE_SECONDS = 3.0
_LONGEST_MESSAGE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """Temporal has the job."""

    ref: JobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBegan:
    """A worker has begun an attempt."""

    ref: JobRef
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """It is over for this worker, well (no `error`) or not; what that means, Temporal decides."""

    ref: JobRef
    attempt: int
    at: datetime
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked:
    """Somebody wants the job to end."""

    ref: JobRef
    at: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The handler has told how far it is."""

    ref: JobRef
    attempt: int
    progress: Progress


Fact: TypeAlias = Enqueued | AttemptBegan | AttemptEnded | CancelAsked | Told


async def write_fact(jobs: Jobs, fact: Fact) -> None:
    """The rows of one fact; written twice they are the same."""
    ref = fact.ref
    await jobs.ensure(ref)
    match fact:
        case Enqueued():
            await jobs.step(ref.id, _step("enqueued", 0, ref.created_at, None))
        case AttemptBegan(attempt=attempt, at=at):
            await jobs.started(ref.id, attempt=attempt, at=at)
            await jobs.step(ref.id, _step("execution_started", attempt, at, None))
        case AttemptEnded(attempt=attempt, at=at, error=error):
            if error is not None:
                await jobs.step(ref.id, _step("attempt_failed", attempt, at, error))
            await jobs.look_now(ref.id)
        case CancelAsked(at=at, message=message):
            await jobs.step(ref.id, _step("cancel_requested", 0, at, message))
            await jobs.look_now(ref.id)
        case Told(attempt=attempt, progress=told):
            await jobs.progress(
                ref.id, attempt=attempt, progress=told.fraction, message=told.message
            )


def _step(name: str, attempt: int, at: datetime, message: str | None) -> StepRow:
    return StepRow(name=name, attempt=attempt, at=at, message=shown(message))


def shown(message: str | None) -> str | None:
    """`message` as a row can hold it."""
    return None if message is None else message.replace("\x00", "")[:_LONGEST_MESSAGE]


class Bookkeeping:
    """Takes facts without ever waiting, and as a service writes them when PostgreSQL is there."""

    name = "job-bookkeeping"

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage
        self._facts: deque[Fact] = deque(maxlen=MOST_FACTS)
        self._told: dict[tuple[str, str], Told] = {}
        self._new = asyncio.Event()
        self._stopping = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def when_written(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each round that has written something."""
        self._listeners.append(listener)

    def note(self, fact: Fact) -> None:
        """Have it written soon. Never fails, never waits."""
        if isinstance(fact, Told):
            # Only the last word of a job counts.
            self._told[fact.ref.tenant, str(fact.ref.id)] = fact
        else:
            self._facts.append(fact)
            self._new.set()

    async def write_at_once(self, fact: Fact) -> None:
        """Have it written before this returns if that takes no time to speak of, else later."""
        try:
            async with asyncio.timeout(_AT_ONCE_SECONDS):
                async with self._storage.unit_of_work(fact.ref.tenant) as work:
                    await write_fact(work.jobs, fact)
        except Exception as error:  # noqa: BLE001
            # A boundary: whatever is wrong with rows, the job itself is under way.
            log.warning(
                f"A job's row could not be written, and will be later: {error}",
                action="job.unwritten",
                job_id=str(fact.ref.id),
            )
            self.note(fact)

    async def run(self, ready: Callable[[], None]) -> None:
        """Write until stopped, and once more."""
        ready()
        while not self._stopping.is_set():
            self._new.clear()
            if await self._round():
                await happens_within(self._new, _PROGRESS_SECONDS)
            else:
                await happens_within(self._stopping, _AGAIN_SECONDS)
        await self._round()

    async def stop(self) -> None:
        """End after a last round."""
        self._stopping.set()
        self._new.set()

    async def _round(self) -> bool:
        """Whether everything was written."""
        told, self._told = self._told, {}
        self._facts.extend(told.values())
        has_written = False
        while self._facts:
            batch = [self._facts.popleft() for _ in range(min(_BATCH, len(self._facts)))]
            left = await self._write(batch)
            has_written = has_written or len(left) < len(batch)
            if left:
                # What came meanwhile stays behind them, and if there is no room, so be it.
                room = MOST_FACTS - len(self._facts)
                self._facts.extendleft(reversed(left[max(0, len(left) - room) :]))
                return False
        if has_written:
            for listener in self._listeners:
                listener()
        return True

    async def _write(self, batch: list[Fact]) -> list[Fact]:
        """Those that PostgreSQL was not there for."""
        left: list[Fact] = []
        for tenant in dict.fromkeys(fact.ref.tenant for fact in batch):
            facts = [fact for fact in batch if fact.ref.tenant == tenant]
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    async with self._storage.unit_of_work(tenant) as work:
                        for fact in facts:
                            await write_fact(work.jobs, fact)
            except (UnavailableError, TimeoutError) as error:
                log.warning(
                    f"Facts on jobs wait for PostgreSQL: {error}",
                    action="job.facts_wait",
                    facts=len(facts),
                )
                left += facts
            except Exception:
                # A boundary: facts that a row refuses must not keep the others back.
                log.exception(
                    "Facts on jobs were refused and are left out; Temporal has them.",
                    action="job.facts_refused",
                    facts=len(facts),
                )
        return left
