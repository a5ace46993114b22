"""Why the occurrences of a schedule would come to nothing, as things are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pydantic import ValidationError

from alga_workflows_core.errors import InputError
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.storage.schedules import ScheduleRow
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types import faults
from alga_workflows_core.types.states import DefinitionState, ScheduleState
from alga_workflows_core.validation.payload import check_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong, as a sentence; `path` leads into the document."""

    code: str
    message: str
    path: str
    remedy: str

    def as_error(self) -> InputError:
        return InputError(self.message, code=self.code, path=self.path, remedy=self.remedy)


class UnreadableScheduleError(InputError):
    """A stored document is none that this release knows."""

    code = "SCHEDULE_UNREADABLE"


def document_of(row: ScheduleRow) -> ScheduleDocument:
    """The document of a row; UnreadableScheduleError if another release has written it."""
    try:
        return ScheduleDocument.model_validate(row.parsed())
    except ValidationError as error:
        first = faults.sentence(cast("Any", error.errors(include_url=False)[0]))
        raise UnreadableScheduleError(
            f"This release cannot read the schedule {row.id!r}: {first}.",
            remedy="Store it again, or use the release that has stored it.",
        ) from error


def next_occurrence(row: ScheduleRow, now: datetime) -> datetime | None:
    """The first occurrence behind `now` that is to start a run; None where there will be none."""
    if row.state in (ScheduleState.PAUSED, ScheduleState.ENDED):
        return None
    try:
        return next(document_of(row).times().after(now), None)
    except UnreadableScheduleError:
        return None


async def fault_of(work: UnitOfWork, document: ScheduleDocument) -> Fault | None:
    """What is wrong with a schedule as its definition and its calendar are now.

    A definition that is paused is nothing wrong: its occurrences are skipped until it is resumed.
    The calendar is there until the transaction ends, if it is there.
    """
    wanted = document.calendar
    if wanted is not None:
        there = await work.calendars.names(keep=[wanted.calendar])
        if wanted.calendar not in there:
            return Fault(
                code="CALENDAR_UNKNOWN",
                message=f"There is no calendar {wanted.calendar!r}.",
                path="/calendar/calendar",
                remedy="GET /api/v1/calendars lists them.",
            )
    return await _definition_fault(work, document)


async def _definition_fault(work: UnitOfWork, document: ScheduleDocument) -> Fault | None:
    identity = document.definition
    definition = await work.definitions.get(identity)
    if definition is None:
        return Fault(
            code="DEFINITION_UNKNOWN",
            message=f"There is no definition {identity!r}.",
            path="/definition",
            remedy="GET /api/v1/definitions lists them.",
        )
    number = document.version or definition.active_version
    if number is None or definition.state in (DefinitionState.DRAFT, DefinitionState.ARCHIVED):
        return Fault(
            code="DEFINITION_NOT_ACTIVE",
            message=f"Definition {identity!r} is {definition.state}, so it starts no runs.",
            path="/definition",
            remedy="Publish it first." if number is None else "Activate it.",
        )
    version = await work.definitions.version(identity, number)
    if version is None:
        return Fault(
            code="VERSION_UNKNOWN",
            message=f"Definition {identity!r} has no version {number}.",
            path="/version",
            remedy=f"GET /api/v1/definitions/{identity}/versions lists them.",
        )
    schema = version.parsed().get("payloadSchema")
    if schema is None:
        return None
    try:
        check_payload(schema, document.payload, definition_id=identity)
    except InputError as error:
        return Fault(
            code=error.error_code,
            message=error.message,
            path=error.path or "/payload",
            remedy=error.remedy or "Correct the payload.",
        )
    return None
