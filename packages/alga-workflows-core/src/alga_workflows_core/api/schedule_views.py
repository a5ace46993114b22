"""Schedules as the API shows them, and what it is asked of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from alga_workflows_core.definition.values import moment_fault
from alga_workflows_core.schedules.checking import next_occurrence
from alga_workflows_core.schedules.document import Overlap
from alga_workflows_core.schedules.preview import PreviewLine
from alga_workflows_core.storage.schedule_fires import Cause, FireOutcome, FireRow
from alga_workflows_core.storage.schedules import ScheduleRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.states import ScheduleState


def _with_offset(text: str) -> str:
    if moment_fault(text) is not None or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("It has to be a time with its offset, as in 2026-12-24T18:00:00Z")
    return text


class ScheduleView(Model):
    """A schedule. `reason` says why it is BROKEN; `nextAt` is null where nothing
    is to come, and while it is PAUSED."""

    schedule_id: str
    definition_id: str
    state: ScheduleState
    reason: str | None
    next_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class ScheduleDocumentView(ScheduleView):
    """The same with what people have written."""

    document: JsonObject


class FireView(Model):
    """What has become of an occurrence. `runId` is there if it was started; else `code`, for
    programs, and `reason`, for people, say why not."""

    key: str
    nominal_at: datetime
    cause: Cause
    outcome: FireOutcome
    code: str | None
    reason: str | None
    run_id: UUID | None
    decided_at: datetime
    decided_by: str


class PreviewLineView(Model):
    """An occurrence to come: `at` as the schedule's clocks show it. `notes` are sentences."""

    at: datetime
    runs: bool
    notes: list[str]


class SchedulePreviewView(Model):
    """The next occurrences, those too that the calendar leaves out."""

    lines: list[PreviewLineView]


class ScheduleStateChange(Model):
    """Nothing is to be said of it."""


class Backfill(Model):
    """Which times are to be made up for; `from` and `to` are included."""

    start: Annotated[
        str, AfterValidator(_with_offset), Field(alias="from", description="The first time.")
    ]
    to: Annotated[str, AfterValidator(_with_offset), Field(description="The last time.")]
    overlap: Annotated[
        Overlap | None,
        Field(description="What happens while a run is open; absent: as the schedule has it."),
    ] = None


class BackfilledView(Model):
    """Every occurrence of the span, in order, with what has become of it."""

    fires: list[FireView]


def schedule_view(row: ScheduleRow) -> ScheduleView:
    """What lists show."""
    names = set(ScheduleView.model_fields) - {"schedule_id", "next_at"}
    return ScheduleView(
        schedule_id=row.id,
        next_at=next_occurrence(row, datetime.now(UTC)),
        **{name: getattr(row, name) for name in names},
    )


def schedule_document_view(row: ScheduleRow) -> ScheduleDocumentView:
    """What one schedule shows."""
    return ScheduleDocumentView(**schedule_view(row).model_dump(), document=row.parsed())


def fire_view(row: FireRow) -> FireView:
    """What people see of an occurrence."""
    return FireView(**{name: getattr(row, name) for name in FireView.model_fields})


def line_view(line: PreviewLine) -> PreviewLineView:
    """What people see of an occurrence to come."""
    return PreviewLineView(at=line.at, runs=line.runs, notes=list(line.notes))
