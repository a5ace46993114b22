"""The calendars of tenants: stored, shown, taken away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import structlog

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.parsing import CalendarError, parse_calendar
from alga_workflows_core.calendars.preview import PreviewDay, preview
from alga_workflows_core.catalogue.named_calendars import (
    CalendarUser,
    DefinitionsUsing,
    calendars_of,
)
from alga_workflows_core.definition.identity import document_text
from alga_workflows_core.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    PreconditionError,
)
from alga_workflows_core.storage.calendars import CalendarHead, CalendarRow
from alga_workflows_core.storage.condition import Condition, require
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer

log = structlog.get_logger()

_NAME = re.compile(DEFINITION_ID)
_MOST_NAMED = 10


class CalendarChangedError(PreconditionError):
    """The stored calendar is not one that the caller allowed to be replaced."""

    code = "CALENDAR_CHANGED"


@dataclass(frozen=True, slots=True)
class SavedCalendar:
    """The calendar as stored; `created` is false if there was one of this name."""

    row: CalendarRow
    created: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Some days of a calendar."""

    calendar: Calendar
    days: Sequence[PreviewDay]


class CalendarService:
    """Calendars of any tenant, named in each call.

    What is waited for already is not moved by a change. `users` are asked, besides the
    definitions, before a calendar is taken away.
    """

    def __init__(self, *, storage: Storage, users: Sequence[CalendarUser] = ()) -> None:
        self._storage = storage
        self._users = (DefinitionsUsing(), *users)

    async def list(self, tenant: str, *, after: str | None, limit: int) -> list[CalendarHead]:
        """By name."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.calendars.list(after=after, limit=limit)

    async def get(self, tenant: str, name: str) -> CalendarRow:
        """NotFoundError if this tenant has no such calendar."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.calendars.get(name)
        if row is None:
            raise _no_calendar(name)
        return row

    async def save(
        self,
        tenant: str,
        name: str,
        document: Json,
        *,
        by: str,
        condition: Condition | None = None,
    ) -> SavedCalendar:
        """Store a calendar; with the content that is stored already nothing changes.

        InputError if `name` is none or `document` does not parse. CalendarChangedError if the
        stored calendar is not one that `condition` lets be replaced.
        """
        members = _parsed(name, document)
        text, new_hash = document_text(members), content_hash(members)
        async with self._storage.unit_of_work(tenant) as work:
            while True:
                present = await work.calendars.get(name, lock=True)
                _require(condition, name, present)
                if present is not None and present.hash == new_hash:
                    return SavedCalendar(present, created=False)
                written = (
                    await work.calendars.insert(name, document=text, content_hash=new_hash, by=by)
                    if present is None
                    else await work.calendars.replace(
                        name, document=text, content_hash=new_hash, by=by
                    )
                )
                # If there was none, somebody else may have made one meanwhile.
                if written is not None:
                    break
        log.info(
            f"Calendar {name} is in its revision {written.revision}",
            action="calendar.saved",
            tenant=tenant,
            calendar=name,
            revision=written.revision,
        )
        return SavedCalendar(written, created=present is None)

    async def remove(self, tenant: str, name: str, *, condition: Condition | None = None) -> None:
        """Take a calendar away.

        NotFoundError if there is none, CalendarChangedError as with `save`, ConflictError if
        something counts by it.
        """
        async with self._storage.unit_of_work(tenant) as work:
            # Whoever publishes what names it waits for this, or this for them.
            present = await work.calendars.get(name, lock=True)
            if present is None:
                raise _no_calendar(name)
            _require(condition, name, present)
            await self._refuse_if_used(work, name)
            await work.calendars.remove(name)
        log.info(
            f"Calendar {name} was taken away",
            action="calendar.removed",
            tenant=tenant,
            calendar=name,
        )

    async def preview(self, tenant: str, name: str, *, first: date | None, days: int) -> Preview:
        """So many days of a calendar from `first` on; None: from today, as it is in its zone.

        NotFoundError if there is no such calendar, InputError `PARAMETER_INVALID` for days that
        cannot be looked at.
        """
        calendar = (await self.get(tenant, name)).calendar()
        begin = first or datetime.now(calendar.zone).date()
        try:
            found = await asyncio.to_thread(preview, calendar, begin, days)
        except ValueError as error:
            raise InputError(
                f"These days cannot be shown: {error}.",
                code="PARAMETER_INVALID",
                path="from",
                remedy="Begin with another day, or ask for fewer.",
            ) from error
        return Preview(calendar, found)

    async def named_in(self, tenant: str, documents: Iterable[Json]) -> Mapping[str, JsonObject]:
        """The calendars that `documents` count by, as far as there are such, as JSON by name."""
        names = sorted({name for each in documents for name in calendars_of(each)})
        if not names:
            return {}
        async with self._storage.unit_of_work(tenant) as work:
            rows = [await work.calendars.get(name) for name in names]
        return {row.name: row.parsed() for row in rows if row is not None}

    async def _refuse_if_used(self, work: UnitOfWork, name: str) -> None:
        used_by = [each for user in self._users for each in await user.using(work, name)]
        if not used_by:
            return
        told = used_by[:_MOST_NAMED]
        if len(used_by) > len(told):
            told.append(f"{len(used_by) - len(told)} more")
        raise ConflictError(
            f"The calendar {name!r} is needed by {', '.join(told)}.",
            code="CALENDAR_IN_USE",
            remedy="Let them count by another calendar first, or archive them.",
            details={"usedBy": used_by},
        )


def _parsed(name: str, document: Json) -> JsonObject:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} cannot be the name of a calendar.",
            code="CALENDAR_NAME_INVALID",
            remedy=f"It has to match {DEFINITION_ID}.",
        )
    try:
        parse_calendar(document)
    except CalendarError as error:
        raise InputError(
            f"This is no calendar: {error}.",
            code="CALENDAR_INVALID",
            path=pointer(*error.place) or None,
            remedy="docs/howto/calendars.md says what a calendar looks like.",
        ) from error
    return cast("JsonObject", document)


def _require(condition: Condition | None, name: str, present: CalendarRow | None) -> None:
    require(
        condition,
        None if present is None else present.hash,
        what=f"The calendar {name!r}",
        at=f"/api/v1/calendars/{name}",
        changed=CalendarChangedError,
    )


def _no_calendar(name: str) -> NotFoundError:
    return NotFoundError(
        f"There is no calendar {name!r}.", remedy="GET /api/v1/calendars lists them."
    )
