"""Runs of a schedule that people ask for: one now, or those of times that have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alga_workflows_core.errors import ConflictError, InputError
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.schedules.checking import document_of
from alga_workflows_core.schedules.document import Overlap
from alga_workflows_core.schedules.firing import (
    Firing,
    Occurrences,
    RunOf,
    overlapping,
    start_run,
)
from alga_workflows_core.schedules.ports import StartsRun
from alga_workflows_core.schedules.service import existing
from alga_workflows_core.storage.schedule_fires import Cause, FireOutcome, FireRow, NewFire
from alga_workflows_core.storage.unit_of_work import Storage

MOST_BACKFILLED = 500
"""How many occurrences one request makes up for at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when to when, both included."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Requested:
    """The run that was asked for, and whether this request made it."""

    fire: FireRow
    created: bool


class ScheduleRequests:
    """Starts runs of any tenant's schedules, in whatever state these are."""

    def __init__(
        self, *, storage: Storage, starts: StartsRun, occurrences: Occurrences, metrics: Metrics
    ) -> None:
        self._storage = storage
        self._starts = starts
        self._occurrences = occurrences
        self._metrics = metrics

    async def trigger(self, tenant: str, schedule_id: str, *, key: str, by: str) -> Requested:
        """Start a run now, or find the one that this key has started.

        Neither calendar nor pause is asked. NotFoundError if there is no such schedule,
        ConflictError if there may be no run now, InputError if there can be none.
        """
        async with self._storage.unit_of_work(tenant) as work:
            schedule = await existing(work, schedule_id, lock=True)
            # An occurrence's key begins with a year.
            fire_key = f"request:{key}"
            known = await work.schedule_fires.get(schedule_id, fire_key)
            if known is not None:
                return Requested(known, created=False)
            document = document_of(schedule)
            still_open = await overlapping(work, schedule_id, document.overlap)
            if still_open is not None:
                raise ConflictError(
                    f"Run {still_open} of the schedule {schedule_id!r} is still open.",
                    code="RUN_STILL_OPEN",
                    remedy="Wait for its end, or cancel it.",
                )
            wanted = RunOf(schedule_id=schedule_id, key=fire_key, overlap=document.overlap, by=by)
            run = await start_run(work, self._starts, document, wanted)
            now = await work.schedules.now()
            new = NewFire(
                key=fire_key,
                nominal_at=now.replace(microsecond=0),
                cause=Cause.REQUEST,
                outcome=FireOutcome.STARTED,
                run_id=run,
                decided_by=by,
            )
            row = await work.schedule_fires.write(schedule_id, new)
        self._metrics.schedule_fired(row.outcome)
        return Requested(row, created=True)

    async def backfill(
        self, tenant: str, schedule_id: str, span: Span, *, overlap: Overlap | None, by: str
    ) -> Sequence[FireRow]:
        """Decide every occurrence of a span anew that has not started a run, in order.

        What was started is found as it is. The schedule's calendar holds, its pause and its
        catching up do not; `overlap` None: as the schedule has it. InputError for a span that is
        not over or has more than `MOST_BACKFILLED` occurrences; NotFoundError.
        """
        async with self._storage.unit_of_work(tenant) as work:
            document = document_of(await existing(work, schedule_id))
            now = await work.schedules.now()
        _check(span, now)
        nominals: list[datetime] = []
        for at in document.times().after(span.start - timedelta.resolution):
            if at > span.end:
                break
            nominals.append(at)
            if len(nominals) > MOST_BACKFILLED:
                raise InputError(
                    f"There are more than {MOST_BACKFILLED} occurrences in this span.",
                    code="BACKFILL_TOO_LONG",
                    path="/to",
                    remedy="Ask for a shorter span, and then for the next one.",
                )
        rows: list[FireRow] = []
        for nominal in nominals:
            firing = Firing(
                tenant=tenant,
                schedule_id=schedule_id,
                nominal=nominal,
                cause=Cause.BACKFILL,
                by=by,
                overlap=overlap,
            )
            row = await self._occurrences.fire(firing)
            if row is not None:
                rows.append(row)
        return rows


def _check(span: Span, now: datetime) -> None:
    if span.end < span.start:
        raise InputError(
            "The end of the span is before its beginning.",
            code="BACKFILL_SPAN",
            path="/to",
            remedy="Give a later `to`.",
        )
    if span.end > now:
        raise InputError(
            "Only times that have been can be made up for.",
            code="BACKFILL_SPAN",
            path="/to",
            remedy="Give a `to` that is not in the future.",
        )
