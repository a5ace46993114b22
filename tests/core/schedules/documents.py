"""Schedules for tests."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.schedules.document import ScheduleDocument


def schedule(when: str | dict[str, Any], **members: Any) -> ScheduleDocument:
    """A schedule of the definition `report`; `when` may be a cron expression."""
    return ScheduleDocument.model_validate(written(when, **members))


def written(when: str | dict[str, Any], **members: Any) -> dict[str, Any]:
    """The same as people write it."""
    timing = {"kind": "cron", "cron": when} if isinstance(when, str) else when
    return {"definition": "report", "when": timing, **members}
