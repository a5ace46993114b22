"""What becomes of an occurrence: one transaction that starts its run or says why not.

It may be asked for as often as anybody likes: an occurrence has one row and one run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import structlog

from alga_workflows_core.errors import AlgaError, ConflictError, InputError, NotFoundError
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.schedules.checking import document_of
from alga_workflows_core.schedules.document import Overlap, ScheduleDocument
from alga_workflows_core.schedules.filtering import left_out
from alga_workflows_core.schedules.ports import RunOrder, StartsRun
from alga_workflows_core.storage.schedule_fires import (
    SCHEDULE_TRIGGER,
    Cause,
    FireOutcome,
    FireRow,
    NewFire,
    execution_key,
)
from alga_workflows_core.storage.schedules import ScheduleRow
from alga_workflows_core.storage.slots import slot_of_schedule
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.temporal.names import run_id
from alga_workflows_core.types.states import DefinitionState, ScheduleState

log = structlog.get_logger()

BY = "schedule"
"""Who has started them, if no person has."""

_NEVER = frozenset({"DEFINITION_NOT_ACTIVE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An occurrence that is to be decided. `overlap` None: as the schedule has it."""

    tenant: str
    schedule_id: str
    nominal: datetime
    cause: Cause
    by: str
    overlap: Overlap | None = None

    @property
    def key(self) -> str:
        return occurrence_key(self.nominal)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOf:
    """Which occurrence's run is wanted, how it gets on with others of its schedule, and by whom."""

    schedule_id: str
    key: str
    overlap: Overlap
    by: str


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why there is no run: `code` for programs, `reason` for people."""

    outcome: FireOutcome
    code: str
    reason: str


_Decided: TypeAlias = UUID | _Refusal


def occurrence_key(nominal: datetime) -> str:
    """What tells an occurrence from the others of its schedule."""
    return nominal.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Occurrences:
    """Decides occurrences of any tenant's schedules."""

    def __init__(self, *, storage: Storage, starts: StartsRun, metrics: Metrics) -> None:
        self._storage = storage
        self._starts = starts
        self._metrics = metrics

    async def fire(self, firing: Firing) -> FireRow | None:
        """Decide an occurrence, or find what has become of it; None if there is no such schedule.

        One that was skipped or has failed is decided anew by a backfill only. What cannot be
        decided now (UnavailableError and the like) raises, and nothing is written.
        """
        try:
            decided = await self._decide(firing)
        except (ConflictError, InputError, NotFoundError) as error:
            decided = await self._refused(firing, error)
        if decided is None:
            return None
        row, new = decided
        if new:
            self._metrics.schedule_fired(row.outcome)
            _tell(firing, row)
        return row

    async def _decide(self, firing: Firing) -> tuple[FireRow, bool] | None:
        async with self._storage.unit_of_work(firing.tenant) as work:
            # Occurrences of one schedule are decided one after the other, so that each sees the
            # run of the one before.
            schedule = await work.schedules.get(firing.schedule_id, lock=True)
            if schedule is None:
                return None
            known = await work.schedule_fires.get(firing.schedule_id, firing.key)
            if known is not None and not _is_decided_anew(known, firing):
                return known, False
            document = document_of(schedule)
            decided: _Decided | None = await _refusal(work, schedule, document, firing)
            if decided is None:
                decided = await start_run(
                    work,
                    self._starts,
                    document,
                    RunOf(
                        schedule_id=firing.schedule_id,
                        key=firing.key,
                        overlap=firing.overlap or document.overlap,
                        by=firing.by,
                    ),
                )
            row = await work.schedule_fires.write(firing.schedule_id, _new(firing, decided))
            await _end_if_over(work, schedule, document, firing.nominal)
            return row, True

    async def _refused(self, firing: Firing, error: AlgaError) -> tuple[FireRow, bool] | None:
        """Write that there is no run: for now if something is in the way, else for good."""
        for_now = isinstance(error, ConflictError) and error.error_code not in _NEVER
        outcome = FireOutcome.SKIPPED if for_now else FireOutcome.FAILED
        refusal = _Refusal(outcome, error.error_code, error.message)
        async with self._storage.unit_of_work(firing.tenant) as work:
            schedule = await work.schedules.get(firing.schedule_id, lock=True)
            if schedule is None:
                return None
            row = await work.schedule_fires.write(firing.schedule_id, _new(firing, refusal))
            if not for_now and schedule.state is ScheduleState.ACTIVE:
                await work.schedules.settle(
                    firing.schedule_id,
                    was=schedule.state,
                    state=ScheduleState.BROKEN,
                    reason=error.message,
                )
                # The keeper looks whether it is mended, or over.
                await work.schedules.keep_soon(firing.schedule_id)
                work.leaves(Due.SCHEDULES)
            return row, True


