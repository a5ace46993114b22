"""One turn with a schedule: what Temporal has of it, and what has become of its occurrences.

A turn may end anywhere and be repeated, also while another process takes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alga_workflows_core.schedules.checking import (
    UnreadableScheduleError,
    document_of,
    fault_of,
)
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.firing import BY, Firing, Occurrences, occurrence_key
from alga_workflows_core.schedules.settings import ScheduleSettings
from alga_workflows_core.schedules.wanted import wanted_schedule
from alga_workflows_core.storage.schedule_fires import Cause
from alga_workflows_core.storage.schedules import ScheduleRow
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.temporal.schedules import ScheduleRefusedError, TemporalSchedules
from alga_workflows_core.types.states import ScheduleState

MOST_AT_ONCE = 200
"""How many undecided occurrences one turn decides."""

# Within this time Temporal has told of an occurrence, if all is well.
_USUALLY_DECIDED = timedelta(seconds=15)
# Temporal takes a change a moment later than it says; what it made anew it has at once.
_SECOND_LOOK = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Turn:
    """A schedule as it was read, taken away or not, and when, by the database's clock."""

    tenant: str
    row: ScheduleRow
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """Until when all occurrences are decided, and whether there are more to decide at once."""

    until: datetime
    more: bool


class Keeping:
    """Takes turns with schedules of any tenant."""

    def __init__(
        self,
        *,
        storage: Storage,
        temporal: TemporalSchedules,
        occurrences: Occurrences,
        settings: ScheduleSettings,
    ) -> None:
        self._storage = storage
        self._temporal = temporal
        self._occurrences = occurrences
        self._check = timedelta(seconds=settings.check)
        self._fires_kept = timedelta(days=settings.fires_days)

    async def keep(self, turn: Turn) -> None:
        """Take a turn. What raises is tried again."""
        if turn.row.removed_at is not None:
            await self._remove(turn)
            return
        try:
            document = document_of(turn.row)
            changed = await self._converge(turn, document)
        except (UnreadableScheduleError, ScheduleRefusedError) as error:
            await self._give_up(turn, error.message)
            return
        counted = await self._decide(turn, document, changed=changed)
        await self._end(turn, document, counted, changed=changed)

    async def _remove(self, turn: Turn) -> None:
        await self._temporal.remove(turn.tenant, turn.row.id)
        async with self._storage.unit_of_work(turn.tenant) as work:
            await work.schedules.forget(turn.row.id, turn.row.revision)

    async def _converge(self, turn: Turn, document: ScheduleDocument) -> bool:
        """Have Temporal know the schedule as it is; whether that took a change."""
        paused = turn.row.state is ScheduleState.PAUSED
        if not paused and _is_over(document, turn.row.counted_until):
            return await self._temporal.remove(turn.tenant, turn.row.id)
        return await self._temporal.converge(
            wanted_schedule(turn.tenant, turn.row.id, document, paused=paused, now=turn.now),
            is_new=_is_new(turn.row),
        )

    async def _decide(self, turn: Turn, document: ScheduleDocument, *, changed: bool) -> _Counted:
        """Decide the occurrences of which Temporal has not told: they came before it knew of
        them, or it was away for longer than they may be caught up."""
        row = turn.row
        if row.state is ScheduleState.PAUSED:
            return _Counted(until=row.counted_until, more=False)
        async with self._storage.unit_of_work(turn.tenant) as work:
            now = await work.schedules.now()
            known = await work.schedule_fires.known(row.id, row.counted_until, now)
        until = now - document.jitter_time
        if not changed:
            until -= _USUALLY_DECIDED
        counted, decided = row.counted_until, 0
        for nominal in document.times().after(row.counted_until):
            if nominal > now or (nominal > until and occurrence_key(nominal) not in known):
                break
            if occurrence_key(nominal) not in known:
                await self._occurrences.fire(_of_time(turn, nominal))
                decided += 1
            counted = nominal
            if decided == MOST_AT_ONCE:
                return _Counted(until=counted, more=True)
        return _Counted(until=max(counted, until), more=False)

    async def _end(
        self, turn: Turn, document: ScheduleDocument, counted: _Counted, *, changed: bool
    ) -> None:
        row = turn.row
        is_over = not counted.more and _is_over(document, counted.until)
        again = self._check
        if changed and not _is_new(row):
            again = min(again, _SECOND_LOOK)
        if counted.more or (is_over and not _is_over(document, row.counted_until)):
            # There is more to decide, or Temporal is to forget it.
            again = timedelta()
        async with self._storage.unit_of_work(turn.tenant) as work:
            is_current = await work.schedules.kept(
                row.id, row.revision, counted_until=counted.until, again=again
            )
            if not is_current:
                await work.schedules.keep_soon(row.id)
                return
            await work.schedule_fires.forget(row.id, turn.now - self._fires_kept)
            if not counted.more and row.state is not ScheduleState.PAUSED:
                state, reason = ScheduleState.ENDED, None
                if not is_over:
                    state, reason = await self._open_state(work, document)
                await work.schedules.settle(row.id, was=row.state, state=state, reason=reason)

    async def _open_state(
        self, work: UnitOfWork, document: ScheduleDocument
    ) -> tuple[ScheduleState, str | None]:
        fault = await fault_of(work, document)
        if fault is None:
            return ScheduleState.ACTIVE, None
        return ScheduleState.BROKEN, fault.message

    async def _give_up(self, turn: Turn, reason: str) -> None:
        """Until somebody changes it, or until another look finds it mended."""
        row = turn.row
        async with self._storage.unit_of_work(turn.tenant) as work:
            is_current = await work.schedules.kept(
                row.id,
                row.revision,
                counted_until=row.counted_until,
                again=self._check,
            )
            if not is_current:
                await work.schedules.keep_soon(row.id)
            elif row.state in (ScheduleState.ACTIVE, ScheduleState.BROKEN):
                await work.schedules.settle(
                    row.id, was=row.state, state=ScheduleState.BROKEN, reason=reason
                )


def _is_new(row: ScheduleRow) -> bool:
    """Whether no turn with it has ended, nor has anybody changed it; true a moment longer."""
    return row.revision == 1 and row.counted_until < row.created_at + timedelta(seconds=1)


def _is_over(document: ScheduleDocument, moment: datetime) -> bool:
    """Whether there is no occurrence behind `moment`."""
    return next(document.times().after(moment), None) is None


def _of_time(turn: Turn, nominal: datetime) -> Firing:
    return Firing(
        tenant=turn.tenant, schedule_id=turn.row.id, nominal=nominal, cause=Cause.TIME, by=BY
    )
