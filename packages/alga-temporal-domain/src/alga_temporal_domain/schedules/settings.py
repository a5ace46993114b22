"""The settings of the domain's schedules."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alga_workflows_core.infra.settings import Settings


class ConvergenceSettings(Settings):
    """How schedules are kept."""

    interval: Annotated[
        float,
        Field(
            validation_alias="WORKER_SCHEDULE_CHECK",
            ge=1,
            le=86400,
            description="Seconds between two looks at the domain's schedules.",
        ),
    ] = 180.0
