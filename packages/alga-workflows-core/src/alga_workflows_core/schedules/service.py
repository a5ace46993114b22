"""What people do with schedules: store, show, pause, take away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from alga_workflows_core.definition.identity import document_text
from alga_workflows_core.errors import ConflictError, InputError, NotFoundError, PreconditionError
from alga_workflows_core.schedules.checking import document_of, fault_of
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.preview import PreviewLine, preview
from alga_workflows_core.storage.condition import Condition, require
from alga_workflows_core.storage.schedule_fires import FireRow
from alga_workflows_core.storage.schedules import ScheduleContent, ScheduleRow
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import ScheduleState

log = structlog.get_logger()


class ScheduleChangedError(PreconditionError):
    """The stored schedule is not one that the caller allowed to be replaced."""

    code = "SCHEDULE_CHANGED"


@dataclass(frozen=True, slots=True)
class SavedSchedule:
    """The schedule as stored; `created` is false if there was one with this id."""

    row: ScheduleRow
    created: bool


class ScheduleService:
    """Schedules of any tenant, named in each call.

    Storing a definition or publishing a version of it never changes a schedule.
    """

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def save(
        self,
        tenant: str,
        schedule_id: str,
        document: ScheduleDocument,
        *,
        by: str,
        condition: Condition | None = None,
    ) -> SavedSchedule:
        """Store a schedule; with the content that is stored already nothing changes.

        One that is paused stays so. InputError if no run could come of it as things are, or if it
        has no more occurrences; ScheduleChangedError if `condition` does not let it be replaced.
        """
        async with self._storage.unit_of_work(tenant) as work:
            while True:
                kept = await work.schedules.get_kept(schedule_id, lock=True)
                present = kept if kept is not None and kept.removed_at is None else None
                _require(condition, schedule_id, present)
                content = await self._content(work, document)
                if present is not None and present.hash == content.hash:
                    return SavedSchedule(present, created=False)
                if kept is None:
                    row = await work.schedules.insert(schedule_id, content, by=by)
                else:
                    paused = present is not None and present.state is ScheduleState.PAUSED
                    state = ScheduleState.PAUSED if paused else ScheduleState.ACTIVE
                    row = await work.schedules.replace(schedule_id, content, state=state, by=by)
                # If there was none, somebody else may have made one meanwhile.
                if row is not None:
                    break
            work.leaves(Due.SCHEDULES)
        self._changed(tenant, row, "saved")
        return SavedSchedule(row, created=present is None)

    async def get(self, tenant: str, schedule_id: str) -> ScheduleRow:
        """NotFoundError if this tenant has no such schedule."""
        async with self._storage.unit_of_work(tenant) as work:
            return await existing(work, schedule_id)

    async def list(
        self, tenant: str, *, after: str | None, limit: int, definition_id: str | None
    ) -> list[ScheduleRow]:
        """By id."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.schedules.list(after=after, limit=limit, definition_id=definition_id)

    async def remove(
        self, tenant: str, schedule_id: str, *, by: str, condition: Condition | None = None
    ) -> None:
        """Take it away; its runs go on, and what became of its occurrences is kept.

        NotFoundError if there is none, ScheduleChangedError as with `save`.
        """
        async with self._storage.unit_of_work(tenant) as work:
            row = await existing(work, schedule_id, lock=True)
            _require(condition, schedule_id, row)
            await work.schedules.take_away(schedule_id, by=by)
            work.leaves(Due.SCHEDULES)
        self._changed(tenant, row, "removed")

    async def pause(self, tenant: str, schedule_id: str, *, by: str) -> ScheduleRow:
        """Let no occurrence start a run until it is resumed. ConflictError if it has ended."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await existing(work, schedule_id, lock=True)
            if row.state is ScheduleState.PAUSED:
                return row
            _refuse_ended(row)
            row = await work.schedules.pause(schedule_id, by=by)
            work.leaves(Due.SCHEDULES)
        self._changed(tenant, row, "paused")
        return row

    async def resume(self, tenant: str, schedule_id: str, *, by: str) -> ScheduleRow:
        """Undo a pause; what came in the meantime is left to a backfill. ConflictError if it has
        ended."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await existing(work, schedule_id, lock=True)
            _refuse_ended(row)
            if row.state is not ScheduleState.PAUSED:
                return row
            row = await work.schedules.resume(schedule_id, by=by)
            work.leaves(Due.SCHEDULES)
        self._changed(tenant, row, "resumed")
        return row

    async def preview(
        self, tenant: str, schedule_id: str, *, start: datetime | None, count: int
    ) -> Sequence[PreviewLine]:
        """Its first `count` occurrences from `start` on; None: from now on."""
        async with self._storage.unit_of_work(tenant) as work:
            document = document_of(await existing(work, schedule_id))
            begin = await work.schedules.now() if start is None else start
            wanted = document.calendar
            row = None if wanted is None else await work.calendars.get(wanted.calendar)
        return preview(document, None if row is None else row.calendar(), begin, count)

    async def fires(
        self, tenant: str, schedule_id: str, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[FireRow]:
        """What has become of its occurrences, the newest first."""
        async with self._storage.unit_of_work(tenant) as work:
            await existing(work, schedule_id)
            return await work.schedule_fires.list(schedule_id, after=after, limit=limit)

    async def _content(self, work: UnitOfWork, document: ScheduleDocument) -> ScheduleContent:
        fault = await fault_of(work, document)
        if fault is not None:
            raise fault.as_error()
        if next(document.times().after(await work.schedules.now()), None) is None:
            raise InputError(
                "This schedule has no more occurrences.",
                code="SCHEDULE_OVER",
                path="/when",
                remedy="Choose times that are to come.",
            )
        members: JsonObject = document.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return ScheduleContent(
            definition_id=document.definition,
            calendar=None if document.calendar is None else document.calendar.calendar,
            document=document_text(members),
            hash=content_hash(members),
        )

    def _changed(self, tenant: str, row: ScheduleRow, what: str) -> None:
        log.info(
            f"Schedule {row.id} of {row.definition_id} was {what}",
            action=f"schedule.{what}",
            tenant=tenant,
            schedule=row.id,
            definition=row.definition_id,
        )


class SchedulesUsing:
    """Tells who would miss a calendar."""

    async def using(self, work: UnitOfWork, calendar: str) -> Sequence[str]:
        """The schedules that count by it, in words."""
        return [f"the schedule {each!r}" for each in await work.schedules.naming_calendar(calendar)]


async def existing(work: UnitOfWork, schedule_id: str, *, lock: bool = False) -> ScheduleRow:
    """The schedule; NotFoundError if this tenant has none with this id."""
    row = await work.schedules.get(schedule_id, lock=lock)
    if row is None:
        raise NotFoundError(
            f"There is no schedule {schedule_id!r}.", remedy="GET /api/v1/schedules lists them."
        )
    return row


def _require(condition: Condition | None, schedule_id: str, present: ScheduleRow | None) -> None:
    require(
        condition,
        None if present is None else present.hash,
        what=f"The schedule {schedule_id!r}",
        at=f"/api/v1/schedules/{schedule_id}",
        changed=ScheduleChangedError,
    )


def _refuse_ended(row: ScheduleRow) -> None:
    if row.state is ScheduleState.ENDED:
        raise ConflictError(
            f"The schedule {row.id!r} has no more occurrences.",
            code="SCHEDULE_ENDED",
            remedy="Store it with times that are to come.",
        )
