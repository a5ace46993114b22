"""When working time is over: what every world answers that has its calendars at hand."""

from __future__ import annotations

from datetime import datetime

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.working_days import parse_working_time, working_time_after
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import StepError

OWN_CALENDAR = "default"
"""The name of the tenant's own calendar, which counts where none is named."""


def working_time_due(
    calendar: Calendar | None, name: str | None, duration: str, now: datetime
) -> datetime:
    """When the working time `duration` that begins `now` is over, in UTC; see `business_due`.

    `calendar` is the one that `name` stands for. StepError `CALENDAR_UNKNOWN` if there is none,
    `DURATION_INVALID` if `duration` is no working time, or more than the calendar has.
    """
    if calendar is None:
        what = "The tenant has no calendar of its own." if name is None else _missing(name)
        raise _error("CALENDAR_UNKNOWN", what)
    try:
        return working_time_after(calendar, parse_working_time(duration), now)
    except ValueError as error:
        message = f"`{duration[:80]}` cannot be waited for: {error}."
        raise _error("DURATION_INVALID", message) from error


def _missing(name: str) -> str:
    return f"There is no calendar {name!r}."


def _error(code: str, message: str) -> StepError:
    return StepError(ErrorInfo(code=code, category=Category.VALIDATION, message=message))
