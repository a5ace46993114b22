"""What jobs are set by."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from alga_workflows_core.infra.settings import Settings


class JobSettings(Settings):
    """How many jobs at a time, how long rows are kept, where hosts answer."""

    activity_slots: Annotated[
        int,
        Field(
            validation_alias="WORKFLOW_JOBS_AT_ONCE",
            ge=1,
            le=10_000,
            description="Jobs that one process performs at a time.",
        ),
    ] = 100
    keep_days: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_JOBS_KEEP_DAYS",
            gt=0,
            le=36_600,
            description="Days for which rows and results of ended jobs are kept.",
        ),
    ] = 30.0
    public_url: Annotated[
        str | None,
        Field(
            validation_alias="WORKFLOW_JOBS_PUBLIC_URL",
            pattern=r"^https?://[^?#\s]+[^?#\s/]$",
            description="Where hosts reach this service with later answers, without a slash at its "
            "end; not set: they get the path alone.",
        ),
    ] = None

    @property
    def keep(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(days=self.keep_days)
