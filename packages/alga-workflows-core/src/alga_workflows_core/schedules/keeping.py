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
from alga_workflows_core.schedules.ports import StartsRun
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
# What was changed in Temporal just now is looked at again soon.
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
        starts: StartsRun,
        settings: ScheduleSettings,
    ) -> None:
        self._storage = storage
        self._temporal = temporal
        self._occurrences = occurrences
        self._starts = starts
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
        if not paused and next(document.times().after(turn.row.counted_until), None) is None:
            return await self._temporal.remove(turn.tenant, turn.row.id)
        return await self._temporal.converge(
            wanted_schedule(turn.tenant, turn.row.id, document, paused=paused, now=turn.now)
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
        again = min(self._check, _SECOND_LOOK) if changed else self._check
        async with self._storage.unit_of_work(turn.tenant) as work:
            next_at = next(document.times().after(await work.schedules.now()), None)
            is_current = await work.schedules.kept(
                row.id,
                row.revision,
                next_at=next_at,
                counted_until=counted.until,
                again=timedelta() if counted.more else again,
            )
            if not is_current:
                await work.schedules.keep_soon(row.id)
                return
            await work.schedule_fires.forget(row.id, turn.now - self._fires_kept)
            if not counted.more:
                is_over = next(document.times().after(counted.until), None) is None
                await self._settle(work, row.id, document, is_over=is_over)

    async def _settle(
        self, work: UnitOfWork, schedule_id: str, document: ScheduleDocument, *, is_over: bool
    ) -> None:
        """Write the state that follows from how things are. The caller holds the row's lock."""
        row = await work.schedules.get(schedule_id)
        if row is None or row.state is ScheduleState.PAUSED:
            return
        if is_over:
            if row.state is not ScheduleState.ENDED:
                await work.schedules.settle(schedule_id, ScheduleState.ENDED)
                # Temporal is to know.
                await work.schedules.keep_soon(schedule_id)
            return
        fault = await fault_of(work, document, self._starts.overlaps)
        if fault is None:
            await work.schedules.settle(schedule_id, ScheduleState.ACTIVE)
        else:
            await work.schedules.settle(schedule_id, ScheduleState.BROKEN, reason=fault.message)

    async def _give_up(self, turn: Turn, reason: str) -> None:
        """Until somebody changes it, or until another look finds it mended."""
        row = turn.row
        async with self._storage.unit_of_work(turn.tenant) as work:
            is_current = await work.schedules.kept(
                row.id,
                row.revision,
                next_at=row.next_at,
                counted_until=row.counted_until,
                again=self._check,
            )
            if not is_current:
                await work.schedules.keep_soon(row.id)
            elif row.state in (ScheduleState.ACTIVE, ScheduleState.BROKEN):
                await work.schedules.settle(row.id, ScheduleState.BROKEN, reason=reason)


def _of_time(turn: Turn, nominal: datetime) -> Firing:
    return Firing(
        tenant=turn.tenant, schedule_id=turn.row.id, nominal=nominal, cause=Cause.TIME, by=BY
    )
