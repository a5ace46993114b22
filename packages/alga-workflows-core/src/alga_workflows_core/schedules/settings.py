"""The settings of schedules."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alga_workflows_core.infra.settings import Settings


class ScheduleSettings(Settings):
    """How schedules are kept."""

    check: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_SCHEDULE_CHECK",
            gt=0,
            le=86400,
            description="Seconds between two looks at a schedule that nobody has changed.",
        ),
    ] = 600.0
    fires_days: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_SCHEDULE_FIRES_DAYS",
            gt=0,
            le=36500,
            description="Days for which it is kept what became of an occurrence.",
        ),
    ] = 90.0
