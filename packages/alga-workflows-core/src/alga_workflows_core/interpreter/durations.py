"""When a wait is over: values of the document as moments of the run's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alga_workflows_core.calendars.durations import after, parse_duration
from alga_workflows_core.definition.document import Definition
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json


def due_after(text: str, now: datetime, zone: str) -> datetime:
    """The end of the duration `text` that begins `now`, in UTC. ValueError if it is none."""
    return after(parse_duration(text), now, zone)


def due_of_run(definition: Definition, now: datetime) -> datetime | None:
    """When the time of a run that begins now is over; None if it has no limit."""
    if definition.timeout_ms is not None:
        return now + timedelta(milliseconds=definition.timeout_ms)
    if definition.timeout is None:
        return None
    return due_after(definition.timeout, now, definition.zone)


def due_of(visit: Visit, duration: Json, milliseconds: int | None = None) -> datetime | None:
    """When a wait that begins now is over; None if it has no limit.

    `duration` is a value of the document. StepError `DURATION_INVALID` if it gives no duration.
    """
    now = visit.effects.now()
    if milliseconds is not None:
        return now + timedelta(milliseconds=milliseconds)
    if duration is None:
        return None
    text = visit.scope.resolve(duration, visit.path)
    if isinstance(text, str):
        try:
            return due_after(text, now, visit.run.zone)
        except (ValueError, OverflowError) as error:
            raise _invalid(visit, f"`{text[:80]}` cannot be waited for: {error}.") from error
    raise _invalid(visit, "A duration is a text as in P30D or PT15M.")


def moment_of(visit: Visit, value: Json) -> datetime:
    """The time that a value of the document gives; without an offset it is in the run's zone.

    StepError `TIME_INVALID` if it gives none. Milliseconds since 1970 are a time too.
    """
    found = visit.scope.resolve(value, visit.path)
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            return datetime.fromtimestamp(found / 1000, UTC)
        if isinstance(found, str):
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=ZoneInfo(visit.run.zone))
            return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise visit.error(
            "TIME_INVALID", Category.VALIDATION, f"{found!r:.80} is no time: {error}."
        ) from error
    message = "A time is a text as in 2026-12-24T18:00:00+01:00."
    raise visit.error("TIME_INVALID", Category.VALIDATION, message)


def _invalid(visit: Visit, message: str) -> Exception:
    return visit.error("DURATION_INVALID", Category.VALIDATION, message)
