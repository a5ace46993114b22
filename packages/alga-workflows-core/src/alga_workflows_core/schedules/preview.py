"""The next occurrences of a schedule, each with what is special about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.filtering import left_out
from alga_workflows_core.schedules.notes import clock_note
from alga_workflows_core.schedules.times import BoundedTimes, CronTimes, Times


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLine:
    """One occurrence: `at` with the offset of the schedule's zone. `notes` are sentences."""

    at: datetime
    runs: bool
    notes: tuple[str, ...]


def preview(
    document: ScheduleDocument, calendar: Calendar | None, start: datetime, count: int
) -> list[PreviewLine]:
    """The first `count` occurrences from `start` on, those too that the calendar leaves out.

    `calendar` is the one that the document names, if it names one.
    """
    lines: list[PreviewLine] = []
    for at, note in _with_clock_notes(document.times(), start):
        refusal = None
        if document.calendar is not None and calendar is not None:
            refusal = left_out(document.calendar, calendar, at)
        skipped = None if refusal is None else f"Skipped: {refusal}"
        lines.append(
            PreviewLine(
                at=at.astimezone(document.zone_info),
                runs=refusal is None,
                notes=tuple(each for each in (note, skipped) if each is not None),
            )
        )
        if len(lines) == count:
            break
    return lines


def _with_clock_notes(times: Times, start: datetime) -> Iterator[tuple[datetime, str | None]]:
    on_wall = times.times if isinstance(times, BoundedTimes) else times
    before: datetime | None = None
    for at in times.after(start - timedelta.resolution):
        note = clock_note(on_wall, at, before) if isinstance(on_wall, CronTimes) else None
        yield at, note
        before = at