async def start_run(
    work: UnitOfWork, starts: StartsRun, document: ScheduleDocument, run: RunOf
) -> UUID:
    """The run of an occurrence; the one that it has already, whatever has changed since."""
    order = RunOrder(
        schedule_id=run.schedule_id,
        definition_id=document.definition,
        version=document.version,
        key=execution_key(run.schedule_id, run.key),
        payload=document.payload,
        overlap=run.overlap,
        by=run.by,
    )
    identity = run_id(work.tenant, order.definition_id, SCHEDULE_TRIGGER, order.key)
    if await work.runs.get(identity) is not None:
        return identity
    return await starts.start(work, order)


async def overlapping(work: UnitOfWork, schedule_id: str, overlap: Overlap) -> UUID | None:
    """The open run because of which there may be no other one."""
    if overlap != "skip":
        return None
    return await work.slots.any_run(slot_of_schedule(schedule_id))


async def _end_if_over(
    work: UnitOfWork, schedule: ScheduleRow, document: ScheduleDocument, nominal: datetime
) -> None:
    """Make a schedule ENDED whose last occurrence this was, and take that to the keeper."""
    is_open = schedule.state in (ScheduleState.ACTIVE, ScheduleState.BROKEN)
    if is_open and next(document.times().after(nominal), None) is None:
        await work.schedules.settle(schedule.id, was=schedule.state, state=ScheduleState.ENDED)
        await work.schedules.keep_soon(schedule.id)
        work.leaves(Due.SCHEDULES)


def _is_decided_anew(known: FireRow, firing: Firing) -> bool:
    return firing.cause is Cause.BACKFILL and known.outcome is not FireOutcome.STARTED


async def _refusal(
    work: UnitOfWork, schedule: ScheduleRow, document: ScheduleDocument, firing: Firing
) -> _Refusal | None:
    """Why there may be no run."""
    found = await _refusal_of_time(work, schedule, document, firing)
    if found is None and document.calendar is not None:
        found = await _refusal_of_calendar(work, document, firing)
    if found is None:
        # Whoever pauses the definition waits, or has done it.
        definition = await work.definitions.get_shared(document.definition)
        if definition is not None and definition.state is DefinitionState.PAUSED:
            found = _skipped("DEFINITION_PAUSED", f"Definition {definition.id!r} is paused.")
    if found is None:
        overlap = firing.overlap or document.overlap
        still_open = await overlapping(work, firing.schedule_id, overlap)
        if still_open is not None:
            found = _skipped("RUN_STILL_OPEN", f"Run {still_open} of this schedule is still open.")
    return found


async def _refusal_of_time(
    work: UnitOfWork, schedule: ScheduleRow, document: ScheduleDocument, firing: Firing
) -> _Refusal | None:
    if not document.times().includes(firing.nominal):
        return _skipped("NOT_AN_OCCURRENCE", "It is none of the times of this schedule any more.")
    if firing.cause is not Cause.TIME:
        return None
    if schedule.state is ScheduleState.PAUSED:
        return _skipped("SCHEDULE_PAUSED", "The schedule was paused.")
    now = await work.schedules.now()
    return missed(document, firing.nominal, now)


def missed(document: ScheduleDocument, nominal: datetime, now: datetime) -> _Refusal | None:
    """That it is too late for an occurrence, if it is."""
    if now <= nominal + document.jitter_time + document.catch_up_time:
        return None
    return _skipped(
        "MISSED",
        f"It could not be begun within {document.catch_up}, for which it may be caught up.",
    )


async def _refusal_of_calendar(
    work: UnitOfWork, document: ScheduleDocument, firing: Firing
) -> _Refusal | None:
    if document.calendar is None:
        return None
    row = await work.calendars.get(document.calendar.calendar)
    if row is None:
        raise InputError(
            f"There is no calendar {document.calendar.calendar!r}.", code="CALENDAR_UNKNOWN"
        )
    reason = left_out(document.calendar, row.calendar(), firing.nominal)
    return None if reason is None else _skipped("CALENDAR", reason)


def _skipped(code: str, reason: str) -> _Refusal:
    return _Refusal(FireOutcome.SKIPPED, code, reason)


def _new(firing: Firing, decided: _Decided) -> NewFire:
    new = NewFire(
        key=firing.key,
        nominal_at=firing.nominal,
        cause=firing.cause,
        outcome=FireOutcome.STARTED,
        decided_by=firing.by,
    )
    if isinstance(decided, UUID):
        return replace(new, run_id=decided)
    return replace(new, outcome=decided.outcome, code=decided.code, reason=decided.reason)


def _tell(firing: Firing, row: FireRow) -> None:
    became = f"has started run {row.run_id}" if row.run_id else f"was {row.outcome}: {row.reason}"
    log.info(
        f"Occurrence {firing.key} of schedule {firing.schedule_id} {became}",
        action=f"schedule.{row.outcome}",
        tenant=firing.tenant,
        schedule=firing.schedule_id,
        cause=firing.cause,
    )
